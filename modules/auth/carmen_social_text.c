
/* Texts of a sign-in: random ones, their hashes, escapes. */

#include "carmen_federation.h"
#include "carmen_base64url.h"

#include <openssl/evp.h>
#include <openssl/rand.h>


#define SOCIAL_HASH  64


ngx_str_t
carmen_social_random(ngx_pool_t *pool)
{
    u_char     bytes[CARMEN_SOCIAL_SECRET];
    ngx_str_t  text;

    ngx_str_null(&text);

    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
        return text;
    }

    text.data = ngx_pnalloc(pool, CARMEN_SOCIAL_TEXT);

    if (text.data) {
        text.len = carmen_base64url_encode(text.data, bytes, sizeof(bytes))
                   - text.data;
    }

    return text;
}


/* empty without memory: the database refuses it */

ngx_str_t
carmen_social_hash(ngx_pool_t *pool, ngx_str_t *text)
{
    u_char     md[32];
    ngx_str_t  hash;

    ngx_str_set(&hash, "");

    if (EVP_Digest(text->data, text->len, md, NULL, EVP_sha256(), NULL) != 1)
    {
        return hash;
    }

    hash.data = ngx_pnalloc(pool, SOCIAL_HASH);

    if (hash.data) {
        hash.len = ngx_hex_dump(hash.data, md, sizeof(md)) - hash.data;
    }

    return hash;
}


ngx_str_t
carmen_social_copy(ngx_pool_t *pool, ngx_str_t text)
{
    ngx_str_t  copy;

    ngx_str_null(&copy);

    if (text.data) {
        copy.data = ngx_pstrdup(pool, &text);
        copy.len = copy.data ? text.len : 0;
    }

    return copy;
}


/* RFC 3986 section 2.3: all but the unreserved */

ngx_str_t
carmen_social_encode(ngx_pool_t *pool, ngx_str_t text)
{
    u_char     *p, c;
    size_t      i;
    ngx_str_t   out;

    static const u_char  hex[] = "0123456789ABCDEF";

    out.len = 0;
    out.data = ngx_pnalloc(pool, 3 * text.len + 1);

    if (out.data == NULL) {
        return out;
    }

    for (p = out.data, i = 0; i < text.len; i++) {
        c = text.data[i];

        if (isalnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
            *p++ = c;

        } else {
            *p++ = '%';
            *p++ = hex[c >> 4];
            *p++ = hex[c & 15];
        }
    }

    out.len = p - out.data;

    return out;
}


ngx_int_t
carmen_social_header(ngx_http_request_t *r, const char *name, ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;

    return NGX_OK;
}
