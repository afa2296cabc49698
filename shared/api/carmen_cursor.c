
/*
 * A cursor is base64url of: page, sort (a byte each), the keys as JSON, and
 * the first half of HMAC-SHA-256 over the version of this layout, the length
 * of the context, the context, and what stands before it (RFC 2104 section 5
 * on the half).
 */

#include <carmen_core.h>
#include "carmen_cursor.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>


#define CARMEN_CURSOR_SECRET  32
#define CARMEN_CURSOR_HEAD    2
#define CARMEN_CURSOR_MAC     16
#define CARMEN_CURSOR_MAX     16384          /* bytes of base64url */

static const u_char  carmen_cursor_label[] = "carmen-cursor-1";


static ngx_int_t carmen_cursor_mac(ngx_pool_t *pool, const u_char *secret,
    ngx_str_t *context, const u_char *data, size_t len, u_char *mac);
static ngx_int_t carmen_cursor_keys(ngx_pool_t *pool, const u_char *data,
    size_t len, carmen_cursor_t *out);


ngx_int_t
carmen_cursor_encode(ngx_pool_t *pool, const u_char *secret,
    ngx_str_t *context, carmen_page_e page, ngx_uint_t sort, ngx_str_t *keys,
    ngx_str_t *cursor)
{
    size_t     len;
    ngx_str_t  raw;

    len = CARMEN_CURSOR_HEAD + keys->len;

    if (sort > 255
        || ngx_base64_encoded_length(len + CARMEN_CURSOR_MAC)
           > CARMEN_CURSOR_MAX)
    {
        return NGX_ERROR;
    }

    raw.len = len + CARMEN_CURSOR_MAC;
    raw.data = ngx_pnalloc(pool, raw.len);
    cursor->data = ngx_pnalloc(pool, ngx_base64_encoded_length(raw.len));

    if (raw.data == NULL || cursor->data == NULL) {
        return NGX_ERROR;
    }

    raw.data[0] = (u_char) page;
    raw.data[1] = (u_char) sort;
    ngx_memcpy(raw.data + CARMEN_CURSOR_HEAD, keys->data, keys->len);

    if (carmen_cursor_mac(pool, secret, context, raw.data, len,
                          raw.data + len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_encode_base64url(cursor, &raw);

    return NGX_OK;
}


ngx_int_t
carmen_cursor_decode(ngx_pool_t *pool, const u_char *secret,
    ngx_str_t *context, ngx_str_t *cursor, carmen_cursor_t *out)
{
    size_t     len;
    u_char     mac[CARMEN_CURSOR_MAC];
    ngx_str_t  raw;

    if (cursor->len > CARMEN_CURSOR_MAX) {
        return NGX_DECLINED;
    }

    raw.data = ngx_pnalloc(pool, ngx_base64_decoded_length(cursor->len) + 1);
    if (raw.data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_decode_base64url(&raw, cursor) != NGX_OK
        || raw.len < CARMEN_CURSOR_HEAD + CARMEN_CURSOR_MAC)
    {
        return NGX_DECLINED;
    }

    len = raw.len - CARMEN_CURSOR_MAC;

    if (carmen_cursor_mac(pool, secret, context, raw.data, len, mac)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (CRYPTO_memcmp(mac, raw.data + len, CARMEN_CURSOR_MAC) != 0) {
        return NGX_DECLINED;
    }

    if (raw.data[0] != CARMEN_PAGE_AFTER
        && raw.data[0] != CARMEN_PAGE_BEFORE)
    {
        return NGX_DECLINED;
    }

    out->page = raw.data[0];
    out->sort = raw.data[1];

    return carmen_cursor_keys(pool, raw.data + CARMEN_CURSOR_HEAD,
                              len - CARMEN_CURSOR_HEAD, out);
}


static ngx_int_t
carmen_cursor_mac(ngx_pool_t *pool, const u_char *secret, ngx_str_t *context,
    const u_char *data, size_t len, u_char *mac)
{
    size_t         n;
    u_char        *p, *text, full[EVP_MAX_MD_SIZE];
    uint64_t       size;
    unsigned int   got;

    n = sizeof(carmen_cursor_label) + sizeof(size) + context->len + len;

    text = ngx_pnalloc(pool, n);
    if (text == NULL) {
        return NGX_ERROR;
    }

    /* the length keeps context and data apart; nodes may differ in endianness
     * but share the secret */

    size = context->len;
    p = ngx_cpymem(text, carmen_cursor_label, sizeof(carmen_cursor_label));

    for (n = 0; n < sizeof(size); n++) {
        *p++ = (u_char) (size >> (8 * n));
    }

    p = ngx_cpymem(p, context->data, context->len);
    p = ngx_cpymem(p, data, len);

    if (HMAC(EVP_sha256(), secret, CARMEN_CURSOR_SECRET, text, p - text, full,
             &got)
        == NULL)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(mac, full, CARMEN_CURSOR_MAC);

    return NGX_OK;
}


/* the keys are ours, but a statement may have changed since */

static ngx_int_t
carmen_cursor_keys(ngx_pool_t *pool, const u_char *data, size_t len,
    carmen_cursor_t *out)
{
    size_t      i, n;
    json_t     *root, *key;
    ngx_int_t   rc;

    root = json_loadb((const char *) data, len, JSON_REJECT_DUPLICATES, NULL);

    n = json_array_size(root);

    if (n < 1 || n > CARMEN_CURSOR_KEYS) {
        json_decref(root);
        return NGX_DECLINED;
    }

    rc = NGX_OK;

    for (i = 0; i < n; i++) {
        key = json_array_get(root, i);

        if (!json_is_string(key)) {
            rc = NGX_DECLINED;
            break;
        }

        out->keys[i].len = json_string_length(key);
        out->keys[i].data = ngx_pnalloc(pool, out->keys[i].len + 1);

        if (out->keys[i].data == NULL) {
            rc = NGX_ERROR;
            break;
        }

        ngx_memcpy(out->keys[i].data, json_string_value(key),
                   out->keys[i].len + 1);
    }

    out->nkeys = n;
    json_decref(root);

    return rc;
}
