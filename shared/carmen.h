
/*
 * The API of the Carmen core for domain modules.
 *
 * A domain module includes this header and nothing else of shared/.  All
 * carmen_* functions live in ngx_http_carmen_core_module.so; a domain module
 * sees them as weak symbols, so that it can be loaded, and can say what is
 * missing, when the core was not loaded before it.
 */

#ifndef _CARMEN_H_INCLUDED_
#define _CARMEN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * Raised with every change of a structure or a function below.  The core
 * refuses a domain module that was built against another number.
 */
#define CARMEN_ABI  2


#ifdef CARMEN_CORE
#define CARMEN_API  __attribute__((visibility("default")))
#else
#define CARMEN_API  __attribute__((weak))
#endif


#include "wire/pg/carmen_statement.h"
#include "api/carmen_field.h"
#include "api/carmen_problem.h"
#include "api/carmen_identity.h"
#include "api/carmen_request.h"
#include "api/carmen_password.h"
#include "api/carmen_route.h"
#include "api/carmen_domain.h"
#include "api/carmen_metric.h"
#include "api/carmen_background.h"
#include "wire/http/carmen_fetch.h"
#include "api/carmen_plain.h"
#include "api/carmen_form.h"


#endif /* _CARMEN_H_INCLUDED_ */
