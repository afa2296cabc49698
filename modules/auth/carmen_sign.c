
/* Signatures of JWS (RFC 7518 section 3, RFC 8037 section 3.1). */

#include "carmen_jwk.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>


#define ES256_HALF     32
#define ES256_LEN      (2 * ES256_HALF)
#define EDDSA_LEN      64
#define HS256_LEN      32
#define ES256_DER_MAX  80


static ngx_int_t
sign_hmac(const carmen_jwk_t *key, const u_char *data, size_t len,
    u_char *mac)
{
    size_t  n;

    if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key->secret.data,
                  key->secret.len, data, len, mac, HS256_LEN, &n)
        == NULL
        || n != HS256_LEN)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* RFC 7518 section 3.4: R and S, 32 bytes each; OpenSSL wants DER */

static size_t
sign_es256_to_der(const u_char *sig, u_char *der)
{
    int         len;
    u_char     *p;
    BIGNUM     *r, *s;
    ECDSA_SIG  *ec;

    len = 0;
    ec = ECDSA_SIG_new();
    r = BN_bin2bn(sig, ES256_HALF, NULL);
    s = BN_bin2bn(sig + ES256_HALF, ES256_HALF, NULL);

    if (ec == NULL || r == NULL || s == NULL
        || ECDSA_SIG_set0(ec, r, s) != 1)
    {
        BN_free(r);
        BN_free(s);

    } else if (i2d_ECDSA_SIG(ec, NULL) <= ES256_DER_MAX) {
        p = der;
        len = i2d_ECDSA_SIG(ec, &p);
    }

    ECDSA_SIG_free(ec);

    return len > 0 ? (size_t) len : 0;
}


static ngx_int_t
sign_es256_from_der(const u_char *der, size_t len, u_char *sig)
{
    ngx_int_t   rc;
    ECDSA_SIG  *ec;

    ec = d2i_ECDSA_SIG(NULL, &der, (long) len);

    rc = ec
         && BN_bn2binpad(ECDSA_SIG_get0_r(ec), sig, ES256_HALF) == ES256_HALF
         && BN_bn2binpad(ECDSA_SIG_get0_s(ec), sig + ES256_HALF, ES256_HALF)
            == ES256_HALF
         ? NGX_OK : NGX_ERROR;

    ECDSA_SIG_free(ec);

    return rc;
}


ngx_int_t
carmen_jwk_verify(const carmen_jwk_t *key, const u_char *data, size_t len,
    const u_char *sig, size_t sig_len)
{
    u_char       buf[ES256_DER_MAX];
    ngx_int_t    rc;
    const char  *md;
    EVP_MD_CTX  *ctx;

    switch (key->alg) {

    case CARMEN_ALG_HS256:
        rc = sig_len == HS256_LEN
             && sign_hmac(key, data, len, buf) == NGX_OK
             && CRYPTO_memcmp(buf, sig, HS256_LEN) == 0
             ? NGX_OK : NGX_DECLINED;

        OPENSSL_cleanse(buf, HS256_LEN);
        ERR_clear_error();
        return rc;

    case CARMEN_ALG_ES256:
        if (sig_len != ES256_LEN) {
            return NGX_DECLINED;
        }

        sig_len = sign_es256_to_der(sig, buf);
        sig = buf;
        md = "SHA256";
        break;

    case CARMEN_ALG_EDDSA:
        if (sig_len != EDDSA_LEN) {
            return NGX_DECLINED;
        }

        md = NULL;
        break;

    case CARMEN_ALG_RS256:
        if (sig_len != (size_t) EVP_PKEY_get_size(key->pkey)) {
            return NGX_DECLINED;
        }

        md = "SHA256";
        break;

    default:
        return NGX_DECLINED;
    }

    ctx = EVP_MD_CTX_new();

    rc = ctx && sig_len
         && EVP_DigestVerifyInit_ex(ctx, NULL, md, NULL, NULL, key->pkey,
                                    NULL)
            == 1
         && EVP_DigestVerify(ctx, sig, sig_len, data, len) == 1
         ? NGX_OK : NGX_DECLINED;

    EVP_MD_CTX_free(ctx);
    ERR_clear_error();

    return rc;
}


ngx_int_t
carmen_jwk_sign(const carmen_jwk_t *key, const u_char *data, size_t len,
    u_char *sig, size_t *sig_len)
{
    u_char       der[ES256_DER_MAX];
    ngx_int_t    rc;
    EVP_MD_CTX  *ctx;

    if (key->alg == CARMEN_ALG_HS256) {
        *sig_len = HS256_LEN;
        return sign_hmac(key, data, len, sig);
    }

    if (!key->private) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;
    ctx = EVP_MD_CTX_new();

    if (ctx == NULL) {
        return NGX_ERROR;
    }

    switch (key->alg) {

    case CARMEN_ALG_ES256:
        *sig_len = sizeof(der);

        if (EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key->pkey,
                                  NULL)
            == 1
            && EVP_DigestSign(ctx, der, sig_len, data, len) == 1)
        {
            rc = sign_es256_from_der(der, *sig_len, sig);
            *sig_len = ES256_LEN;
        }

        break;

    case CARMEN_ALG_EDDSA:
    case CARMEN_ALG_RS256:
        *sig_len = CARMEN_SIGNATURE_MAX;

        if (EVP_DigestSignInit_ex(ctx, NULL,
                                  key->alg == CARMEN_ALG_RS256 ? "SHA256"
                                                               : NULL,
                                  NULL, NULL, key->pkey, NULL)
            == 1
            && EVP_DigestSign(ctx, sig, sig_len, data, len) == 1)
        {
            rc = NGX_OK;
        }

        break;

    default:
        break;
    }

    EVP_MD_CTX_free(ctx);
    ERR_clear_error();

    return rc;
}
