
/*
 * Tokens that are bound to a key of their holder: DPoP (RFC 9449) and client
 * certificates (RFC 8705).
 */

#ifndef _CARMEN_BINDING_H_INCLUDED_
#define _CARMEN_BINDING_H_INCLUDED_


#include "carmen_auth.h"


#define CARMEN_THUMBPRINT  43                /* base64url of a SHA-256 */


/*
 * The DPoP proof of a request.  "token" is the access token that it comes
 * with, or NULL where one is asked for.  NGX_OK: *jkt is the thumbprint of its
 * key; NGX_AGAIN: there is no proof; NGX_DECLINED: *why, a static text, says
 * what is wrong with it; NGX_BUSY: it cannot be remembered; NGX_ERROR.
 */
ngx_int_t carmen_dpop_check(ngx_http_request_t *r, carmen_auth_conf_t *acf,
    ngx_str_t *token, ngx_str_t *jkt, const char **why);

/*
 * The certificate that the client has shown and proved to own, whoever signed
 * it.  NGX_OK: *x5t is its thumbprint; NGX_DECLINED: there is none; NGX_ERROR.
 */
ngx_int_t carmen_certificate(ngx_http_request_t *r, ngx_str_t *x5t);

/* its public key; NULL: there is none; to be freed */
EVP_PKEY *carmen_certificate_key(ngx_http_request_t *r);

/* its subject (RFC 4514) if nginx has verified its chain; else NGX_DECLINED */
ngx_int_t carmen_certificate_subject(ngx_http_request_t *r, ngx_str_t *dn);

/*
 * Whether a token with these thumbprints (empty: not bound) may be used with
 * this request; "dpop" is set when it came with that scheme.  NULL: it may;
 * else a static text, why not.
 */
const char *carmen_binding_refuses(ngx_http_request_t *r,
    carmen_auth_conf_t *acf, ngx_str_t *token, ngx_uint_t dpop,
    const ngx_str_t *jkt, const ngx_str_t *x5t);


#endif /* _CARMEN_BINDING_H_INCLUDED_ */
