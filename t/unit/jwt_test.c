
/* Access tokens: the vectors of the RFCs, all algorithms, every refusal. */

#include "unit.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "carmen_base64url.h"
#include "carmen_jwt.h"


#define NOW  1800000000

#define ISSUER    "https://issuer.example"
#define AUDIENCE  "carmen"

#define HEADER(alg, kid)                                                      \
    "{\"typ\":\"at+jwt\",\"alg\":\"" alg "\",\"kid\":\"" kid "\"}"

#define CLAIMS(more)                                                          \
    "{\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE "\",\"sub\":\"u1\","        \
    "\"client_id\":\"c1\",\"jti\":\"j1\",\"tenant\":\"acme\","                \
    "\"iat\":1799999000,\"exp\":1800000900" more "}"


enum { ES, ED, RS, HS, NKEYS };

static ngx_pool_t         *pool;
static ngx_array_t        *keys;         /* private, in the order above */
static carmen_verifier_t   verifier;
static ngx_str_t           audiences[2] = {
    ngx_string("other"), ngx_string(AUDIENCE)
};


static ngx_str_t
str(const char *text)
{
    ngx_str_t  s;

    s.data = (u_char *) text;
    s.len = strlen(text);

    return s;
}


static carmen_jwk_t *
key(ngx_uint_t n)
{
    return (carmen_jwk_t *) keys->elts + n;
}


/* header and claims as text, signed by a key; in a static buffer */

static const char *
token_of(const carmen_jwk_t *k, const char *header, const char *claims)
{
    u_char         *p, sig[CARMEN_SIGNATURE_MAX];
    size_t          len;

    static u_char   text[65536];

    p = carmen_base64url_encode(text, (u_char *) header, strlen(header));
    *p++ = '.';
    p = carmen_base64url_encode(p, (u_char *) claims, strlen(claims));

    if (k && carmen_jwk_sign(k, text, p - text, sig, &len) == NGX_OK) {
        *p++ = '.';
        p = carmen_base64url_encode(p, sig, len);
    }

    *p = '\0';

    return (char *) text;
}


/* NULL when the token is accepted */

static const char *
judge(const char *token)
{
    ngx_int_t     rc;
    const char   *why;
    carmen_jwt_t  jwt;

    why = NULL;
    rc = carmen_jwt_verify(&verifier, (u_char *) token, strlen(token), NOW,
                           &jwt, &why);

    if (rc == NGX_OK) {
        carmen_jwt_release(&jwt);
        return NULL;
    }

    if (jwt.claims != NULL || ERR_peek_error() != 0) {
        return "left something behind";
    }

    return why;
}


static void
refused(const char *token, const char *expected, const char *name)
{
    const char  *why;

    why = judge(token);

    if (!ok(why && strcmp(why, expected) == 0, name)) {
        printf("# expected %s, got %s\n", expected, why ? why : "acceptance");
    }
}


static void
refused_header(const char *header, const char *expected, const char *name)
{
    refused(token_of(key(ES), header, CLAIMS("")), expected, name);
}


static void
refused_claims(const char *claims, const char *expected, const char *name)
{
    refused(token_of(key(ES), HEADER("ES256", "es"), claims), expected, name);
}


static void
accepted_claims(const char *claims, const char *name)
{
    is_text(judge(token_of(key(ES), HEADER("ES256", "es"), claims)), NULL,
            name);
}


/* claims with one replaced; value NULL: left out */

static const char *
claims_with(const char *claim, const char *value)
{
    char         *text;
    json_t       *claims;
    static char   buf[32768];

    claims = json_loads(CLAIMS(""), 0, NULL);

    if (value) {
        json_object_set_new(claims, claim,
                            json_loads(value, JSON_DECODE_ANY, NULL));
    } else {
        json_object_del(claims, claim);
    }

    text = json_dumps(claims, JSON_COMPACT);
    strcpy(buf, text);
    free(text);
    json_decref(claims);

    return buf;
}


/* the claim of the given value is refused */

static void
refused_claim(const char *claim, const char *value, const char *expected)
{
    char  name[256];

    snprintf(name, sizeof(name), "%s: %s", claim, value ? value : "missing");
    refused_claims(claims_with(claim, value), expected, name);
}


