
/*
 * What a person is in the middle of, carried from page to page in the address:
 * checked parameters of a client's request, or the code of a device, with the
 * time, and what the cookie was then.  It is not secret from the person, but
 * nobody can change it.  {"t": time, "c": cookie, "p": {...} or "d": "code"}
 */

#include "carmen_browser_page.h"
#include "carmen_base64url.h"

#include <openssl/crypto.h>


#define SEAL_LABEL  "browser flow"
#define SEAL_MAC    32
#define SEAL_LIFE   3600
#define SEAL_SKEW   10
#define SEAL_MAX    16384


ngx_int_t
carmen_browser_seal(carmen_browser_t *b)
{
    char       *text;
    u_char      mac[SEAL_MAC], *p;
    ngx_str_t   plain;

    if (json_object_set_new(b->flow, "t", json_integer(ngx_time())) != 0
        || json_object_set_new(b->flow, "c",
                               b->hash.len
                               ? json_stringn((char *) b->hash.data, 16)
                               : json_string(""))
           != 0)
    {
        return NGX_ERROR;
    }

    text = json_dumps(b->flow, JSON_COMPACT);
    if (text == NULL) {
        return NGX_ERROR;
    }

    plain.data = (u_char *) text;
    plain.len = ngx_strlen(text);

    p = ngx_pnalloc(b->pool, carmen_base64url_len(plain.len) + 2
                             + carmen_base64url_len(SEAL_MAC));

    if (p == NULL
        || carmen_request_mac(b->request, SEAL_LABEL, &plain, mac) != NGX_OK)
    {
        free(text);
        return NGX_ERROR;
    }

    b->sealed.data = p;
    p = carmen_base64url_encode(p, plain.data, plain.len);
    *p++ = '.';
    p = carmen_base64url_encode(p, mac, SEAL_MAC);
    *p = '\0';
    b->sealed.len = p - b->sealed.data;

    free(text);

    return NGX_OK;
}


ngx_int_t
carmen_browser_unseal(carmen_browser_t *b, ngx_str_t *sealed)
{
    time_t      then;
    u_char      mac[SEAL_MAC], given[SEAL_MAC], *dot;
    ngx_str_t   plain;

    if (sealed->len == 0 || sealed->len > SEAL_MAX) {
        return NGX_DECLINED;
    }

    dot = ngx_strlchr(sealed->data, sealed->data + sealed->len, '.');

    if (dot == NULL
        || sealed->data + sealed->len - dot - 1
           != carmen_base64url_len(SEAL_MAC)
        || carmen_base64url_decode(given, dot + 1,
                                   carmen_base64url_len(SEAL_MAC))
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    plain.len = carmen_base64url_decoded_len(dot - sealed->data);
    plain.data = ngx_pnalloc(b->pool, plain.len + 1);

    if (plain.data == NULL) {
        return NGX_ERROR;
    }

    if (carmen_base64url_decode(plain.data, sealed->data, dot - sealed->data)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (carmen_request_mac(b->request, SEAL_LABEL, &plain, mac) != NGX_OK) {
        return NGX_ERROR;
    }

    if (CRYPTO_memcmp(mac, given, SEAL_MAC) != 0) {
        return NGX_DECLINED;
    }

    b->flow = carmen_browser_keep(b->pool,
                                  json_loadb((char *) plain.data, plain.len,
                                             0, NULL));
    if (b->flow == NULL) {
        return NGX_ERROR;
    }

    then = json_integer_value(json_object_get(b->flow, "t"));

    if (then > ngx_time() + 300 || then + SEAL_LIFE < ngx_time()) {
        b->flow = NULL;
        return NGX_DECLINED;
    }

    b->sealed = carmen_browser_copy(b->pool, *sealed);

    return b->sealed.data ? NGX_OK : NGX_ERROR;
}


ngx_uint_t
carmen_browser_proved(carmen_browser_t *b)
{
    size_t   len;
    time_t   began;
    json_t  *then;

    began = json_integer_value(json_object_get(b->flow, "t"));
    then = json_object_get(b->flow, "c");
    len = json_string_length(then);

    /* the clock is the database's: another cookie is the proof, the time only
     * keeps the flow of one browser from being used in another */

    return b->user.len && b->auth_time + SEAL_SKEW >= began
           && (b->hash.len < len || len == 0
               || ngx_memcmp(b->hash.data, json_string_value(then), len)
                  != 0);
}
