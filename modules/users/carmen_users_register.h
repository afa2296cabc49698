
/* POST /users: registration, whose password is hashed in a thread. */

#ifndef _CARMEN_USERS_REGISTER_H_INCLUDED_
#define _CARMEN_USERS_REGISTER_H_INCLUDED_


#include <carmen.h>


ngx_int_t carmen_users_register(carmen_request_t *cr);

/*
 * NIST SP 800-63B section 5.1.1.2: NGX_DECLINED for a password that is tried
 * first: one of a short list, or the e-mail address or its local part.
 * Length is checked by the field table.
 */
ngx_int_t carmen_users_password_check(ngx_str_t *password, ngx_str_t *email);


#endif /* _CARMEN_USERS_REGISTER_H_INCLUDED_ */
