
/* Authenticator data and public keys. */

#include "carmen_webauthn.h"
#include "carmen_cbor.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>


#define DATA_HEAD  37                    /* hash, flags, counter */


/* labels of RFC 9052, 9053 and 8230 */

typedef struct {
    int64_t                   kty;
    int64_t                   alg;
    int64_t                   crv;
    ngx_str_t                 a;         /* -2: x; -1 of RSA: n */
    ngx_str_t                 b;         /* -3: y; -2 of RSA: e */
} data_cose_t;


static ngx_int_t data_refuse(const char **why, const char *text);
static ngx_int_t data_cose(const ngx_str_t *text, data_cose_t *cose);
static ngx_int_t data_cose_member(data_cose_t *cose, int64_t label,
    const carmen_cbor_item_t *value);
static EVP_PKEY *data_ec(const data_cose_t *cose);
static EVP_PKEY *data_rsa(const data_cose_t *cose);
static EVP_PKEY *data_key(const char *type, OSSL_PARAM_BLD *bld);


static ngx_int_t
data_refuse(const char **why, const char *text)
{
    *why = text;

    return NGX_DECLINED;
}


/* section 6.1 */

ngx_int_t
carmen_webauthn_data(const ngx_str_t *text, carmen_webauthn_data_t *data,
    const char **why)
{
    size_t               len;
    const u_char        *p, *last;
    carmen_cbor_t        c;
    carmen_cbor_item_t   item;

    static const char  malformed[] = "The authenticator data is malformed.";

    ngx_memzero(data, sizeof(carmen_webauthn_data_t));

    p = text->data;
    last = p + text->len;

    if (text->len < DATA_HEAD) {
        return data_refuse(why, malformed);
    }

    data->rp_hash = p;
    data->flags = p[32];
    data->count = ((uint32_t) p[33] << 24) | (p[34] << 16) | (p[35] << 8)
                  | p[36];
    p += DATA_HEAD;

    if ((data->flags & CARMEN_WEBAUTHN_BS)
        && !(data->flags & CARMEN_WEBAUTHN_BE))
    {
        return data_refuse(why, malformed);
    }

    if (data->flags & CARMEN_WEBAUTHN_AT) {

        if (last - p < 18) {
            return data_refuse(why, malformed);
        }

        data->aaguid = p;
        len = (p[16] << 8) | p[17];
        p += 18;

        if (len == 0 || len > CARMEN_WEBAUTHN_ID_MAX
            || (size_t) (last - p) < len)
        {
            return data_refuse(why, malformed);
        }

        data->id.data = (u_char *) p;
        data->id.len = len;
        p += len;

        c.pos = p;
        c.last = last;

        if (carmen_cbor_skip(&c) != NGX_OK) {
            return data_refuse(why, malformed);
        }

        data->cose.data = (u_char *) p;
        data->cose.len = c.pos - p;
        p = c.pos;
    }

    if (data->flags & CARMEN_WEBAUTHN_ED) {
        c.pos = p;
        c.last = last;

        if (carmen_cbor_next(&c, &item) != NGX_OK
            || item.type != CARMEN_CBOR_MAP)
        {
            return data_refuse(why, malformed);
        }

        c.pos = p;

        if (carmen_cbor_skip(&c) != NGX_OK) {
            return data_refuse(why, malformed);
        }

        p = c.pos;
    }

    return p == last ? NGX_OK : data_refuse(why, malformed);
}


ngx_int_t
carmen_webauthn_cose(const ngx_str_t *text, carmen_webauthn_key_t *key,
    const char **why)
{
    data_cose_t  cose;

    key->pkey = NULL;

    if (data_cose(text, &cose) != NGX_OK) {
        return data_refuse(why, "The public key is malformed.");
    }

    if (cose.kty == 2 && cose.alg == -7 && cose.crv == 1) {
        key->alg = CARMEN_ALG_ES256;
        key->pkey = data_ec(&cose);

    } else if (cose.kty == 1 && cose.alg == -8 && cose.crv == 6) {
        key->alg = CARMEN_ALG_EDDSA;

        if (cose.a.len == 32 && cose.b.data == NULL) {
            key->pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
                                                    cose.a.data, cose.a.len);
        }

    } else if (cose.kty == 3 && cose.alg == -257) {
        key->alg = CARMEN_ALG_RS256;
        key->pkey = data_rsa(&cose);

    } else {
        return data_refuse(why, "The algorithm of the key is not supported.");
    }

    ERR_clear_error();

    return key->pkey ? NGX_OK
                     : data_refuse(why, "The public key is not valid.");
}


