
/* Answers: headers, and a body that PostgreSQL has made. */

#include <carmen_core.h>
#include "carmen_context.h"


typedef struct {
    ngx_str_t                 body;
    ngx_str_t                 version;
    ngx_str_t                 location;
    ngx_str_t                 first;
    ngx_str_t                 last;
    ngx_uint_t                more;
    ngx_uint_t                status;
} carmen_row_t;


static void carmen_reply_row(carmen_request_t *cr, carmen_row_t *row);
static void carmen_reply_list(carmen_request_t *cr, carmen_row_t *row);
static ngx_int_t carmen_reply_link(carmen_request_t *cr, ngx_str_t *next,
    ngx_str_t *prev);
static u_char *carmen_reply_link_url(u_char *p, ngx_http_request_t *r,
    ngx_str_t *cursor, const char *rel);
static ngx_int_t carmen_reply_etag(carmen_request_t *cr, ngx_str_t *version,
    ngx_str_t *fields);
static ngx_int_t carmen_reply_location(carmen_request_t *cr,
    ngx_str_t *location);
static ngx_int_t carmen_reply_headers(carmen_request_t *cr,
    ngx_uint_t status);
static ngx_int_t carmen_reply_send(carmen_request_t *cr, ngx_str_t *parts,
    ngx_uint_t n);


ngx_int_t
carmen_header_add(ngx_http_request_t *r, const char *name, ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return NGX_OK;
}


static void
carmen_reply_columns(PGresult *res, carmen_row_t *row)
{
    int          i, n;
    ngx_str_t    value;
    const char  *name;

    ngx_memzero(row, sizeof(carmen_row_t));

    n = PQnfields(res);

    for (i = 0; i < n; i++) {

        if (PQgetisnull(res, 0, i)) {
            continue;
        }

        name = PQfname(res, i);
        value.data = (u_char *) PQgetvalue(res, 0, i);
        value.len = PQgetlength(res, 0, i);

        switch (name[0]) {

        case 'b':
            row->body = value;
            break;

        case 'v':
            row->version = value;
            break;

        case 'f':
            row->first = value;
            break;

        case 'm':
            row->more = (value.data[0] == 't');
            break;

        case 's':
            row->status = ngx_atoi(value.data, value.len);
            break;

        case 'l':
            if (name[1] == 'o') {
                row->location = value;
            } else {
                row->last = value;
            }
            break;
        }
    }
}


void
carmen_reply_result(carmen_request_t *cr, PGresult *res)
{
    carmen_row_t  row;

    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        carmen_refuse_result(cr, res);
        return;
    }

    if (PQntuples(res) == 0) {
        carmen_problem_reply(cr, "not-found", NULL, NULL);
        return;
    }

    carmen_reply_columns(res, &row);

    if (cr->statement->kind == CARMEN_KIND_LIST) {
        carmen_reply_list(cr, &row);

    } else {
        carmen_reply_row(cr, &row);
    }
}


void
carmen_result_reply(carmen_request_t *cr, carmen_result_t *result)
{
    PGresult      *res;
    ngx_uint_t     i;
    carmen_row_t   row;
    ngx_str_t     *texts[3];

    res = result->pg;

    if (PQresultStatus(res) != PGRES_TUPLES_OK || PQntuples(res) == 0
        || cr->statement->kind == CARMEN_KIND_LIST)
    {
        carmen_reply_result(cr, res);
        return;
    }

    /* the result goes when the caller returns, the answer maybe later */

    carmen_reply_columns(res, &row);

    texts[0] = &row.body;
    texts[1] = &row.version;
    texts[2] = &row.location;

    for (i = 0; i < 3; i++) {
        if (texts[i]->data) {
            texts[i]->data = (u_char *) carmen_cstring(cr->http->pool,
                                                       texts[i]);
            if (texts[i]->data == NULL) {
                carmen_request_finish(cr, NGX_ERROR);
                return;
            }
        }
    }

    carmen_reply_row(cr, &row);
}


static void
carmen_reply_row(carmen_request_t *cr, carmen_row_t *row)
{
    ngx_str_t              fields;
    ngx_uint_t             status;
    ngx_http_request_t    *r;
    const carmen_route_t  *route;

    r = cr->http;
    route = cr->endpoint->route;

    status = row->status;

    if (status == 0) {
        status = route->status ? route->status
                 : (route->flags & CARMEN_CREATES) ? NGX_HTTP_CREATED
                 : NGX_HTTP_OK;
    }

    if (row->version.len) {
        fields = carmen_request_query(cr, "fields");

        if (carmen_reply_etag(cr, &row->version, &fields) != NGX_OK) {
            goto failed;
        }
    }

    if (row->location.len
        && carmen_reply_location(cr, &row->location) != NGX_OK)
    {
        goto failed;
    }

    if (carmen_reply_headers(cr, status) != NGX_OK) {
        goto failed;
    }

    (void) r;

    carmen_request_finish(cr, carmen_reply_send(cr, &row->body, 1));

    return;

failed:

    carmen_request_finish(cr, NGX_ERROR);
}


