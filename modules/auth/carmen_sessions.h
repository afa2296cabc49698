
/* Sessions, API keys, certificates, roles and the audit: their routes. */

#ifndef _CARMEN_SESSIONS_H_INCLUDED_
#define _CARMEN_SESSIONS_H_INCLUDED_


#include <carmen.h>


extern carmen_domain_t  carmen_sessions_domain;
extern carmen_domain_t  carmen_roles_domain;

/* makes an API key; carmen_key_issue.c */
ngx_int_t carmen_key_create(carmen_request_t *cr);


#endif /* _CARMEN_SESSIONS_H_INCLUDED_ */
