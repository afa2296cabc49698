
#include "carmen_jwk.h"
#include "carmen_base64url.h"

#include <jansson.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>


typedef struct {
    ngx_pool_t   *pool;
    ngx_str_t    *kid;
    carmen_alg_e  alg;
    ngx_array_t  *keys;
    const char   *why;
} jwk_reader_t;


static ngx_int_t jwk_read_json(jwk_reader_t *rd, ngx_str_t *text);
static ngx_int_t jwk_read_member(jwk_reader_t *rd, json_t *jwk,
    ngx_uint_t single);
static ngx_int_t jwk_read_pem(jwk_reader_t *rd, ngx_str_t *text);
static EVP_PKEY *jwk_ec(jwk_reader_t *rd, json_t *jwk);
static EVP_PKEY *jwk_okp(jwk_reader_t *rd, json_t *jwk);
static EVP_PKEY *jwk_rsa(jwk_reader_t *rd, json_t *jwk);
static ngx_int_t jwk_secret(jwk_reader_t *rd, json_t *jwk, ngx_str_t *secret);
static EVP_PKEY *jwk_from_params(const char *type, OSSL_PARAM_BLD *bld,
    int selection);
static ngx_int_t jwk_add(jwk_reader_t *rd, EVP_PKEY *pkey, ngx_str_t *secret,
    const char *kid, const char *alg, ngx_uint_t private);
static ngx_int_t jwk_check(jwk_reader_t *rd, EVP_PKEY *pkey,
    carmen_alg_e *alg, ngx_uint_t private);
static ngx_int_t jwk_kid_valid(const char *kid);
static u_char *jwk_bytes(json_t *jwk, const char *name, size_t *len);


static const struct {
    const char   *name;
    carmen_alg_e  alg;
} jwk_algs[] = {
    { "ES256", CARMEN_ALG_ES256 },
    { "EdDSA", CARMEN_ALG_EDDSA },
    { "RS256", CARMEN_ALG_RS256 },
    { "HS256", CARMEN_ALG_HS256 },
    { NULL, CARMEN_ALG_ANY }
};


carmen_alg_e
carmen_alg_find(const char *name, size_t len)
{
    ngx_uint_t  i;

    for (i = 0; jwk_algs[i].name; i++) {
        if (ngx_strlen(jwk_algs[i].name) == len
            && ngx_memcmp(jwk_algs[i].name, name, len) == 0)
        {
            return jwk_algs[i].alg;
        }
    }

    return CARMEN_ALG_ANY;
}


const char *
carmen_alg_name(carmen_alg_e alg)
{
    ngx_uint_t  i;

    for (i = 0; jwk_algs[i].name; i++) {
        if (jwk_algs[i].alg == alg) {
            return jwk_algs[i].name;
        }
    }

    return "none";
}


ngx_int_t
carmen_jwk_read(ngx_pool_t *pool, ngx_str_t *text, ngx_str_t *kid,
    carmen_alg_e alg, ngx_array_t *keys, const char **why)
{
    size_t        i;
    ngx_int_t     rc;
    jwk_reader_t  rd;

    rd.pool = pool;
    rd.kid = kid;
    rd.alg = alg;
    rd.keys = keys;
    rd.why = "the file cannot be read as a key";

    for (i = 0; i < text->len && isspace(text->data[i]); i++) { /* void */ }

    rc = i < text->len && text->data[i] == '{' ? jwk_read_json(&rd, text)
                                               : jwk_read_pem(&rd, text);

    ERR_clear_error();
    *why = rd.why;

    return rc;
}


void
carmen_jwk_free(carmen_jwk_t *key)
{
    EVP_PKEY_free(key->pkey);
    key->pkey = NULL;

    if (key->secret.len) {
        OPENSSL_cleanse(key->secret.data, key->secret.len);
        key->secret.len = 0;
    }
}


