
/*
 * Keys of tokens (RFC 7517, 7518, 8037).  A key is for one algorithm, fixed
 * when it is read: what a token says about itself only has to agree.
 */

#ifndef _CARMEN_JWK_H_INCLUDED_
#define _CARMEN_JWK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/evp.h>


#define CARMEN_JWK_RSA_MIN     2048      /* bits; RFC 7518 section 3.3 */
#define CARMEN_JWK_RSA_MAX     8192
#define CARMEN_JWK_SECRET_MIN  32        /* bytes; RFC 7518 section 3.2 */
#define CARMEN_JWK_KID_MAX     128

#define CARMEN_SIGNATURE_MAX   (CARMEN_JWK_RSA_MAX / 8)


typedef enum {
    CARMEN_ALG_ANY = 0,
    CARMEN_ALG_ES256,
    CARMEN_ALG_EDDSA,                    /* Ed25519 */
    CARMEN_ALG_RS256,
    CARMEN_ALG_HS256
} carmen_alg_e;


typedef struct {
    ngx_str_t                 kid;       /* empty: HS256 without a name */
    carmen_alg_e              alg;
    EVP_PKEY                 *pkey;      /* NULL for HS256 */
    ngx_str_t                 secret;    /* HS256; in the pool */
    ngx_str_t                 jwk;       /* public, JSON; empty for HS256 */
    unsigned                  private:1; /* can sign */
} carmen_jwk_t;


/* CARMEN_ALG_ANY when it is none that is supported */
carmen_alg_e carmen_alg_find(const char *name, size_t len);
const char *carmen_alg_name(carmen_alg_e alg);

/*
 * Reads a JWK, a JWK set or a PEM key and appends a carmen_jwk_t for each to
 * "keys".  "kid" (NUL-terminated, may be NULL) names a single key, whatever
 * the file says; "alg" (may be CARMEN_ALG_ANY) must fit.  A key without a kid
 * gets its thumbprint (RFC 7638).  Keys of a set with "use":"enc" are passed
 * over.
 * NGX_OK; NGX_DECLINED: *why says what is wrong; NGX_ERROR: memory.
 * The appended keys are to be freed also when it fails.
 */
ngx_int_t carmen_jwk_read(ngx_pool_t *pool, ngx_str_t *text, ngx_str_t *kid,
    carmen_alg_e alg, ngx_array_t *keys, const char **why);

/*
 * Makes key->jwk, and key->kid if it has none: the thumbprint.  NGX_OK,
 * NGX_ERROR.  carmen_jwk_read() has done it already.
 */
ngx_int_t carmen_jwk_publish(ngx_pool_t *pool, carmen_jwk_t *key);

/* releases what is not in the pool, and wipes a secret */
void carmen_jwk_free(carmen_jwk_t *key);

/* NGX_OK, or NGX_DECLINED; leaves nothing in OpenSSL's error queue */
ngx_int_t carmen_jwk_verify(const carmen_jwk_t *key, const u_char *data,
    size_t len, const u_char *sig, size_t sig_len);

/*
 * Signs as JWS wants it; ES256 and EdDSA (and HS256 for tests).
 * "sig" has CARMEN_SIGNATURE_MAX bytes.  NGX_OK, NGX_ERROR.
 */
ngx_int_t carmen_jwk_sign(const carmen_jwk_t *key, const u_char *data,
    size_t len, u_char *sig, size_t *sig_len);


#endif /* _CARMEN_JWK_H_INCLUDED_ */
