
/*
 * Fuzzes what an authenticator says: the input is taken as CBOR, as
 * authenticator data, as a key, and as a whole registration.
 */

#include "fuzz.h"

#include "carmen_cbor.h"
#include "carmen_webauthn.h"


int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    ngx_str_t                text, client, challenge;
    const char              *why, *attestation;
    carmen_cbor_t            c;
    carmen_webauthn_rp_t     rp;
    carmen_webauthn_key_t    key;
    carmen_webauthn_data_t   data;

    static ngx_str_t  origin = ngx_string("https://shop.example");

    text.data = fuzz_copy(input, size);
    text.len = size;

    c.pos = text.data;
    c.last = text.data + size;

    while (c.pos < c.last && carmen_cbor_skip(&c) == NGX_OK) {
        must(c.pos <= c.last);
    }

    why = NULL;

    if (carmen_webauthn_data(&text, &data, &why) == NGX_OK) {
        must(data.rp_hash == text.data);
        must(!(data.flags & CARMEN_WEBAUTHN_AT)
             || (data.id.len && data.cose.len && data.aaguid));

    } else {
        must(why != NULL);
    }

    why = NULL;

    if (carmen_webauthn_cose(&text, &key, &why) == NGX_OK) {
        must(key.pkey != NULL && key.alg != CARMEN_ALG_ANY);
        EVP_PKEY_free(key.pkey);

    } else {
        must(why != NULL && key.pkey == NULL);
    }

    ngx_str_set(&rp.id, "shop.example");
    rp.origins = &origin;
    rp.norigins = 1;
    ngx_str_set(&challenge, "AAAA");
    ngx_str_set(&client, "{\"type\":\"webauthn.create\","
                         "\"challenge\":\"AAAA\","
                         "\"origin\":\"https://shop.example\"}");
    why = NULL;

    if (carmen_webauthn_register(&rp, &challenge, &client, &text, 0, &data,
                                 &key, &attestation, &why)
        == NGX_OK)
    {
        must(key.pkey != NULL);
        EVP_PKEY_free(key.pkey);

    } else {
        must(why != NULL);
    }

    why = NULL;
    must(carmen_webauthn_client(&rp, &text, "webauthn.get", &challenge, &why)
         == NGX_OK || why != NULL);

    free(text.data);

    return 0;
}