static ngx_int_t
jwk_read_json(jwk_reader_t *rd, ngx_str_t *text)
{
    json_t     *root, *keys;
    size_t      i;
    ngx_int_t   rc;

    root = json_loadb((char *) text->data, text->len, JSON_REJECT_DUPLICATES,
                      NULL);
    if (root == NULL) {
        rd->why = "the file is not valid JSON (or repeats a member)";
        return NGX_DECLINED;
    }

    keys = json_object_get(root, "keys");

    if (keys == NULL) {
        rc = jwk_read_member(rd, root, 1);

    } else if (!json_is_array(keys) || json_array_size(keys) == 0) {
        rd->why = "\"keys\" must be an array with at least one key";
        rc = NGX_DECLINED;

    } else if (rd->kid && json_array_size(keys) > 1) {
        rd->why = "\"kid=\" is for a file with one key: name the keys of a "
                  "set in the set";
        rc = NGX_DECLINED;

    } else {
        rc = NGX_OK;

        for (i = 0; i < json_array_size(keys) && rc == NGX_OK; i++) {
            rc = jwk_read_member(rd, json_array_get(keys, i),
                                 json_array_size(keys) == 1);
        }
    }

    json_decref(root);

    return rc;
}


static ngx_int_t
jwk_read_member(jwk_reader_t *rd, json_t *jwk, ngx_uint_t single)
{
    json_t      *ops, *op;
    size_t       i;
    EVP_PKEY    *pkey;
    ngx_str_t    secret;
    ngx_uint_t   verifies, private;
    const char  *kty, *kid, *alg, *use;

    static const char *const  texts[] = { "kty", "kid", "alg", "use", NULL };

    rd->why = "a key of the set is not an object";

    if (!json_is_object(jwk)) {
        return NGX_DECLINED;
    }

    for (i = 0; texts[i]; i++) {
        if (json_object_get(jwk, texts[i])
            && !json_is_string(json_object_get(jwk, texts[i])))
        {
            rd->why = "\"kty\", \"kid\", \"alg\" and \"use\" must be strings";
            return NGX_DECLINED;
        }
    }

    kty = json_string_value(json_object_get(jwk, "kty"));
    kid = json_string_value(json_object_get(jwk, "kid"));
    alg = json_string_value(json_object_get(jwk, "alg"));
    use = json_string_value(json_object_get(jwk, "use"));

    if (kty == NULL) {
        rd->why = "a key has no \"kty\"";
        return NGX_DECLINED;
    }

    if (use && ngx_strcmp(use, "sig") != 0) {
        rd->why = "the key is not for signatures: its \"use\" is not \"sig\"";
        return single ? NGX_DECLINED : NGX_OK;
    }

    ops = json_object_get(jwk, "key_ops");

    if (ops) {
        verifies = 0;

        json_array_foreach(ops, i, op) {
            use = json_string_value(op);
            verifies |= use && (ngx_strcmp(use, "verify") == 0
                                || ngx_strcmp(use, "sign") == 0);
        }

        if (!verifies) {
            rd->why = "the key is not for signatures: its \"key_ops\" have "
                      "neither \"verify\" nor \"sign\"";
            return single ? NGX_DECLINED : NGX_OK;
        }
    }

    private = json_object_get(jwk, "d") != NULL;
    ngx_str_null(&secret);
    pkey = NULL;

    if (ngx_strcmp(kty, "EC") == 0) {
        pkey = jwk_ec(rd, jwk);

    } else if (ngx_strcmp(kty, "OKP") == 0) {
        pkey = jwk_okp(rd, jwk);

    } else if (ngx_strcmp(kty, "RSA") == 0) {
        pkey = jwk_rsa(rd, jwk);
        private = 0;

    } else if (ngx_strcmp(kty, "oct") == 0) {
        if (jwk_secret(rd, jwk, &secret) != NGX_OK) {
            return NGX_DECLINED;
        }

        private = 1;

    } else {
        rd->why = "the \"kty\" of a key is none of \"EC\", \"OKP\", \"RSA\", "
                  "\"oct\"";
        return NGX_DECLINED;
    }

    if (pkey == NULL && secret.len == 0) {
        return NGX_DECLINED;
    }

    return jwk_add(rd, pkey, &secret, kid, alg, private);
}


