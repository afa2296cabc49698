
/* What the world may know of a key: its name and its public JWK. */

#include "carmen_jwk.h"
#include "carmen_base64url.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>


#define jwk_put(p, text)  ngx_cpymem(p, text, sizeof(text) - 1)


static size_t jwk_canonical(EVP_PKEY *pkey, carmen_alg_e alg, char *buf,
    size_t size);
static u_char *jwk_bn_text(EVP_PKEY *pkey, const char *param, int width,
    u_char *p, u_char *last);


ngx_int_t
carmen_jwk_publish(ngx_pool_t *pool, carmen_jwk_t *key)
{
    char           text[CARMEN_JWK_RSA_MAX / 8 * 2];
    u_char        *p, md[32];
    size_t         len;
    unsigned int   mdlen;

    len = jwk_canonical(key->pkey, key->alg, text, sizeof(text));
    if (len == 0) {
        return NGX_ERROR;
    }

    if (key->kid.len == 0) {
        key->kid.len = carmen_base64url_len(sizeof(md));
        key->kid.data = ngx_pnalloc(pool, key->kid.len);

        if (key->kid.data == NULL
            || EVP_Digest(text, len, md, &mdlen, EVP_sha256(), NULL) != 1)
        {
            return NGX_ERROR;
        }

        (void) carmen_base64url_encode(key->kid.data, md, sizeof(md));
    }

    key->jwk.data = ngx_pnalloc(pool, len + key->kid.len
                      + sizeof(",\"alg\":\"\",\"use\":\"sig\",\"kid\":\"\"}")
                      + sizeof("EdDSA"));
    if (key->jwk.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(key->jwk.data, text, len - 1);
    p = jwk_put(p, ",\"alg\":\"");
    p = ngx_cpymem(p, carmen_alg_name(key->alg),
                   ngx_strlen(carmen_alg_name(key->alg)));
    p = jwk_put(p, "\",\"use\":\"sig\",\"kid\":\"");
    p = ngx_cpymem(p, key->kid.data, key->kid.len);
    p = jwk_put(p, "\"}");

    key->jwk.len = p - key->jwk.data;

    return NGX_OK;
}


/* RFC 7638 section 3.2: the required members, sorted, no white space */

static size_t
jwk_canonical(EVP_PKEY *pkey, carmen_alg_e alg, char *buf, size_t size)
{
    u_char  *p, *last, raw[32];
    size_t   len;

    p = (u_char *) buf;
    last = p + size - 32;

    switch (alg) {

    case CARMEN_ALG_ES256:
        p = jwk_put(p, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"");
        p = jwk_bn_text(pkey, OSSL_PKEY_PARAM_EC_PUB_X, 32, p, last);

        if (p) {
            p = jwk_put(p, "\",\"y\":\"");
            p = jwk_bn_text(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, 32, p, last);
        }

        break;

    case CARMEN_ALG_EDDSA:
        len = sizeof(raw);
        p = jwk_put(p, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"");
        p = EVP_PKEY_get_raw_public_key(pkey, raw, &len) == 1
            ? carmen_base64url_encode(p, raw, len) : NULL;
        break;

    case CARMEN_ALG_RS256:
        p = jwk_put(p, "{\"e\":\"");
        p = jwk_bn_text(pkey, OSSL_PKEY_PARAM_RSA_E, 0, p, last);

        if (p) {
            p = jwk_put(p, "\",\"kty\":\"RSA\",\"n\":\"");
            p = jwk_bn_text(pkey, OSSL_PKEY_PARAM_RSA_N, 0, p, last);
        }

        break;

    default:
        p = NULL;
    }

    if (p == NULL) {
        return 0;
    }

    p = jwk_put(p, "\"}");

    return p - (u_char *) buf;
}


static u_char *
jwk_bn_text(EVP_PKEY *pkey, const char *param, int width, u_char *p,
    u_char *last)
{
    u_char   bytes[CARMEN_JWK_RSA_MAX / 8];
    BIGNUM  *bn;

    bn = NULL;

    if (EVP_PKEY_get_bn_param(pkey, param, &bn) != 1) {
        return NULL;
    }

    if (width == 0) {
        width = BN_num_bytes(bn);
    }

    if (width > (int) sizeof(bytes)
        || carmen_base64url_len(width) > last - p
        || BN_bn2binpad(bn, bytes, width) != width)
    {
        p = NULL;

    } else {
        p = carmen_base64url_encode(p, bytes, width);
    }

    BN_free(bn);

    return p;
}