static void
accepted_claim(const char *claim, const char *value)
{
    char  name[256];

    snprintf(name, sizeof(name), "%s: %s is accepted", claim,
             value ? value : "none");
    accepted_claims(claims_with(claim, value), name);
}


static const char *
read_keys(const char *text, const char *kid, carmen_alg_e alg,
    ngx_array_t *out)
{
    ngx_int_t    rc;
    ngx_str_t    t, k;
    const char  *why;

    t = str(text);

    if (kid) {
        k = str(kid);
    }

    rc = carmen_jwk_read(pool, &t, kid ? &k : NULL, alg, out, &why);

    return rc == NGX_OK ? NULL : why;
}


/* reading the key fails, and the reason holds these words */

static void
weak(const char *text, carmen_alg_e alg, const char *words, const char *name)
{
    ngx_uint_t    i;
    const char   *why;
    ngx_array_t  *out;

    out = ngx_array_create(pool, 2, sizeof(carmen_jwk_t));
    why = read_keys(text, NULL, alg, out);

    if (!ok(why && strstr(why, words), name)) {
        printf("# said: %s\n", why ? why : "nothing");
    }

    for (i = 0; i < out->nelts; i++) {
        carmen_jwk_free((carmen_jwk_t *) out->elts + i);
    }
}


static char *
pem(EVP_PKEY *pkey, int private)
{
    BIO          *bio;
    char         *data;
    long          len;
    static char   text[8192];

    bio = BIO_new(BIO_s_mem());

    if (private) {
        PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
    } else {
        PEM_write_bio_PUBKEY(bio, pkey);
    }

    len = BIO_get_mem_data(bio, &data);
    memcpy(text, data, len);
    text[len] = '\0';
    BIO_free(bio);

    return text;
}


static void
make_keys(void)
{
    ngx_uint_t  i;
    EVP_PKEY   *pkey[3];

    static const char *const  kids[] = { "es", "ed", "rs" };

    keys = ngx_array_create(pool, NKEYS, sizeof(carmen_jwk_t));

    pkey[ES] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    pkey[ED] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    pkey[RS] = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) 2048);

    for (i = 0; i < 3; i++) {
        is_text(read_keys(pem(pkey[i], 1), kids[i], CARMEN_ALG_ANY, keys),
                NULL, "a PEM private key is read");
        EVP_PKEY_free(pkey[i]);
    }

    is_text(read_keys("{\"kty\":\"oct\",\"kid\":\"hs\",\"alg\":\"HS256\","
                      "\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1"
                      "qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}",
                      NULL, CARMEN_ALG_ANY, keys),
            NULL, "a symmetric JWK is read");

    verifier.issuer = str(ISSUER);
    verifier.audiences = audiences;
    verifier.naudiences = 2;
    verifier.leeway = 30;
    verifier.keys = keys->elts;
    verifier.nkeys = keys->nelts;
}


static void
test_base64url(void)
{
    size_t       i;
    u_char       buf[16];
    ngx_uint_t   n;

    static const struct { const char *text, *bytes; } good[] = {
        { "", "" }, { "Zg", "f" }, { "Zm8", "fo" }, { "Zm9v", "foo" },
        { "Zm9vYg", "foob" }, { "-_-_", "\xfb\xff\xbf" }
    };
    static const char *const  bad[] = {
        "Z", "Zg==", "Zh", "Zm9", "Zm9vY", "Zm+v", "Zm/v", "Zm v", "Zm9v\n",
        "Zm9vYh", "Z\xc3\xa9v"
    };

    for (i = 0, n = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        n += carmen_base64url_decode(buf, (u_char *) good[i].text,
                                     strlen(good[i].text)) == NGX_OK
             && memcmp(buf, good[i].bytes, strlen(good[i].bytes)) == 0;
    }

    is_int(n, i, "base64url is read");

    for (i = 0, n = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        n += carmen_base64url_decode(buf, (u_char *) bad[i], strlen(bad[i]))
             == NGX_DECLINED;
    }

    is_int(n, i, "padding, other alphabets and second spellings are not");
}


/* RFC 7515 appendices A.1 and A.3, RFC 8037 appendix A.4 */