static EVP_PKEY *
jwk_ec(jwk_reader_t *rd, json_t *jwk)
{
    u_char          *x, *y, *d, point[65];
    size_t           xlen, ylen, dlen;
    BIGNUM          *bn;
    EVP_PKEY        *pkey;
    const char      *crv;
    OSSL_PARAM_BLD  *bld;

    crv = json_string_value(json_object_get(jwk, "crv"));

    if (crv == NULL || ngx_strcmp(crv, "P-256") != 0) {
        rd->why = "the curve of an EC key must be P-256";
        return NULL;
    }

    rd->why = "an EC key is malformed: \"x\", \"y\" and \"d\" are 32 bytes "
              "each, and a point of the curve";

    x = jwk_bytes(jwk, "x", &xlen);
    y = jwk_bytes(jwk, "y", &ylen);
    d = jwk_bytes(jwk, "d", &dlen);

    bld = OSSL_PARAM_BLD_new();
    bn = NULL;
    pkey = NULL;

    if (bld == NULL || x == NULL || y == NULL || xlen != 32 || ylen != 32
        || (json_object_get(jwk, "d") && (d == NULL || dlen != 32)))
    {
        goto done;
    }

    point[0] = 4;                        /* SEC 1, 2.3.3: uncompressed */
    ngx_memcpy(point + 1, x, 32);
    ngx_memcpy(point + 33, y, 32);

    if (!OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME,
                                         "prime256v1", 0)
        || !OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY,
                                             point, sizeof(point)))
    {
        goto done;
    }

    if (d) {
        bn = BN_secure_new();

        if (bn == NULL || BN_bin2bn(d, 32, bn) == NULL
            || !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, bn))
        {
            goto done;
        }
    }

    pkey = jwk_from_params("EC", bld, d ? EVP_PKEY_KEYPAIR
                                        : EVP_PKEY_PUBLIC_KEY);

done:

    BN_clear_free(bn);
    OSSL_PARAM_BLD_free(bld);
    free(x);
    free(y);

    if (d) {
        OPENSSL_cleanse(d, dlen);
        free(d);
    }

    return pkey;
}


static EVP_PKEY *
jwk_okp(jwk_reader_t *rd, json_t *jwk)
{
    u_char      *x, *d, derived[32];
    size_t       xlen, dlen, len;
    EVP_PKEY    *pkey;
    const char  *crv;

    crv = json_string_value(json_object_get(jwk, "crv"));

    if (crv == NULL || ngx_strcmp(crv, "Ed25519") != 0) {
        rd->why = "the curve of an OKP key must be Ed25519";
        return NULL;
    }

    rd->why = "an Ed25519 key is malformed: \"x\" and \"d\" are 32 bytes "
              "each, and belong together";

    x = jwk_bytes(jwk, "x", &xlen);
    d = jwk_bytes(jwk, "d", &dlen);
    pkey = NULL;

    if (x == NULL || xlen != 32) {
        goto done;
    }

    if (json_object_get(jwk, "d") == NULL) {
        pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x, 32);
        goto done;
    }

    if (d == NULL || dlen != 32) {
        goto done;
    }

    len = sizeof(derived);
    pkey = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, d, 32);

    if (pkey
        && (EVP_PKEY_get_raw_public_key(pkey, derived, &len) != 1
            || ngx_memcmp(derived, x, 32) != 0))
    {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }

done:

    free(x);

    if (d) {
        OPENSSL_cleanse(d, dlen);
        free(d);
    }

    return pkey;
}


/* only ever verifies: the private members are not looked at */

static EVP_PKEY *
jwk_rsa(jwk_reader_t *rd, json_t *jwk)
{
    u_char          *n, *e;
    size_t           nlen, elen;
    BIGNUM          *bn, *be;
    EVP_PKEY        *pkey;
    OSSL_PARAM_BLD  *bld;

    rd->why = "an RSA key is malformed: \"n\" or \"e\" is missing or wrong";

    n = jwk_bytes(jwk, "n", &nlen);
    e = jwk_bytes(jwk, "e", &elen);

    bld = OSSL_PARAM_BLD_new();
    bn = NULL;
    be = NULL;
    pkey = NULL;

    if (bld == NULL || n == NULL || e == NULL
        || nlen > CARMEN_JWK_RSA_MAX / 8 || elen > 8)
    {
        goto done;
    }

    bn = BN_bin2bn(n, (int) nlen, NULL);
    be = BN_bin2bn(e, (int) elen, NULL);

    if (bn == NULL || be == NULL
        || !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn)
        || !OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, be))
    {
        goto done;
    }

    pkey = jwk_from_params("RSA", bld, EVP_PKEY_PUBLIC_KEY);