static void
carmen_reply_list(carmen_request_t *cr, carmen_row_t *row)
{
    u_char              *p;
    ngx_str_t            context, next, prev, parts[3];
    ngx_uint_t           before;
    ngx_http_request_t  *r;
    carmen_main_conf_t  *cmcf;

    r = cr->http;

    ngx_str_null(&next);
    ngx_str_null(&prev);

    if (row->first.data && row->last.data) {

        before = cr->has_cursor && cr->cursor.page == CARMEN_PAGE_BEFORE;

        cmcf = ngx_http_get_module_main_conf(r, ngx_http_carmen_core_module);

        if (row->more || cr->has_cursor) {
            context = carmen_cursor_context(cr);

            if (context.data == NULL) {
                goto failed;
            }

            if ((before || row->more)
                && carmen_cursor_encode(r->pool, cmcf->secret, &context,
                                        CARMEN_PAGE_AFTER, cr->sort,
                                        &row->last, &next)
                   != NGX_OK)
            {
                goto failed;
            }

            if ((before ? row->more : cr->has_cursor)
                && carmen_cursor_encode(r->pool, cmcf->secret, &context,
                                        CARMEN_PAGE_BEFORE, cr->sort,
                                        &row->first, &prev)
                   != NGX_OK)
            {
                goto failed;
            }
        }

        if ((next.len || prev.len)
            && carmen_reply_link(cr, &next, &prev) != NGX_OK)
        {
            goto failed;
        }
    }

    if (carmen_reply_headers(cr, NGX_HTTP_OK) != NGX_OK) {
        goto failed;
    }

    ngx_str_set(&parts[0], "{\"items\":");
    parts[1] = row->body;

    p = ngx_pnalloc(r->pool, sizeof(",\"next\":\"\",\"prev\":\"\"}") + next.len
                             + prev.len + 8);
    if (p == NULL) {
        goto failed;
    }

    parts[2].data = p;

    p = next.len ? ngx_sprintf(p, ",\"next\":\"%V\"", &next)
                 : ngx_cpymem(p, ",\"next\":null", 12);
    p = prev.len ? ngx_sprintf(p, ",\"prev\":\"%V\"}", &prev)
                 : ngx_cpymem(p, ",\"prev\":null}", 13);

    parts[2].len = p - parts[2].data;

    carmen_request_finish(cr, carmen_reply_send(cr, parts, 3));

    return;

failed:

    carmen_request_finish(cr, NGX_ERROR);
}


/* RFC 8288: the same request with another cursor */

static ngx_int_t
carmen_reply_link(carmen_request_t *cr, ngx_str_t *next, ngx_str_t *prev)
{
    u_char              *p;
    size_t               len;
    ngx_str_t            value;
    ngx_http_request_t  *r;

    r = cr->http;

    len = 2 * (r->unparsed_uri.len + sizeof("<?&cursor=>; rel=\"next\", "))
          + next->len + prev->len;

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;

    if (next->len) {
        p = carmen_reply_link_url(p, r, next, "next");
    }

    if (prev->len) {
        if (next->len) {
            *p++ = ',';
            *p++ = ' ';
        }

        p = carmen_reply_link_url(p, r, prev, "prev");
    }

    value.len = p - value.data;

    return carmen_header_add(r, "Link", &value);
}


static u_char *
carmen_reply_link_url(u_char *p, ngx_http_request_t *r, ngx_str_t *cursor,
    const char *rel)
{
    u_char     *a, *last, *end;
    ngx_str_t   path;

    path = r->unparsed_uri;
    a = ngx_strlchr(path.data, path.data + path.len, '?');

    if (a) {
        path.len = a - path.data;
    }

    *p++ = '<';
    p = ngx_cpymem(p, path.data, path.len);
    *p++ = '?';

    a = r->args.data;
    end = a + r->args.len;

    while (a < end) {
        last = ngx_strlchr(a, end, '&');

        if (last == NULL) {
            last = end;
        }

        if (last > a && ngx_strncmp(a, "cursor=", 7) != 0) {
            p = ngx_cpymem(p, a, last - a);
            *p++ = '&';
        }

        a = last + 1;
    }

    return ngx_sprintf(p, "cursor=%V>; rel=\"%s\"", cursor, rel);
}


