
/*
 * Access tokens: RFC 7519 as a JWS in compact form (RFC 7515), with what
 * RFC 8725 (best practice) and RFC 9068 (access tokens) ask for.  Needs of
 * nginx its types only, so that unit tests and a fuzzer can link it.
 *
 * Refused are: any algorithm but the key's own, "none", another "typ" than
 * at+jwt, "crit", keys brought along ("jku", "jwk", "x5u", "x5c"), repeated
 * members, padding and second spellings in base64url, and tokens of more than
 * CARMEN_JWT_MAX bytes.  Required are iss, aud, exp, iat, sub, client_id, jti
 * and tenant; nbf, sid, scope and cnf are taken when they are there.
 */

#ifndef _CARMEN_JWT_H_INCLUDED_
#define _CARMEN_JWT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <jansson.h>

#include "carmen_jwk.h"


#define CARMEN_JWT_MAX        8192       /* bytes of a token */
#define CARMEN_JWT_CLAIM_MAX  255        /* bytes of an identifying claim */
#define CARMEN_TENANT_MAX     63


/* what a token is measured by; constant once the configuration is read */

typedef struct {
    ngx_str_t                 issuer;
    ngx_str_t                *audiences;
    ngx_uint_t                naudiences;
    time_t                    leeway;    /* seconds, for exp, nbf and iat */
    carmen_jwk_t             *keys;
    ngx_uint_t                nkeys;
} carmen_verifier_t;


/* the strings point into "claims" */

typedef struct {
    ngx_str_t                 tenant;
    ngx_str_t                 subject;
    ngx_str_t                 client;
    ngx_str_t                 session;   /* may be empty */
    ngx_str_t                 jti;
    ngx_str_t                 scope;     /* may be empty */
    ngx_str_t                 jkt;       /* of cnf; 43 bytes or empty */
    ngx_str_t                 x5t;       /* its x5t#S256, the same */
    time_t                    issued;    /* iat */
    time_t                    exp;
    json_t                   *claims;
} carmen_jwt_t;


/*
 * NGX_OK: *jwt is filled and to be released.  NGX_ABORT: refused for good;
 * *why says what is wrong, a static text that may be shown to the client, and
 * *jwt is empty.  NGX_DECLINED: the same, but only its time has not come yet.
 */
ngx_int_t carmen_jwt_verify(const carmen_verifier_t *v, const u_char *token,
    size_t len, time_t now, carmen_jwt_t *jwt, const char **why);

void carmen_jwt_release(carmen_jwt_t *jwt);

/* ^[a-z0-9][a-z0-9_-]{0,62}$ */
ngx_uint_t carmen_tenant_valid(const u_char *name, size_t len);


#endif /* _CARMEN_JWT_H_INCLUDED_ */
