
/* What the headers of a request ask for: its key, its version, its answer. */

#include <carmen_core.h>
#include "carmen_context.h"


#define CARMEN_KEY_MAX  255


static ngx_int_t carmen_request_key(carmen_request_t *cr);
static ngx_int_t carmen_request_match(carmen_request_t *cr);
static ngx_int_t carmen_request_accepts(ngx_http_request_t *r);


ngx_table_elt_t *
carmen_request_header(ngx_http_request_t *r, const char *lowcase, size_t len,
    ngx_uint_t *count)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header, *found;

    found = NULL;
    *count = 0;

    part = &r->headers_in.headers.part;
    header = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            header = part->elts;
            i = 0;
        }

        if (header[i].key.len == len
            && ngx_strncasecmp(header[i].key.data, (u_char *) lowcase, len)
               == 0)
        {
            found = &header[i];
            (*count)++;
        }
    }

    return found;
}


/* draft-ietf-httpapi-idempotency-key-header: a structured-field string; the
 * bare form is taken as well, since most clients send that */

static ngx_int_t
carmen_request_key(carmen_request_t *cr)
{
    u_char           *p;
    ngx_uint_t        i, count;
    ngx_str_t         key;
    ngx_table_elt_t  *h;

    h = carmen_request_header(cr->http, "idempotency-key",
                              sizeof("idempotency-key") - 1, &count);
    if (h == NULL) {

        if (cr->endpoint->route->flags & CARMEN_CREATES) {
            carmen_problem_reply(cr, "idempotency-key-required", NULL, NULL);
            return NGX_DECLINED;
        }

        return NGX_OK;
    }

    key = h->value;

    if (key.len >= 2 && key.data[0] == '"' && key.data[key.len - 1] == '"') {
        key.data++;
        key.len -= 2;
    }

    if (count > 1 || key.len == 0 || key.len > CARMEN_KEY_MAX) {
        goto invalid;
    }

    for (i = 0; i < key.len; i++) {
        if (key.data[i] < 0x21 || key.data[i] > 0x7e || key.data[i] == '"'
            || key.data[i] == '\\')
        {
            goto invalid;
        }
    }

    p = (u_char *) carmen_cstring(cr->http->pool, &key);
    if (p == NULL) {
        carmen_request_finish(cr, NGX_ERROR);
        return NGX_ERROR;
    }

    cr->key.data = p;
    cr->key.len = key.len;

    return NGX_OK;

invalid:

    carmen_problem_reply(cr, "idempotency-key-invalid", NULL, NULL);

    return NGX_DECLINED;
}


/* RFC 9110 section 13.1.1: a strong comparison, so W/"..." never matches */

static ngx_int_t
carmen_request_match(carmen_request_t *cr)
{
    u_char      *p;
    ngx_str_t    value;
    ngx_uint_t   i;

    if (cr->http->headers_in.if_match == NULL) {

        if (cr->endpoint->route->flags & CARMEN_VERSIONED) {
            carmen_problem_reply(cr, "precondition-required", NULL, NULL);
            return NGX_DECLINED;
        }

        return NGX_OK;
    }

    value = cr->http->headers_in.if_match->value;

    if (value.len == 1 && value.data[0] == '*') {

        if (cr->endpoint->route->flags & CARMEN_VERSIONED) {
            carmen_problem_reply(cr, "precondition-required", NULL, NULL);
            return NGX_DECLINED;
        }

        return NGX_OK;
    }

    if (value.len < 3 || value.len > 21 || value.data[0] != '"'
        || value.data[value.len - 1] != '"')
    {
        goto failed;
    }

    value.data++;
    value.len -= 2;

    for (i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') {
            goto failed;
        }
    }

    if (value.len > 18) {
        goto failed;
    }

    p = (u_char *) carmen_cstring(cr->http->pool, &value);
    if (p == NULL) {
        carmen_request_finish(cr, NGX_ERROR);
        return NGX_ERROR;
    }

    cr->version.data = p;
    cr->version.len = value.len;

    return NGX_OK;

failed:

    /* no version of ours looks like that */

    carmen_problem_reply(cr, "precondition-failed", NULL, NULL);

    return NGX_DECLINED;
}


ngx_int_t
carmen_request_headers(carmen_request_t *cr)
{
    ngx_uint_t  flags;

    flags = cr->endpoint->route->flags;

    if (carmen_request_accepts(cr->http) != NGX_OK) {
        carmen_problem_reply(cr, "not-acceptable", NULL, NULL);
        return NGX_DECLINED;
    }

    if ((flags & (CARMEN_CREATES|CARMEN_KEYED))
        && carmen_request_key(cr) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if ((flags & (CARMEN_VERSIONED|CARMEN_MATCHES))
        && carmen_request_match(cr) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* RFC 9110 section 12.5.1, as far as one media type needs it */

static ngx_int_t
carmen_request_accepts(ngx_http_request_t *r)
{
    u_char            *p, *end, *q;
    size_t             len;
    ngx_int_t          found;
    ngx_uint_t         count, refused, specific, rank;
    ngx_table_elt_t   *h;

#if (NGX_HTTP_HEADERS)
    h = r->headers_in.accept;
#else
    h = carmen_request_header(r, "accept", sizeof("accept") - 1, &count);
#endif

    (void) count;

    if (h == NULL || (h->value.len == 3 && h->value.data[0] == '*')) {
        return NGX_OK;
    }

    p = h->value.data;
    end = p + h->value.len;
    found = 0;
    rank = 0;

    while (p < end) {

        while (p < end && (*p == ' ' || *p == ',' || *p == '\t')) {
            p++;
        }

        q = p;

        while (p < end && *p != ',') {
            p++;
        }

        len = 0;

        while (q + len < p && q[len] != ';' && q[len] != ' ') {
            len++;
        }

        if (len == 16 && ngx_strncasecmp(q, (u_char *) "application/json", 16)
                         == 0)
        {
            specific = 3;

        } else if (len == 13 && ngx_strncasecmp(q, (u_char *) "application/*",
                                                13) == 0)
        {
            specific = 2;

        } else if (len == 3 && ngx_strncmp(q, "*/*", 3) == 0) {
            specific = 1;

        } else {
            continue;
        }

        /* "q=0", "q=0.0" and so on */

        refused = 0;
        q = ngx_strlcasestrn(q + len, p, (u_char *) "q=", 1);

        if (q) {
            refused = 1;

            for (q += 2; q < p && *q != ';' && *q != ' '; q++) {
                if (*q != '0' && *q != '.') {
                    refused = 0;
                    break;
                }
            }
        }

        if (specific > rank) {
            rank = specific;
            found = !refused;
        }
    }

    return found ? NGX_OK : NGX_DECLINED;
}