static void
test_vectors(void)
{
    u_char        sig[512];
    ngx_str_t     data;
    ngx_uint_t    i;
    ngx_array_t  *set;

    static const char  rfc7515[] =
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGx"
        "lLmNvbS9pc19yb290Ijp0cnVlfQ";

    static const struct {
        const char *jwk, *header, *payload, *sig;
    } vectors[] = {
        { "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQL"
          "r_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}",
          "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", rfc7515,
          "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gH"
          "MzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikY"
          "jKIWI5a0\"}",
          "eyJhbGciOiJFUzI1NiJ9", rfc7515,
          "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSAp"
          "mWQxfKTUJqPP3-Kg6NU1Q" },
        { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHO"
          "g7hcvPapiMlrwIaaPcHURo\"}",
          "eyJhbGciOiJFZERTQSJ9", ".RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
          "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5Bh"
          "VsPt9g7sVvpAr_MuM0KAg" },
    };

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        set = ngx_array_create(pool, 1, sizeof(carmen_jwk_t));
        data.data = ngx_pnalloc(pool, 512);
        data.len = sprintf((char *) data.data, "%s%s", vectors[i].header,
                           vectors[i].payload);

        is_text(read_keys(vectors[i].jwk, NULL, CARMEN_ALG_ANY, set), NULL,
                "the key of the RFC");
        carmen_base64url_decode(sig, (u_char *) vectors[i].sig,
                                strlen(vectors[i].sig));
        is_int(carmen_jwk_verify(set->elts, data.data, data.len, sig,
                   carmen_base64url_decoded_len(strlen(vectors[i].sig))),
               NGX_OK, carmen_alg_name(((carmen_jwk_t *) set->elts)->alg));

        data.data[7] ^= 1;
        is_int(carmen_jwk_verify(set->elts, data.data, data.len, sig,
                   carmen_base64url_decoded_len(strlen(vectors[i].sig))),
               NGX_DECLINED, "and not for other data");
        carmen_jwk_free(set->elts);
    }
}


