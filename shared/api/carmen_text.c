
#include <carmen_core.h>
#include "carmen_text.h"


static u_char *carmen_text_reserve(carmen_text_t *t, size_t len);


void
carmen_text_init(carmen_text_t *t, ngx_pool_t *pool, size_t size)
{
    t->pool = pool;
    t->failed = 0;

    t->start = ngx_pnalloc(pool, size);
    if (t->start == NULL) {
        size = 0;
        t->failed = 1;
    }

    t->last = t->start;
    t->end = t->start + size;
}


static u_char *
carmen_text_reserve(carmen_text_t *t, size_t len)
{
    size_t   size, used;
    u_char  *p;

    if (t->failed) {
        return NULL;
    }

    if ((size_t) (t->end - t->last) >= len) {
        return t->last;
    }

    used = t->last - t->start;
    size = 2 * (t->end - t->start);

    if (size < used + len) {
        size = used + len;
    }

    p = ngx_pnalloc(t->pool, size);
    if (p == NULL) {
        t->failed = 1;
        return NULL;
    }

    ngx_memcpy(p, t->start, used);
    (void) ngx_pfree(t->pool, t->start);

    t->start = p;
    t->last = p + used;
    t->end = p + size;

    return t->last;
}


void
carmen_text_add(carmen_text_t *t, const void *data, size_t len)
{
    if (carmen_text_reserve(t, len) != NULL) {
        t->last = ngx_cpymem(t->last, data, len);
    }
}


void
carmen_text_format(carmen_text_t *t, const char *fmt, ...)
{
    va_list  args;

    if (carmen_text_reserve(t, 512) == NULL) {
        return;
    }

    va_start(args, fmt);
    t->last = ngx_vslprintf(t->last, t->last + 512, fmt, args);
    va_end(args);
}


void
carmen_text_json(carmen_text_t *t, const void *data, size_t len)
{
    carmen_text_lit(t, "\"");
    carmen_text_escape(t, data, len);
    carmen_text_lit(t, "\"");
}


void
carmen_text_escape(carmen_text_t *t, const void *data, size_t len)
{
    size_t  escape;

    escape = (size_t) ngx_escape_json(NULL, (u_char *) data, len);

    if (carmen_text_reserve(t, len + escape) != NULL) {
        t->last = (u_char *) ngx_escape_json(t->last, (u_char *) data, len);
    }
}


void
carmen_text_html(carmen_text_t *t, const char *s)
{
    size_t  len, escape;

    len = ngx_strlen(s);
    escape = (size_t) ngx_escape_html(NULL, (u_char *) s, len);

    if (carmen_text_reserve(t, len + escape) != NULL) {
        t->last = (u_char *) ngx_escape_html(t->last, (u_char *) s, len);
    }
}


void
carmen_text_label(carmen_text_t *t, const void *data, size_t len)
{
    const u_char  *p, *end;

    if (carmen_text_reserve(t, 2 * len + 2) == NULL) {
        return;
    }

    *t->last++ = '"';

    for (p = data, end = p + len; p < end; p++) {

        switch (*p) {

        case '\n':
            *t->last++ = '\\';
            *t->last++ = 'n';
            break;

        case '"':
        case '\\':
            *t->last++ = '\\';
            /* fall through */

        default:
            *t->last++ = *p;
        }
    }

    *t->last++ = '"';
}


ngx_int_t
carmen_page_method(ngx_http_request_t *r)
{
    ngx_int_t         rc;
    static ngx_str_t  allow = ngx_string("GET, HEAD, OPTIONS");

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        rc = ngx_http_discard_request_body(r);
        return (rc == NGX_OK) ? NGX_DECLINED : rc;
    }

    if (carmen_page_header(r, "Allow", &allow) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->method != NGX_HTTP_OPTIONS) {
        return carmen_problem_send(r, "method-not-allowed", NULL, NULL);
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;

    return ngx_http_send_header(r);
}


ngx_int_t
carmen_page_header(ngx_http_request_t *r, const char *name, ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.len = ngx_strlen(name);
    h->key.data = (u_char *) name;
    h->value = *value;

    return NGX_OK;
}


ngx_int_t
carmen_page_send(ngx_http_request_t *r, ngx_uint_t status, const char *type,
    ngx_str_t *body, ngx_str_t *etag, const char *cache)
{
    ngx_buf_t        *b;
    ngx_int_t         rc;
    ngx_str_t         value;
    ngx_chain_t       out;

    static ngx_str_t  nosniff = ngx_string("nosniff");

    value.len = ngx_strlen(cache);
    value.data = (u_char *) cache;

    if (carmen_page_header(r, "Cache-Control", &value) != NGX_OK
        || carmen_page_header(r, "X-Content-Type-Options", &nosniff) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (etag) {
        if (carmen_page_header(r, "ETag", etag) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        /* with it the not modified filter answers 304 and 412 */
        r->headers_out.etag = (ngx_table_elt_t *)
                              r->headers_out.headers.last->elts
                              + r->headers_out.headers.last->nelts - 1;
    }

    r->headers_out.status = status;
    r->headers_out.content_length_n = body->len;
    r->headers_out.content_type.len = ngx_strlen(type);
    r->headers_out.content_type.data = (u_char *) type;
    r->headers_out.content_type_len = strcspn(type, ";");

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = body->len ? 1 : 0;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
carmen_page_text(ngx_http_request_t *r, ngx_uint_t status, const char *type,
    carmen_text_t *t, const char *cache)
{
    ngx_str_t  body;

    if (t->failed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.data = t->start;
    body.len = t->last - t->start;

    return carmen_page_send(r, status, type, &body, NULL, cache);
}
