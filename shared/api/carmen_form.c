
/* Forms: parameters of application/x-www-form-urlencoded. */

#include <carmen_core.h>
#include "carmen_format.h"


static ngx_int_t form_decode(ngx_pool_t *pool, u_char *p, u_char *end,
    ngx_str_t *value);
static ngx_uint_t form_same(u_char *p, u_char *end, const char *name);


ngx_int_t
carmen_form_value(ngx_pool_t *pool, ngx_str_t *form, const char *name,
    ngx_str_t *value)
{
    u_char     *p, *end, *last, *eq;
    ngx_int_t   rc;

    ngx_str_null(value);

    p = form->data;
    end = p + form->len;

    while (p < end) {
        last = ngx_strlchr(p, end, '&');

        if (last == NULL) {
            last = end;
        }

        eq = ngx_strlchr(p, last, '=');

        if (form_same(p, eq ? eq : last, name)) {

            if (value->data) {
                return NGX_ABORT;
            }

            rc = form_decode(pool, eq ? eq + 1 : last, last, value);

            if (rc != NGX_OK) {
                return rc;
            }
        }

        p = last + 1;
    }

    return value->data ? NGX_OK : NGX_DECLINED;
}


/* whether p..end is the name, escaped or not */

static ngx_uint_t
form_same(u_char *p, u_char *end, const char *name)
{
    u_char     c;
    ngx_int_t  n;

    while (p < end && *name) {
        c = *p++;

        if (c == '%' && end - p >= 2) {
            n = ngx_hextoi(p, 2);

            if (n < 0) {
                return 0;
            }

            c = (u_char) n;
            p += 2;
        }

        if (c != (u_char) *name++) {
            return 0;
        }
    }

    return p == end && *name == '\0';
}


static ngx_int_t
form_decode(ngx_pool_t *pool, u_char *p, u_char *end, ngx_str_t *value)
{
    u_char     *d;
    ngx_int_t   n;

    d = ngx_pnalloc(pool, end - p + 1);
    if (d == NULL) {
        return NGX_ERROR;
    }

    value->data = d;

    while (p < end) {

        if (*p == '+') {
            *d++ = ' ';
            p++;

        } else if (*p == '%') {
            n = end - p > 2 ? ngx_hextoi(p + 1, 2) : NGX_ERROR;

            if (n <= 0) {
                return NGX_ABORT;
            }

            *d++ = (u_char) n;
            p += 3;

        } else {
            *d++ = *p++;
        }
    }

    *d = '\0';
    value->len = d - value->data;

    return carmen_format_text(value->data, value->len) ? NGX_OK : NGX_ABORT;
}


ngx_str_t
carmen_form_encode(ngx_pool_t *pool, ngx_str_t text)
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

    p = out.data;

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'
            || c == '~')
        {
            *p++ = c;

        } else {
            *p++ = '%';
            *p++ = hex[c >> 4];
            *p++ = hex[c & 15];
        }
    }

    *p = '\0';
    out.len = p - out.data;

    return out;
}