static void
test_keys(void)
{
    char         *p, text[8192];
    EVP_PKEY     *pkey;
    ngx_uint_t    i;
    carmen_jwk_t *k;
    ngx_array_t  *set;

    /* RFC 7638 section 3.1, with a key of 2048 bits */

    set = ngx_array_create(pool, 4, sizeof(carmen_jwk_t));
    is_text(read_keys(
        "{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbW"
        "hM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3okn"
        "jhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2"
        "QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08"
        "qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF4"
        "4-csFCur-kEgU8awapJzKnqDKgw\",\"e\":\"AQAB\",\"alg\":\"RS256\"}",
        NULL, CARMEN_ALG_ANY, set), NULL, "the RSA key of RFC 7638");
    k = set->elts;
    is_str(&k->kid,
           "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
           "has the thumbprint of RFC 7638");
    ok(k->jwk.len && !memmem(k->jwk.data, k->jwk.len, "\"d\"", 3),
       "the public JWK is made");
    carmen_jwk_free(k);

    /* what is published can be read again, and is the same key */

    for (i = ES; i <= RS; i++) {
        k = key(i);
        set->nelts = 0;
        snprintf(text, sizeof(text), "{\"keys\":[%.*s]}", (int) k->jwk.len,
                 k->jwk.data);
        is_text(read_keys(text, NULL, k->alg, set), NULL,
                "a published key is read");
        ok(EVP_PKEY_eq(((carmen_jwk_t *) set->elts)->pkey, k->pkey) == 1
           && !((carmen_jwk_t *) set->elts)->private
           && strstr(text, "\"d\":") == NULL,
           "it is the public half of the same key");
        carmen_jwk_free(set->elts);
    }

    is_int(key(HS)->jwk.len, 0, "a symmetric key is not published");

    /* an Ed25519 private JWK: RFC 8037 appendix A.1 and A.3 */

    set->nelts = 0;
    is_text(read_keys("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"nWGxne_9W"
        "mC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7"
        "hcvPapiMlrwIaaPcHURo\"}", NULL, CARMEN_ALG_EDDSA, set), NULL,
        "a private JWK is read");
    k = set->elts;
    ok(k->private && k->kid.len == 43
       && memcmp(k->kid.data, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
                 43) == 0, "it can sign, and has its thumbprint");
    carmen_jwk_free(k);

    /* keys that are refused */

    weak("{\"kty\":\"oct\",\"k\":\"c2hvcnQgc2VjcmV0IG9mIDMxIGJ5dGVzISEhISE\"}",
         0, "weak", "a secret of less than 32 bytes");
    weak("{\"kty\":\"oct\",\"alg\":\"HS512\",\"k\":\"AyM1SysPpbyDfgZld3umj1qz"
         "KObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}",
         0, "does not fit", "HS512");
    weak("{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr"
         "_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}",
         CARMEN_ALG_ES256, "does not fit", "a secret for ES256");
    weak("{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}", 0,
         "P-256", "another curve");
    weak("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHM"
         "zV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKI"
         "WI5a4\"}", 0, "malformed", "a point beside the curve");
    weak("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHM"
         "zV76e8Tus9uPHvRVEU\"}", 0, "malformed", "half a point");
    weak("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7"
         "hcvPapiMlrwIaaPcHURo\"}", 0, "Ed25519", "a key for key agreement");
    weak("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"nWGxne_9WmC6hEr0kuwsxE"
         "RJxWl7MmkZcDusAxyuf2A\",\"x\":\"21qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwI"
         "aaPcHURo\"}", 0, "belong together", "halves of two keys");
    weak("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"enc\",\"x\":\"11qYAY"
         "KxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}", 0, "use", "use enc");
    weak("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"key_ops\":[\"encrypt\"],"
         "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}", 0,
         "key_ops", "key_ops encrypt");
    weak("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"a\\\"b\",\"x\":\"11q"
         "YAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}", 0, "kid",
         "a kid with a quote");
    weak("{\"kty\":\"AKP\"}", 0, "kty", "an unknown kind of key");
    weak("{\"kty\":\"oct\",\"kty\":\"EC\"}", 0, "JSON", "a repeated member");
    weak("{\"keys\":[]}", 0, "at least one", "an empty set");
    weak("{\"keys\":[3]}", 0, "object", "a set of numbers");
    weak("", 0, "neither", "an empty file");
    weak("hello", 0, "neither", "no key at all");
    weak("-----BEGIN CERTIFICATE-----\n", 0, "certificate", "a certificate");
    weak("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 0,
         "malformed", "a broken PEM");
    weak("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n", 0, "encrypted",
         "an encrypted PEM");

    pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t) 1024);
    weak(pem(pkey, 0), 0, "2048", "an RSA key of 1024 bits");
    EVP_PKEY_free(pkey);

    pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1");
    weak(pem(pkey, 1), 0, "P-256", "a PEM of another curve");
    EVP_PKEY_free(pkey);

    pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    p = pem(pkey, 0);
    weak(p, CARMEN_ALG_RS256, "does not fit", "an EC key for RS256");
    set->nelts = 0;
    is_text(read_keys(p, NULL, CARMEN_ALG_ES256, set), NULL,
            "a PEM public key is read");
    ok(!((carmen_jwk_t *) set->elts)->private, "and cannot sign");
    carmen_jwk_free(set->elts);
    EVP_PKEY_free(pkey);
}


