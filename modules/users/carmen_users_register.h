
/* POST /users: registration, whose password is hashed in a thread. */

#ifndef _CARMEN_USERS_REGISTER_H_INCLUDED_
#define _CARMEN_USERS_REGISTER_H_INCLUDED_


#include <carmen.h>


ngx_int_t carmen_users_register(carmen_request_t *cr);


#endif /* _CARMEN_USERS_REGISTER_H_INCLUDED_ */
