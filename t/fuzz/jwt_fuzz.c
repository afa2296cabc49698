
/*
 * Fuzzes the token parser.  The input is taken three ways: as a token, as
 * header and claims in clear (apart at the first NUL) signed with a known key,
 * so that the fuzzer gets behind the signature, and as a file of keys.
 */

#include "carmen_base64url.h"
#include "carmen_jwt.h"


#define NOW  1800000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static ngx_str_t     fuzz_audience = ngx_string("carmen");
static carmen_jwk_t  fuzz_keys[2];
static u_char        fuzz_secret[32];

static const char    fuzz_header[] =
    "{\"typ\":\"at+jwt\",\"alg\":\"HS256\",\"kid\":\"hs\"}";


static void
fuzz_token(const u_char *token, size_t len)
{
    ngx_int_t          rc;
    const char        *why;
    carmen_jwt_t       jwt;
    carmen_verifier_t  v;

    ngx_memzero(&v, sizeof(carmen_verifier_t));
    ngx_str_set(&v.issuer, "i");
    v.audiences = &fuzz_audience;
    v.naudiences = 1;
    v.leeway = 30;
    v.keys = fuzz_keys;
    v.nkeys = 1;

    why = NULL;
    rc = carmen_jwt_verify(&v, token, len, NOW, &jwt, &why);

    if (rc == NGX_OK) {
        if (jwt.exp <= NOW - 30 || jwt.subject.len == 0
            || jwt.client.len == 0 || jwt.jti.len == 0
            || !carmen_tenant_valid(jwt.tenant.data, jwt.tenant.len))
        {
            abort();
        }

        carmen_jwt_release(&jwt);

    } else if (why == NULL || jwt.claims != NULL) {
        abort();
    }
}


static void
fuzz_signed(const u_char *header, size_t header_len, const u_char *claims,
    size_t claims_len)
{
    u_char  *token, *p, sig[CARMEN_SIGNATURE_MAX];
    size_t   len;

    token = malloc(carmen_base64url_len(header_len)
                   + carmen_base64url_len(claims_len) + 64);
    if (token == NULL) {
        return;
    }

    p = carmen_base64url_encode(token, header, header_len);
    *p++ = '.';
    p = carmen_base64url_encode(p, claims, claims_len);

    if (carmen_jwk_sign(&fuzz_keys[0], token, p - token, sig, &len)
        == NGX_OK)
    {
        *p++ = '.';
        p = carmen_base64url_encode(p, sig, len);
        fuzz_token(token, p - token);
    }

    free(token);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t       text;
    ngx_uint_t      i;
    const char     *why;
    ngx_pool_t     *pool;
    ngx_array_t    *keys;
    const uint8_t  *nul;

    if (fuzz_keys[0].kid.len == 0) {
        ngx_str_set(&fuzz_keys[0].kid, "hs");
        fuzz_keys[0].alg = CARMEN_ALG_HS256;
        fuzz_keys[0].secret.data = fuzz_secret;
        fuzz_keys[0].secret.len = sizeof(fuzz_secret);
    }

    fuzz_token(data, size);

    nul = size ? memchr(data, '\0', size) : NULL;

    if (nul) {
        fuzz_signed(data, nul - data, nul + 1, data + size - nul - 1);

    } else if (size && data[0] == '{') {
        fuzz_signed((const u_char *) fuzz_header, sizeof(fuzz_header) - 1,
                    data, size);
    }

    pool = ngx_create_pool(4096, NULL);

    if (pool == NULL) {
        return 0;
    }

    keys = ngx_array_create(pool, 4, sizeof(carmen_jwk_t));
    text.data = (u_char *) data;
    text.len = size;
    (void) carmen_jwk_read(pool, &text, NULL, CARMEN_ALG_ANY, keys, &why);

    for (i = 0; i < keys->nelts; i++) {
        carmen_jwk_free((carmen_jwk_t *) keys->elts + i);
    }

    ngx_destroy_pool(pool);

    return 0;
}