static void
test_accepted(void)
{
    const char   *why, *text;
    carmen_jwt_t  jwt;

    is_text(judge(token_of(key(ES), HEADER("ES256", "es"), CLAIMS(""))),
            NULL, "ES256");
    is_text(judge(token_of(key(ED), HEADER("EdDSA", "ed"), CLAIMS(""))),
            NULL, "EdDSA");
    is_text(judge(token_of(key(RS), HEADER("RS256", "rs"), CLAIMS(""))),
            NULL, "RS256");
    is_text(judge(token_of(key(HS), HEADER("HS256", "hs"), CLAIMS(""))),
            NULL, "HS256");
    is_text(judge(token_of(key(ES), "{\"typ\":\"Application/AT+jwt\","
                           "\"alg\":\"ES256\"}", CLAIMS(""))),
            NULL, "the long typ in any case, and no kid with one such key");

    text = token_of(key(ES), HEADER("ES256", "es"),
                    CLAIMS(",\"sid\":\"s1\",\"scope\":\"a:b c\""));
    is_int(carmen_jwt_verify(&verifier, (u_char *) text, strlen(text), NOW,
                             &jwt, &why),
           NGX_OK, "all claims");
    is_str(&jwt.tenant, "acme", "tenant");
    is_str(&jwt.subject, "u1", "sub");
    is_str(&jwt.client, "c1", "client_id");
    is_str(&jwt.jti, "j1", "jti");
    is_str(&jwt.session, "s1", "sid");
    is_str(&jwt.scope, "a:b c", "scope");
    is_int(jwt.exp, 1800000900, "exp");
    carmen_jwt_release(&jwt);

    accepted_claim("aud", "[\"x\",\"carmen\"]");
    accepted_claim("aud", "\"other\"");
    accepted_claim("exp", "1799999971");
    accepted_claim("exp", "1800000000.5");
    accepted_claim("iat", "1800000030");
    accepted_claim("nbf", "1800000030");
    accepted_claim("scope", NULL);
    accepted_claim("scope", "\"\"");
    accepted_claim("tenant", "\"a-b_9\"");
}


