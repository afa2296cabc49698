
/* The response of a fetch: RFC 9112, as far as it must be read. */

#include <carmen_core.h>
#include "carmen_fetch.h"


/* interim responses (1xx) before the one that counts */
#define CARMEN_FETCH_INTERIM  8


static ngx_int_t carmen_fetch_head(carmen_fetch_t *f);
static ngx_int_t carmen_fetch_head_line(carmen_fetch_t *f, u_char *p,
    u_char *end);
static ngx_int_t carmen_fetch_chunks(carmen_fetch_t *f, ngx_str_t *out);


/* names in lower case, values without the white space around them */

static ngx_int_t
carmen_fetch_head_line(carmen_fetch_t *f, u_char *p, u_char *end)
{
    u_char        *colon;
    ngx_keyval_t  *kv;

    colon = ngx_strlchr(p, end, ':');

    if (colon == NULL || colon == p || *p == ' ' || *p == '\t') {
        return NGX_ERROR;
    }

    kv = ngx_array_push(&f->response_headers);
    if (kv == NULL) {
        return NGX_ERROR;
    }

    kv->key.len = colon - p;
    kv->key.data = ngx_pnalloc(f->pool, kv->key.len + 1);

    if (kv->key.data == NULL) {
        return NGX_ERROR;
    }

    ngx_strlow(kv->key.data, p, kv->key.len);
    kv->key.data[kv->key.len] = '\0';

    for (p = colon + 1; p < end && (*p == ' ' || *p == '\t'); p++) { /* */ }

    while (end > p && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }

    kv->value.len = end - p;
    kv->value.data = ngx_pnalloc(f->pool, kv->value.len + 1);

    if (kv->value.data == NULL) {
        return NGX_ERROR;
    }

    *ngx_cpymem(kv->value.data, p, kv->value.len) = '\0';

    return NGX_OK;
}


/* NGX_OK; NGX_AGAIN: not whole yet; NGX_ERROR: not HTTP */

static ngx_int_t
carmen_fetch_head(carmen_fetch_t *f)
{
    u_char     *p, *end, *line, *last;
    ngx_int_t   n;
    ngx_str_t  *h;

again:

    p = f->in.start;
    end = ngx_strlcasestrn(p, f->in.last, (u_char *) "\r\n\r\n", 4 - 1);

    if (end == NULL) {
        return NGX_AGAIN;
    }

    if (end - p < 12 || ngx_strncmp(p, "HTTP/1.", 7) != 0 || p[8] != ' ') {
        return NGX_ERROR;
    }

    n = ngx_atoi(p + 9, 3);

    if (n < 100 || n > 599) {
        return NGX_ERROR;
    }

    f->status = n;
    f->response_headers.nelts = 0;
    f->head = end + 4 - f->in.start;

    line = ngx_strlchr(p, end, LF);

    while (line && line < end) {
        p = line + 1;
        line = ngx_strlchr(p, end, LF);

        /* RFC 9112 section 2.2: a bare LF ends a line as well */

        last = line ? line : end;

        if (last > p && last[-1] == CR) {
            last--;
        }

        if (carmen_fetch_head_line(f, p, last) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (f->status < 200) {

        if (++f->interim > CARMEN_FETCH_INTERIM) {
            return NGX_ERROR;
        }

        ngx_memmove(f->in.start, f->in.start + f->head,
                    f->in.last - f->in.start - f->head);
        f->in.last -= f->head;
        f->head = 0;

        goto again;
    }

    h = carmen_fetch_response_header(f, "transfer-encoding");

    if (h) {
        if (h->len != 7 || ngx_strncasecmp(h->data, (u_char *) "chunked", 7)
                           != 0)
        {
            return NGX_ERROR;
        }

        f->chunked = 1;
        return NGX_OK;
    }

    h = carmen_fetch_response_header(f, "content-length");

    if (h) {
        f->length = ngx_atoof(h->data, h->len);

        if (f->length == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * RFC 9112 section 7.1, over the bytes so far: joins the chunks into "out"
 * when the last one is there.  Returns as above.
 */

static ngx_int_t
carmen_fetch_chunks(carmen_fetch_t *f, ngx_str_t *out)
{
    u_char     *p, *end, *eol, *d;
    size_t      size;
    ngx_int_t   digit;
    ngx_uint_t  pass;

    out->data = NULL;

    for (pass = 0; pass < 2; pass++) {
        p = f->in.start + f->head;
        end = f->in.last;
        d = out->data;
        out->len = 0;

        for ( ;; ) {
            eol = ngx_strlchr(p, end, LF);

            if (eol == NULL) {
                return NGX_AGAIN;
            }

            size = 0;

            if (!isxdigit(*p)) {
                return NGX_ERROR;
            }

            for (digit = 0; p < eol && *p != CR && *p != ';' && *p != ' ';
                 p++)
            {
                digit = ngx_hextoi(p, 1);

                if (digit == NGX_ERROR || size > f->policy->max_response) {
                    return NGX_ERROR;
                }

                size = size * 16 + digit;
            }

            p = eol + 1;

            if (size == 0) {
                /* a trailer, if any, ends with an empty line */

                if (end - p < 2) {
                    return NGX_AGAIN;
                }

                if (p[0] != CR
                    && ngx_strlcasestrn(p, end, (u_char *) "\r\n\r\n", 3)
                       == NULL)
                {
                    return NGX_AGAIN;
                }

                break;
            }

            if ((size_t) (end - p) < size + 2) {
                return NGX_AGAIN;
            }

            if (d) {
                d = ngx_cpymem(d, p, size);
            }

            out->len += size;
            p += size;

            if (p[0] != CR || p[1] != LF) {
                return NGX_ERROR;
            }

            p += 2;
        }

        if (pass == 0) {
            out->data = ngx_pnalloc(f->pool, out->len + 1);
            if (out->data == NULL) {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


void
carmen_fetch_received(carmen_fetch_t *f, ngx_uint_t eof)
{
    size_t     have;
    ngx_int_t  rc;

    if (f->head == 0) {
        rc = carmen_fetch_head(f);

        if (rc == NGX_ERROR) {
            carmen_fetch_end(f, "the response is not HTTP");
            return;
        }

        if (rc == NGX_AGAIN) {
            if (eof) {
                carmen_fetch_end(f, "the connection was lost");
            }

            return;
        }
    }

    if (f->status == 204 || f->status == 304
        || (f->method.len == 4 && ngx_strncmp(f->method.data, "HEAD", 4) == 0))
    {
        carmen_fetch_end(f, NULL);
        return;
    }

    if (f->chunked) {
        rc = carmen_fetch_chunks(f, &f->response);

        if (rc == NGX_AGAIN && !eof) {
            return;
        }

        carmen_fetch_end(f, rc == NGX_OK ? NULL
                            : "the response is not whole");
        return;
    }

    have = f->in.last - f->in.start - f->head;

    if (f->length >= 0 && have >= (size_t) f->length) {
        have = f->length;

    } else if (f->length >= 0 || !eof) {

        if (eof) {
            carmen_fetch_end(f, "the response is not whole");
        }

        return;
    }

    f->response.data = f->in.start + f->head;
    f->response.len = have;

    carmen_fetch_end(f, NULL);
}
