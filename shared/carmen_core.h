
/* What the files of the core include, in place of carmen.h. */

#ifndef _CARMEN_CORE_H_INCLUDED_
#define _CARMEN_CORE_H_INCLUDED_


#define CARMEN_CORE  1

#include "carmen.h"
#include "api/carmen_registry.h"


#endif /* _CARMEN_CORE_H_INCLUDED_ */