done:

    BN_free(bn);
    BN_free(be);
    OSSL_PARAM_BLD_free(bld);
    free(n);
    free(e);

    return pkey;
}


static ngx_int_t
jwk_secret(jwk_reader_t *rd, json_t *jwk, ngx_str_t *secret)
{
    size_t   len;
    u_char  *k;

    rd->why = "a symmetric key is malformed: \"k\" is missing or wrong";

    k = jwk_bytes(jwk, "k", &len);
    if (k == NULL) {
        return NGX_DECLINED;
    }

    if (len < CARMEN_JWK_SECRET_MIN) {
        rd->why = "a symmetric key is weak: HS256 needs 32 bytes or more "
                  "(openssl rand 32)";

    } else {
        secret->data = ngx_pnalloc(rd->pool, len);

        if (secret->data) {
            ngx_memcpy(secret->data, k, len);
            secret->len = len;
        }
    }

    OPENSSL_cleanse(k, len);
    free(k);

    return secret->len ? NGX_OK : NGX_DECLINED;
}


static EVP_PKEY *
jwk_from_params(const char *type, OSSL_PARAM_BLD *bld, int selection)
{
    EVP_PKEY      *pkey;
    OSSL_PARAM    *params;
    EVP_PKEY_CTX  *ctx;

    pkey = NULL;
    params = OSSL_PARAM_BLD_to_param(bld);
    ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

    if (params == NULL || ctx == NULL
        || EVP_PKEY_fromdata_init(ctx) != 1
        || EVP_PKEY_fromdata(ctx, &pkey, selection, params) != 1)
    {
        pkey = NULL;
    }

    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);

    return pkey;
}


static int
jwk_no_passphrase(char *buf, int size, int rwflag, void *u)
{
    return -1;
}


static ngx_uint_t
jwk_has(ngx_str_t *text, const char *words)
{
    return memmem(text->data, text->len, words, ngx_strlen(words)) != NULL;
}


static ngx_int_t
jwk_read_pem(jwk_reader_t *rd, ngx_str_t *text)
{
    BIO         *bio;
    EVP_PKEY    *pkey;
    ngx_str_t    none;
    ngx_uint_t   private;

    if (jwk_has(text, "PRIVATE KEY-----")) {
        private = 1;
        rd->why = jwk_has(text, "ENCRYPTED")
            ? "the private key is encrypted: decrypt it (openssl pkey) and "
              "guard the file instead"
            : "the PEM private key is malformed";

    } else if (jwk_has(text, "PUBLIC KEY-----")) {
        private = 0;
        rd->why = "the PEM public key is malformed";

    } else {
        rd->why = jwk_has(text, "CERTIFICATE-----")
            ? "the file holds a certificate: take the key out of it "
              "(openssl x509 -pubkey -noout)"
            : "the file is neither a JWK set nor a PEM key";
        return NGX_DECLINED;
    }

    bio = BIO_new_mem_buf(text->data, (int) text->len);
    if (bio == NULL) {
        return NGX_ERROR;
    }

    pkey = private
        ? PEM_read_bio_PrivateKey(bio, NULL, jwk_no_passphrase, NULL)
        : PEM_read_bio_PUBKEY(bio, NULL, jwk_no_passphrase, NULL);

    BIO_free(bio);

    if (pkey == NULL) {
        return NGX_DECLINED;
    }

    ngx_str_null(&none);

    return jwk_add(rd, pkey, &none, NULL, NULL, private);
}


/* takes over pkey */

