
/* Between the files of the core module. */

#ifndef _CARMEN_CORE_MODULE_H_INCLUDED_
#define _CARMEN_CORE_MODULE_H_INCLUDED_


#include "carmen_conf.h"


/* what a body may have: it is kept in memory, whole */
#define CARMEN_BODY_MAX  (16 * 1024 * 1024)


/* the directive carmen_postgres */
char *carmen_upstream_postgres(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* postconfiguration: statements, metrics and health of each pool */
ngx_int_t carmen_upstream_finish(ngx_conf_t *cf, carmen_main_conf_t *cmcf);


#endif /* _CARMEN_CORE_MODULE_H_INCLUDED_ */