static ngx_int_t
data_cose(const ngx_str_t *text, data_cose_t *cose)
{
    int64_t              label;
    uint64_t             n;
    carmen_cbor_t        c;
    carmen_cbor_item_t   map, item, value;

    ngx_memzero(cose, sizeof(data_cose_t));

    c.pos = text->data;
    c.last = text->data + text->len;

    if (carmen_cbor_next(&c, &map) != NGX_OK || map.type != CARMEN_CBOR_MAP)
    {
        return NGX_DECLINED;
    }

    for (n = 0; n < map.value; n++) {

        if (carmen_cbor_next(&c, &item) != NGX_OK
            || carmen_cbor_int(&item, &label) != NGX_OK
            || carmen_cbor_next(&c, &value) != NGX_OK
            || data_cose_member(cose, label, &value) != NGX_OK)
        {
            return NGX_DECLINED;
        }
    }

    return c.pos == c.last ? NGX_OK : NGX_DECLINED;
}


/* each once; others are refused: CTAP2 has no more in it */

static ngx_int_t
data_cose_member(data_cose_t *cose, int64_t label,
    const carmen_cbor_item_t *value)
{
    int64_t    *n;
    ngx_str_t  *s;

    n = label == 1 ? &cose->kty
        : label == 3 ? &cose->alg
        : label == -1 && value->type != CARMEN_CBOR_BYTES ? &cose->crv
        : NULL;

    if (n) {
        return *n == 0 ? carmen_cbor_int(value, n) : NGX_DECLINED;
    }

    /* RSA has n at -1 and e at -2, the others x at -2 and y at -3 */

    s = label == -1 ? &cose->a
        : label == -2 ? (cose->crv ? &cose->a : &cose->b)
        : label == -3 && cose->crv ? &cose->b
        : NULL;

    if (s == NULL || s->data || value->type != CARMEN_CBOR_BYTES) {
        return NGX_DECLINED;
    }

    s->data = (u_char *) value->data;
    s->len = value->value;

    return NGX_OK;
}


/* the point is checked to be on the curve */

static EVP_PKEY *
data_ec(const data_cose_t *cose)
{
    u_char           point[65];
    EVP_PKEY        *pkey;
    OSSL_PARAM_BLD  *bld;

    if (cose->a.len != 32 || cose->b.len != 32) {
        return NULL;
    }

    point[0] = POINT_CONVERSION_UNCOMPRESSED;
    ngx_memcpy(point + 1, cose->a.data, 32);
    ngx_memcpy(point + 33, cose->b.data, 32);

    bld = OSSL_PARAM_BLD_new();
    pkey = NULL;

    if (bld
        && OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME,
                                           "prime256v1", 0)
        && OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY,
                                            point, sizeof(point)))
    {
        pkey = data_key("EC", bld);
    }

    OSSL_PARAM_BLD_free(bld);

    return pkey;
}


static EVP_PKEY *
data_rsa(const data_cose_t *cose)
{
    BIGNUM          *n, *e;
    EVP_PKEY        *pkey;
    OSSL_PARAM_BLD  *bld;

    if (cose->crv || cose->a.len == 0 || cose->b.len == 0
        || cose->a.len > CARMEN_JWK_RSA_MAX / 8 || cose->b.len > 4)
    {
        return NULL;
    }

    n = BN_bin2bn(cose->a.data, cose->a.len, NULL);
    e = BN_bin2bn(cose->b.data, cose->b.len, NULL);
    bld = OSSL_PARAM_BLD_new();
    pkey = NULL;

    if (n && e && bld && BN_num_bits(n) >= CARMEN_JWK_RSA_MIN
        && BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e)
        && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n)
        && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e))
    {
        pkey = data_key("RSA", bld);
    }

    OSSL_PARAM_BLD_free(bld);
    BN_free(n);
    BN_free(e);

    return pkey;
}


static EVP_PKEY *
data_key(const char *type, OSSL_PARAM_BLD *bld)
{
    EVP_PKEY      *pkey;
    OSSL_PARAM    *params;
    EVP_PKEY_CTX  *ctx;

    ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    params = OSSL_PARAM_BLD_to_param(bld);
    pkey = NULL;

    if (ctx == NULL || params == NULL || EVP_PKEY_fromdata_init(ctx) != 1
        || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
    {
        pkey = NULL;
    }

    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);

    return pkey;
}


ngx_int_t
carmen_webauthn_export(const carmen_webauthn_key_t *key, ngx_str_t *der)
{
    int  len;

    der->data = NULL;
    len = i2d_PUBKEY(key->pkey, &der->data);
    der->len = len > 0 ? len : 0;

    return len > 0 ? NGX_OK : NGX_ERROR;
}


ngx_int_t
carmen_webauthn_import(const ngx_str_t *der, carmen_alg_e alg,
    carmen_webauthn_key_t *key)
{
    const u_char  *p;

    p = der->data;
    key->alg = alg;
    key->pkey = d2i_PUBKEY(NULL, &p, der->len);

    if (key->pkey == NULL) {
        ERR_clear_error();
        return NGX_ERROR;
    }

    return NGX_OK;
}