static ngx_int_t
jwk_add(jwk_reader_t *rd, EVP_PKEY *pkey, ngx_str_t *secret, const char *kid,
    const char *alg, ngx_uint_t private)
{
    size_t         len;
    ngx_int_t      rc;
    carmen_alg_e   fits;
    carmen_jwk_t  *key;

    fits = CARMEN_ALG_HS256;

    if (pkey) {
        rc = jwk_check(rd, pkey, &fits, private);

        if (rc != NGX_OK) {
            EVP_PKEY_free(pkey);
            return rc;
        }
    }

    if ((alg && carmen_alg_find(alg, ngx_strlen(alg)) != fits)
        || (rd->alg != CARMEN_ALG_ANY && rd->alg != fits))
    {
        rd->why = "the algorithm does not fit the key: EC P-256 is for "
                  "ES256, Ed25519 for EdDSA, RSA for RS256, \"oct\" for "
                  "HS256";
        goto refused;
    }

    if (rd->kid) {
        kid = (char *) rd->kid->data;
    }

    if (kid && !jwk_kid_valid(kid)) {
        rd->why = "a \"kid\" must be 1 to 128 printable ASCII characters "
                  "without quote and backslash";
        goto refused;
    }

    key = ngx_array_push(rd->keys);
    if (key == NULL) {
        goto refused;
    }

    ngx_memzero(key, sizeof(carmen_jwk_t));
    key->alg = fits;
    key->pkey = pkey;
    key->secret = *secret;
    key->private = private;

    if (kid) {
        len = ngx_strlen(kid);
        key->kid.data = ngx_pnalloc(rd->pool, len);

        if (key->kid.data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(key->kid.data, kid, len);
        key->kid.len = len;
    }

    return pkey ? carmen_jwk_publish(rd->pool, key) : NGX_OK;

refused:

    EVP_PKEY_free(pkey);
    OPENSSL_cleanse(secret->data, secret->len);

    return NGX_DECLINED;
}


static ngx_int_t
jwk_check(jwk_reader_t *rd, EVP_PKEY *pkey, carmen_alg_e *alg,
    ngx_uint_t private)
{
    int            bits, ok;
    char           group[64];
    size_t         len;
    EVP_PKEY_CTX  *ctx;

    if (EVP_PKEY_is_a(pkey, "EC")) {
        if (EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) != 1
            || ngx_strcmp(group, "prime256v1") != 0)
        {
            rd->why = "the curve of an EC key must be P-256 (openssl genpkey "
                      "-algorithm EC -pkeyopt ec_paramgen_curve:P-256)";
            return NGX_DECLINED;
        }

        *alg = CARMEN_ALG_ES256;

    } else if (EVP_PKEY_is_a(pkey, "ED25519")) {
        *alg = CARMEN_ALG_EDDSA;

    } else if (EVP_PKEY_is_a(pkey, "RSA")) {
        bits = EVP_PKEY_get_bits(pkey);

        if (bits < CARMEN_JWK_RSA_MIN || bits > CARMEN_JWK_RSA_MAX) {
            rd->why = bits < CARMEN_JWK_RSA_MIN
                ? "the RSA key is weak: RS256 needs 2048 bits or more"
                : "the RSA key is too long: 8192 bits are the most";
            return NGX_DECLINED;
        }

        *alg = CARMEN_ALG_RS256;

    } else {
        rd->why = "the key is none of EC P-256, Ed25519, RSA";
        return NGX_DECLINED;
    }

    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ok = EVP_PKEY_public_check(ctx) == 1
         && (!private || *alg == CARMEN_ALG_RS256
             || EVP_PKEY_pairwise_check(ctx) == 1);

    EVP_PKEY_CTX_free(ctx);

    if (!ok) {
        rd->why = "the numbers of the key are not those of a valid key";
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
jwk_kid_valid(const char *kid)
{
    size_t  i;

    for (i = 0; kid[i]; i++) {
        if (kid[i] <= ' ' || kid[i] >= 0x7f || kid[i] == '"'
            || kid[i] == '\\')
        {
            return 0;
        }
    }

    return i > 0 && i <= CARMEN_JWK_KID_MAX;
}


/* a base64url member, malloced; NULL when absent or malformed */

static u_char *
jwk_bytes(json_t *jwk, const char *name, size_t *len)
{
    size_t       n;
    u_char      *bytes;
    json_t      *value;
    const char  *text;

    value = json_object_get(jwk, name);
    text = json_string_value(value);
    n = json_string_length(value);

    if (text == NULL || n == 0 || n > 4096) {
        return NULL;
    }

    *len = carmen_base64url_decoded_len(n);
    bytes = malloc(*len + 1);

    if (bytes
        && carmen_base64url_decode(bytes, (u_char *) text, n) != NGX_OK)
    {
        OPENSSL_cleanse(bytes, *len);
        free(bytes);
        return NULL;
    }

    return bytes;
}
