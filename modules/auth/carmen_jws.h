
/*
 * Signed messages that others make and prove something with: client
 * assertions and DPoP proofs.  Public keys only: "none" and HS256 are refused,
 * and so are keys and extensions that a header brings along, but for the
 * "jwk" of a DPoP proof.
 */

#ifndef _CARMEN_JWS_H_INCLUDED_
#define _CARMEN_JWS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <jansson.h>

#include "carmen_jwk.h"


#define CARMEN_JWS_MAX  8192


typedef struct {
    json_t                   *header;
    json_t                   *claims;
    ngx_str_t                 input;         /* what is signed */
    size_t                    sig_len;
    u_char                    sig[CARMEN_SIGNATURE_MAX];
    carmen_alg_e              alg;
} carmen_jws_t;


/*
 * NGX_OK; NGX_DECLINED: *why, a static text, says what is wrong; NGX_ERROR.
 * Nothing is believed yet.  What is allocated goes with the pool.
 */
ngx_int_t carmen_jws_read(ngx_pool_t *pool, ngx_str_t *text,
    ngx_uint_t brings_key, carmen_jws_t *jws, const char **why);

/*
 * The key of a set ({"keys":[]}) that the header names, or the only one that
 * fits its algorithm; NULL: there is none, or it is for another algorithm.
 */
carmen_jwk_t *carmen_jws_key(ngx_pool_t *pool, carmen_jws_t *jws,
    json_t *set);

/* a public JWK; without a kid it gets its thumbprint; NULL: it is none */
carmen_jwk_t *carmen_jws_jwk(ngx_pool_t *pool, json_t *jwk);

/* NGX_OK, NGX_DECLINED */
ngx_int_t carmen_jws_verify(carmen_jws_t *jws, const carmen_jwk_t *key);

/* "typ" in lower case letters, without "application/" */
ngx_uint_t carmen_jws_is(carmen_jws_t *jws, const char *typ);

/* a NumericDate; NGX_OK, NGX_DECLINED: it is absent or none */
ngx_int_t carmen_jws_time(json_t *claims, const char *name, time_t *t);

/* lets go of a JSON value with the pool; NULL: no memory, or value is NULL */
json_t *carmen_json_keep(ngx_pool_t *pool, json_t *value);


#endif /* _CARMEN_JWS_H_INCLUDED_ */