static void
test_header(void)
{
    size_t        len;
    ngx_uint_t    i;
    char         *token, name[64];
    carmen_jwk_t  pub;

    static char        big[3 * CARMEN_JWT_MAX];
    static const char  typ[] =
        "The token is not an access token (typ at+jwt).";
    static const char  unsupported[] =
        "The header of the token asks for what is not supported.";
    static const char  alg[] = "The algorithm of the token is not accepted.";
    static const char  malformed[] = "The token is malformed.";
    static const char  header[] = "The header of the token is malformed.";
    static const char  unknown[] = "The key of the token is not known.";
    static const char  confused[] =
        "The algorithm of the token is not that of its key.";
    static const char  signature[] =
        "The signature of the token does not fit.";

    refused_header("{\"alg\":\"ES256\",\"kid\":\"es\"}", typ, "no typ");
    refused_header("{\"typ\":\"JWT\",\"alg\":\"ES256\",\"kid\":\"es\"}", typ,
                   "typ JWT");
    refused_header("{\"typ\":1,\"alg\":\"ES256\",\"kid\":\"es\"}", typ,
                   "typ is a number");
    refused_header(HEADER("none", "es"), alg, "alg none");
    refused_header(HEADER("NONE", "es"), alg, "alg NONE");
    refused_header(HEADER("es256", "es"), alg, "alg in lower case");
    refused_header(HEADER("ES384", "es"), alg, "alg ES384");
    refused_header("{\"typ\":\"at+jwt\",\"kid\":\"es\"}", alg, "no alg");
    refused_header("{\"typ\":\"at+jwt\",\"alg\":null,\"kid\":\"es\"}", alg,
                   "alg null");
    refused_header(HEADER("ES256", "nobody"), unknown, "an unknown kid");
    refused_header("{\"typ\":\"at+jwt\",\"alg\":\"ES256\",\"kid\":7}", header,
                   "a kid that is a number");
    refused_header(HEADER("HS256", "es"), confused, "HS256 with an EC key");
    refused_header(HEADER("ES256", "rs"), confused, "ES256 with an RSA key");
    refused_header("{\"typ\":\"at+jwt\",\"alg\":\"ES256\",\"alg\":\"ES256\","
                   "\"kid\":\"es\"}", header, "a repeated alg");
    refused_header("[]", header, "an array");
    refused_header("{\"typ\":\"at+jwt\"", header, "half an object");
    refused_header("{\"typ\":\"at+jwt\",\"alg\":\"ES256\\u0000\","
                   "\"kid\":\"es\"}", header, "a NUL");
    refused_header("{\"typ\":\"at+jwt\",\"alg\":\"ES256\",\"kid\":\"\xff\"}",
                   header, "invalid UTF-8");

    for (i = 0; i < 8; i++) {
        static const char *const  members[] = {
            "crit", "jku", "jwk", "x5u", "x5c", "b64", "zip", "enc"
        };

        snprintf(name, sizeof(name), "{\"typ\":\"at+jwt\",\"alg\":\"ES256\","
                 "\"kid\":\"es\",\"%s\":[\"exp\"]}", members[i]);
        refused_header(name, unsupported, members[i]);
    }

    /* the public key as an HMAC secret: RFC 8725 section 2.1 */

    ngx_memzero(&pub, sizeof(carmen_jwk_t));
    pub.alg = CARMEN_ALG_HS256;
    pub.secret = str(pem(key(RS)->pkey, 0));
    refused(token_of(&pub, HEADER("HS256", "rs"), CLAIMS("")), confused,
            "a public key taken for a secret");
    refused(token_of(&pub, HEADER("HS256", "hs"), CLAIMS("")), signature,
            "a signature of another secret");
    refused(token_of(key(ED), HEADER("ES256", "es"), CLAIMS("")), signature,
            "an Ed25519 signature for ES256");
    refused(token_of(key(RS), HEADER("ES256", "es"), CLAIMS("")), signature,
            "an RSA signature for ES256");
    refused(token_of(key(ES), HEADER("RS256", "rs"), CLAIMS("")), signature,
            "an EC signature for RS256");
    refused(token_of(key(ES), HEADER("EdDSA", "ed"), CLAIMS("")), signature,
            "an EC signature for EdDSA");

    /* the form */

    token = strdup(token_of(key(ES), HEADER("ES256", "es"), CLAIMS("")));
    len = strlen(token);

    token[len - 10] = token[len - 10] == 'A' ? 'B' : 'A';
    refused(token, signature, "one bit of the signature");
    token[len] = '\0';
    token[len - 1] = '\0';
    refused(token, malformed, "the signature cut by a character");
    token[len - 4] = 'A';
    token[len - 3] = '\0';
    refused(token, signature, "the signature cut by two bytes");
    *strrchr(token, '.') = '\0';
    refused(token, malformed, "no signature");
    free(token);

    refused(token_of(NULL, HEADER("none", "es"), CLAIMS("")), malformed,
            "two parts");
    refused("", malformed, "nothing");
    refused("..", malformed, "two dots");
    refused("a.b.c", malformed, "three letters");
    refused("a.b.c.d", malformed, "four parts");
    refused("....................", malformed, "dots");

    token = big;
    sprintf(token, "%s=", token_of(key(ES), HEADER("ES256", "es"),
                                   CLAIMS("")));
    refused(token, malformed, "padding");
    sprintf(token, "%s\n", token_of(key(ES), HEADER("ES256", "es"),
                                    CLAIMS("")));
    refused(token, malformed, "a line end");

    /* of the 86 characters of a signature the last has two unused bits */

    sprintf(token, "%s", token_of(key(ES), HEADER("ES256", "es"),
                                  CLAIMS("")));
    len = strlen(token);
    token[len - 1]++;
    refused(token, malformed, "a second spelling of the signature");

    memset(token, 'A', 2 * CARMEN_JWT_MAX);
    token[CARMEN_JWT_MAX + 1] = '\0';
    refused(token, "The token is too long.", "8193 bytes");
    token[CARMEN_JWT_MAX] = '\0';
    token[1000] = '.';
    token[8000] = '.';
    refused(token, header, "8192 bytes of nothing");
}


