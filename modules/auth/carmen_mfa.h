
/* Second factors: what their files share. */

#ifndef _CARMEN_MFA_H_INCLUDED_
#define _CARMEN_MFA_H_INCLUDED_


#include "carmen_auth.h"
#include "carmen_totp.h"
#include "carmen_webauthn.h"


#define CARMEN_MFA_PATIENCE  300         /* seconds a challenge is good for */

/* "{hash,...}" and "[\"code\",...]" with their NULs */
#define CARMEN_MFA_HASHES                                                     \
    (CARMEN_RECOVERY_CODES * (CARMEN_RECOVERY_HASH + 1) + 2)
#define CARMEN_MFA_CODES                                                      \
    (CARMEN_RECOVERY_CODES * (CARMEN_RECOVERY_TEXT + 3) + 2)


/* new recovery codes, for the database and for the user; in the pool */

typedef struct {
    ngx_str_t                 hashes;
    ngx_str_t                 codes;         /* a JSON array */
} carmen_mfa_codes_t;


extern carmen_domain_t  carmen_mfa_domain;


/* configuration time */
char *carmen_mfa_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *carmen_mfa_merge(ngx_conf_t *cf, carmen_auth_conf_t *prev,
    carmen_auth_conf_t *conf);


/* handlers of the routes */
ngx_int_t carmen_mfa_check(carmen_request_t *cr);
ngx_int_t carmen_mfa_step_up(carmen_request_t *cr);
ngx_int_t carmen_mfa_options(carmen_request_t *cr);
ngx_int_t carmen_passkey_options(carmen_request_t *cr);
ngx_int_t carmen_passkey_enrol(carmen_request_t *cr);
ngx_int_t carmen_passkey_add(carmen_request_t *cr);
ngx_int_t carmen_passkey_remove(carmen_request_t *cr);
ngx_int_t carmen_totp_begin(carmen_request_t *cr);
ngx_int_t carmen_totp_confirm(carmen_request_t *cr);
ngx_int_t carmen_totp_remove(carmen_request_t *cr);
ngx_int_t carmen_recovery_renew(carmen_request_t *cr);


/* a text of the body, data NULL when it is not there */
ngx_str_t carmen_mfa_field(carmen_request_t *cr, const char *name);
ngx_str_t carmen_mfa_member(json_t *object, const char *name);

/* copies into the pool, ends with NUL; data NULL: no memory */
ngx_str_t carmen_mfa_copy(ngx_pool_t *pool, ngx_str_t value);
ngx_str_t carmen_mfa_number(ngx_pool_t *pool, int64_t n);

/* base64url; NGX_OK, NGX_DECLINED, NGX_ERROR */
ngx_int_t carmen_mfa_decode(ngx_pool_t *pool, ngx_str_t text,
    ngx_str_t *value);
ngx_str_t carmen_mfa_encode(ngx_pool_t *pool, ngx_str_t value);

/* a WebAuthn challenge as text; data NULL: failed */
ngx_str_t carmen_mfa_random(ngx_pool_t *pool);

/* NGX_OK, NGX_ERROR */
ngx_int_t carmen_mfa_codes(ngx_pool_t *pool, carmen_mfa_codes_t *codes);

/* answers 401 with a challenge (RFC 9110 section 15.5.2) */
void carmen_mfa_refuse(carmen_request_t *cr, const char *problem,
    const char *detail, ngx_str_t *members);

/* answers 429 */
void carmen_mfa_wait(carmen_request_t *cr, time_t wait);

/* answers 422 for a member of the body */
void carmen_mfa_invalid(carmen_request_t *cr, const char *pointer,
    const char *detail);

/* answers with 500 if carmen_query() could not begin */
void carmen_mfa_run(carmen_request_t *cr, ngx_int_t rc);

/* answers with a text that json_dumps() made, and frees "object" */
void carmen_mfa_reply(carmen_request_t *cr, ngx_uint_t status,
    json_t *object);

/* acr, amr and auth_time of a result's row */
void carmen_auth_assurance(ngx_pool_t *pool, carmen_result_t *result,
    carmen_grant_t *grant);

/* the answer to a login that needs a second factor */
void carmen_mfa_required(carmen_request_t *cr, ngx_str_t *token,
    ngx_str_t *methods);


#endif /* _CARMEN_MFA_H_INCLUDED_ */
