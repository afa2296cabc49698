
/* Sessions, API keys, certificates, roles and the audit: their routes. */

#ifndef _CARMEN_SESSIONS_H_INCLUDED_
#define _CARMEN_SESSIONS_H_INCLUDED_


#include <carmen.h>


extern carmen_domain_t  carmen_sessions_domain;


#endif /* _CARMEN_SESSIONS_H_INCLUDED_ */