static void
test_claims(void)
{
    char        *deep, *p;
    ngx_uint_t   i;

    static const char  issuer[] = "The token is from another issuer.";
    static const char  audience[] = "The token is for another audience.";
    static const char  times[] = "The token has no valid exp and iat.";
    static const char  expired[] = "The token has expired.";
    static const char  future[] = "The token is from the future.";
    static const char  names[] =
        "The token has no valid sub, client_id and jti.";
    static const char  tenant[] = "The token has no valid tenant.";
    static const char  scope[] = "The token has no valid scope.";
    static const char  malformed[] = "The claims of the token are malformed.";

    refused_claim("iss", NULL, issuer);
    refused_claim("iss", "\"https://issuer.example/\"", issuer);
    refused_claim("iss", "[\"https://issuer.example\"]", issuer);
    refused_claim("iss", "null", issuer);
    refused_claim("aud", NULL, audience);
    refused_claim("aud", "\"Carmen\"", audience);
    refused_claim("aud", "[]", audience);
    refused_claim("aud", "[\"x\"]", audience);
    refused_claim("aud", "[\"carmen\",7]", audience);
    refused_claim("aud", "{\"carmen\":\"carmen\"}", audience);
    refused_claim("exp", NULL, times);
    refused_claim("exp", "\"1800000900\"", times);
    refused_claim("exp", "-1", times);
    refused_claim("exp", "1e300", times);
    refused_claim("exp", "true", times);
    refused_claim("exp", "1799999970", expired);
    refused_claim("exp", "0", expired);
    refused_claim("iat", NULL, times);
    refused_claim("iat", "\"now\"", times);
    refused_claim("iat", "1800000031", future);
    refused_claims(claims_with("exp", "1799999980")
                   ? CLAIMS(",\"x\":0,\"nbf\":null") : "",
                   "The token has no valid nbf.", "nbf: null");
    refused_claim("nbf", "1800000031", "The token is not valid yet.");
    refused_claim("nbf", "\"0\"", "The token has no valid nbf.");
    refused_claim("sub", NULL, names);
    refused_claim("sub", "\"\"", names);
    refused_claim("sub", "7", names);
    refused_claim("sub", "\"a\\nb\"", names);
    refused_claim("sub", "\"a\\u007fb\"", names);
    refused_claim("client_id", NULL, names);
    refused_claim("client_id", "[]", names);
    refused_claim("jti", NULL, names);
    refused_claim("jti", "12", names);
    refused_claim("sid", "12", "The token has no valid sid.");
    refused_claim("sid", "\"\"", "The token has no valid sid.");
    refused_claim("tenant", NULL, tenant);
    refused_claim("tenant", "\"\"", tenant);
    refused_claim("tenant", "\"Acme\"", tenant);
    refused_claim("tenant", "\"-acme\"", tenant);
    refused_claim("tenant", "\"acme corp\"", tenant);
    refused_claim("tenant", "\"a\\u00e9\"", tenant);
    refused_claim("tenant", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                  "aaaaaaaaaaaaaaaaa\"", tenant);
    refused_claim("scope", "[\"a\",\"b\"]", scope);
    refused_claim("scope", "\" a\"", scope);
    refused_claim("scope", "\"a \"", scope);
    refused_claim("scope", "\"a  b\"", scope);
    refused_claim("scope", "\"a\\\"b\"", scope);
    refused_claim("scope", "\"a\\u00e9\"", scope);
    refused_claim("scope", "null", scope);

    refused_claims("{\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE "\","
                   "\"iat\":1799999999,\"exp\":1799999990}",
                   "The token has expired before it was issued.",
                   "iat after exp, within the leeway");

    deep = malloc(512);
    p = deep;
    *p++ = '"';
    for (i = 0; i < 256; i++) {
        *p++ = 'a';
    }
    *p++ = '"';
    *p = '\0';
    refused_claim("sub", deep, names);
    free(deep);

    refused_claims(CLAIMS(",\"sub\":\"u2\""), malformed, "a repeated sub");
    refused_claims(CLAIMS(",\"x\":{\"y\":1,\"y\":2}"), malformed,
                   "a repeated member further in");
    refused_claims("[]", malformed, "an array");
    refused_claims("\"text\"", malformed, "a text");
    refused_claims(CLAIMS("") "x", malformed, "something after the object");
    refused_claims(CLAIMS(",\"x\":\"\xc0\xaf\""), malformed, "invalid UTF-8");
    refused_claims(CLAIMS(",\"x\":\"\\u0000\""), malformed, "a NUL");
    refused_claims(CLAIMS(",\"x\":NaN"), malformed, "NaN");

    deep = malloc(8192);
    p = deep + sprintf(deep, "{\"x\":");
    memset(p, '[', 5000);
    p[5000] = '\0';
    refused_claims(deep, malformed, "5000 brackets");
    free(deep);
}


int
main(void)
{
    ngx_uint_t  i;

    pool = ngx_create_pool(16384, NULL);

    make_keys();
    test_base64url();
    test_vectors();
    test_keys();
    test_accepted();
    test_header();
    test_claims();

    for (i = 0; i < keys->nelts; i++) {
        carmen_jwk_free(key(i));
    }

    ngx_destroy_pool(pool);

    return done_testing();
}