/*
 * Strong, from the version.  A selection of fields is another representation
 * and has a tag of its own, which no If-Match will take.
 */

static ngx_int_t
carmen_reply_etag(carmen_request_t *cr, ngx_str_t *version, ngx_str_t *fields)
{
    u_char           *p;
    ngx_table_elt_t  *h;

    h = ngx_list_push(&cr->http->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(cr->http->pool, version->len + sizeof("\"-12345678\""));
    if (p == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    ngx_str_set(&h->key, "ETag");
    h->value.data = p;

    *p++ = '"';
    p = ngx_cpymem(p, version->data, version->len);

    if (fields->len) {
        p = ngx_sprintf(p, "-%08xD",
                        ngx_crc32_short(fields->data, fields->len));
    }

    *p++ = '"';
    h->value.len = p - h->value.data;

    cr->http->headers_out.etag = h;

    /*
     * The statement has judged If-Match.  nginx's filter would hold it
     * against the version that the write has made, and answer 412.
     */

    if (!(cr->http->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        cr->http->disable_not_modified = 1;
    }

    return NGX_OK;
}


static ngx_int_t
carmen_reply_location(carmen_request_t *cr, ngx_str_t *location)
{
    u_char     *p;
    ngx_str_t   value, *prefix;

    prefix = &cr->conf->prefix;

    p = ngx_pnalloc(cr->http->pool, prefix->len + location->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    p = ngx_cpymem(p, prefix->data, prefix->len);
    p = ngx_cpymem(p, location->data, location->len);
    value.len = p - value.data;

    return carmen_header_add(cr->http, "Location", &value);
}


static ngx_int_t
carmen_reply_headers(carmen_request_t *cr, ngx_uint_t status)
{
    ngx_str_t            value;
    ngx_uint_t           flags;
    ngx_http_request_t  *r;

    r = cr->http;
    flags = cr->endpoint->route->flags;

    if (flags & CARMEN_NO_STORE) {
        ngx_str_set(&value, "no-store");

    } else if (r->method != NGX_HTTP_GET && r->method != NGX_HTTP_HEAD) {
        ngx_str_set(&value, "no-store");

    } else if (flags & CARMEN_CACHED) {
        ngx_str_set(&value, "private, max-age=60");

    } else {
        ngx_str_set(&value, "private, no-cache");
    }

    r->headers_out.status = status;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    return carmen_header_add(r, "Cache-Control", &value);
}


/* RFC 9110 section 13.1.2: a weak comparison against each tag of the list */

static ngx_uint_t
carmen_reply_not_modified(ngx_http_request_t *r)
{
    u_char     *p, *end, *q;
    ngx_str_t  *etag, *list;

    if (r->headers_out.etag == NULL || r->headers_in.if_none_match == NULL
        || (r->method != NGX_HTTP_GET && r->method != NGX_HTTP_HEAD))
    {
        return 0;
    }

    etag = &r->headers_out.etag->value;
    list = &r->headers_in.if_none_match->value;

    if (list->len == 1 && list->data[0] == '*') {
        return 1;
    }

    p = list->data;
    end = p + list->len;

    while (p < end) {

        while (p < end && (*p == ' ' || *p == ',' || *p == '\t')) {
            p++;
        }

        if (end - p > 2 && p[0] == 'W' && p[1] == '/') {
            p += 2;
        }

        if (p == end || *p != '"') {
            return 0;
        }

        q = p + 1;

        while (q < end && *q != '"') {
            q++;
        }

        if (q == end) {
            return 0;
        }

        q++;

        if ((size_t) (q - p) == etag->len
            && ngx_memcmp(p, etag->data, etag->len) == 0)
        {
            return 1;
        }

        p = q;
    }

    return 0;
}


static ngx_int_t
carmen_reply_send(carmen_request_t *cr, ngx_str_t *parts, ngx_uint_t n)
{
    size_t               len;
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_uint_t           i;
    ngx_chain_t         *cl, *out, **ll;
    ngx_http_request_t  *r;

    r = cr->http;
    cr->answered = 1;

    if (r->headers_out.status == NGX_HTTP_OK && carmen_reply_not_modified(r)) {
        r->headers_out.status = NGX_HTTP_NOT_MODIFIED;
        r->headers_out.content_type.len = 0;
        r->header_only = 1;
        ngx_http_clear_content_length(r);
        return ngx_http_send_header(r);
    }

    len = 0;

    for (i = 0; i < n; i++) {
        len += parts[i].len;
    }

    if (r->headers_out.status == NGX_HTTP_NO_CONTENT) {
        r->headers_out.content_type.len = 0;
        r->header_only = 1;
        ngx_http_clear_content_length(r);
        return ngx_http_send_header(r);
    }

    r->headers_out.content_length_n = len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out = NULL;
    ll = &out;
    b = NULL;

    for (i = 0; i < n; i++) {

        if (parts[i].len == 0) {
            continue;
        }

        cl = ngx_alloc_chain_link(r->pool);
        b = ngx_calloc_buf(r->pool);

        if (cl == NULL || b == NULL) {
            return NGX_ERROR;
        }

        b->pos = parts[i].data;
        b->last = parts[i].data + parts[i].len;
        b->memory = 1;

        cl->buf = b;
        cl->next = NULL;
        *ll = cl;
        ll = &cl->next;
    }

    if (b == NULL) {
        return ngx_http_send_special(r, NGX_HTTP_LAST);
    }

    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    return ngx_http_output_filter(r, out);
}


void
carmen_reply_json(carmen_request_t *cr, ngx_uint_t status, ngx_str_t *body,
    ngx_str_t *etag, ngx_str_t *location)
{
    ngx_str_t  none = ngx_null_string;

    if ((etag && carmen_reply_etag(cr, etag, &none) != NGX_OK)
        || (location && carmen_reply_location(cr, location) != NGX_OK)
        || carmen_reply_headers(cr, status) != NGX_OK)
    {
        carmen_request_finish(cr, NGX_ERROR);
        return;
    }

    carmen_request_finish(cr, carmen_reply_send(cr, body, body ? 1 : 0));
}


void
carmen_reply_text(carmen_request_t *cr, ngx_uint_t status, const char *type,
    ngx_str_t *body)
{
    ngx_http_request_t  *r;

    r = cr->http;

    r->headers_out.status = status;
    r->headers_out.content_type.data = (u_char *) type;
    r->headers_out.content_type.len = ngx_strlen(type);
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    carmen_request_finish(cr, carmen_reply_send(cr, body, body ? 1 : 0));
}


ngx_uint_t
carmen_result_failed(carmen_result_t *result)
{
    return PQresultStatus(result->pg) == PGRES_FATAL_ERROR;
}


ngx_uint_t
carmen_result_rows(carmen_result_t *result)
{
    return PQntuples(result->pg);
}


ngx_str_t
carmen_result_value(carmen_result_t *result, ngx_uint_t row,
    const char *column)
{
    int        i, n;
    ngx_str_t  value;

    ngx_str_null(&value);

    n = PQnfields(result->pg);

    for (i = 0; i < n; i++) {
        if (ngx_strcmp(PQfname(result->pg, i), column) == 0) {

            if (row < (ngx_uint_t) PQntuples(result->pg)
                && !PQgetisnull(result->pg, row, i))
            {
                value.data = (u_char *) PQgetvalue(result->pg, row, i);
                value.len = PQgetlength(result->pg, row, i);
            }

            break;
        }
    }

    return value;
}


void
carmen_result_refuse(carmen_request_t *cr, carmen_result_t *result)
{
    carmen_refuse_result(cr, result->pg);
}


/* tenant, statement, sort and filters, so that a cursor fits nothing else */

ngx_str_t
carmen_cursor_context(carmen_request_t *cr)
{
    u_char                    *p;
    size_t                     len;
    ngx_str_t                  context;
    ngx_uint_t                 i;
    carmen_param_t            *param;
    const carmen_statement_t  *st;

    st = cr->endpoint->route->statement;
    param = cr->query.elts;

    len = cr->tenant.len + st->name.len + NGX_INT_T_LEN + 3;

    for (i = 0; i < cr->query.nelts; i++) {
        len += param[i].name.len + param[i].value.len + NGX_SIZE_T_LEN + 3;
    }

    p = ngx_pnalloc(cr->http->pool, len);
    context.data = p;
    context.len = 0;

    if (p == NULL) {
        return context;
    }

    p = ngx_sprintf(p, "%V\n%V\n%ui", &cr->tenant, &st->name, cr->sort);

    for (i = 0; i < cr->query.nelts; i++) {

        if (ngx_strcmp(param[i].name.data, "limit") == 0
            || ngx_strcmp(param[i].name.data, "cursor") == 0
            || ngx_strcmp(param[i].name.data, "sort") == 0)
        {
            continue;
        }

        p = ngx_sprintf(p, "\n%V=%uz:%V", &param[i].name, param[i].value.len,
                        &param[i].value);
    }

    context.len = p - context.data;

    return context;
}
