
/*
 * Credentials that the database knows: API keys, and certificates of clients.
 * What was found is kept with the verified tokens of the worker for a minute,
 * and checked against revocations as they are.
 */

#ifndef _CARMEN_CREDENTIAL_H_INCLUDED_
#define _CARMEN_CREDENTIAL_H_INCLUDED_


#include "carmen_auth.h"


#define CARMEN_KEY_PREFIX  "ck_"

#define carmen_key_looks(token)                                               \
    ((token)->len > sizeof(CARMEN_KEY_PREFIX) - 1                             \
     && ngx_strncmp((token)->data, CARMEN_KEY_PREFIX,                         \
                    sizeof(CARMEN_KEY_PREFIX) - 1) == 0)


/*
 * As carmen_identify_pt, but for the token, held for the caller.  NGX_DECLINED
 * of a certificate: it stands for nobody.
 */
ngx_int_t carmen_key_identify(ngx_http_request_t *r, carmen_auth_conf_t *acf,
    ngx_str_t *key, carmen_token_t **token);
ngx_int_t carmen_certificate_identify(ngx_http_request_t *r,
    carmen_auth_conf_t *acf, carmen_token_t **token);

/* the value of X-API-Key, data NULL if there is none */
ngx_str_t carmen_key_header(ngx_http_request_t *r);

/* of carmen_identify.c: the worker's cache (or NULL), and SHA-256 */
carmen_token_cache_t *carmen_identify_cache(void);
ngx_int_t carmen_identify_digest(ngx_str_t *text, u_char *digest);

/* 503: nobody can say who it is; returns NGX_ERROR */
ngx_int_t carmen_identify_unknown(ngx_http_request_t *r, const char *why);


#endif /* _CARMEN_CREDENTIAL_H_INCLUDED_ */
