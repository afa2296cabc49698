
/* Change and reset of passwords, and verification of e-mail addresses. */

#ifndef _CARMEN_PASSWORDS_H_INCLUDED_
#define _CARMEN_PASSWORDS_H_INCLUDED_


#include "carmen_mfa.h"


extern carmen_domain_t  carmen_passwords_domain;


/* configuration time */
char *carmen_passwords_hash(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *carmen_passwords_blocklist(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
void carmen_passwords_merge(carmen_auth_conf_t *prev,
    carmen_auth_conf_t *conf);

/* handlers of the routes */
ngx_int_t carmen_passwords_change(carmen_request_t *cr);
ngx_int_t carmen_passwords_forgot(carmen_request_t *cr);
ngx_int_t carmen_passwords_reset(carmen_request_t *cr);
ngx_int_t carmen_email_verification(carmen_request_t *cr);
ngx_int_t carmen_email_verify(carmen_request_t *cr);


#endif /* _CARMEN_PASSWORDS_H_INCLUDED_ */
