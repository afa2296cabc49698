
/* Requests without a route: the way from a content handler to a statement. */

#include <carmen_core.h>
#include "carmen_context.h"
#include "carmen_format.h"


static ngx_int_t plain_tenant(carmen_request_t *cr);
static void plain_body_read(ngx_http_request_t *r);
static void plain_start(carmen_request_t *cr);
static ngx_int_t plain_decode(ngx_pool_t *pool, u_char *p, u_char *end,
    ngx_str_t *value);
static ngx_uint_t plain_same(u_char *p, u_char *end, const char *name);


char *
carmen_plain_enable(ngx_conf_t *cf, carmen_domain_t *domain,
    ngx_http_handler_pt handler)
{
    carmen_domain_t           **d;
    carmen_loc_conf_t          *lcf;
    ngx_http_core_loc_conf_t   *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    lcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_carmen_core_module);

    if (clcf->handler || lcf->domains) {
        return "is in a location that already has a handler";
    }

    lcf->domains = ngx_array_create(cf->pool, 1, sizeof(void *));
    if (lcf->domains == NULL) {
        return NGX_CONF_ERROR;
    }

    d = ngx_array_push(lcf->domains);
    if (d == NULL) {
        return NGX_CONF_ERROR;
    }

    *d = domain;

    lcf->plain = 1;
    lcf->file = cf->conf_file->file.name;
    lcf->line = cf->conf_file->line;
    clcf->handler = handler;

    return NGX_CONF_OK;
}


ngx_int_t
carmen_plain_run(ngx_http_request_t *r, size_t limit, carmen_plain_pt run,
    carmen_refuse_pt refuse)
{
    ngx_int_t          rc;
    carmen_request_t  *cr;

    cr = carmen_request_get(r);
    if (cr == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cr->conf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_core_module);
    cr->plain = run;
    cr->refuse = refuse;
    cr->running = 1;
    r->main->count++;

    if (plain_tenant(cr) != NGX_OK) {
        return NGX_DONE;
    }

    if (limit == 0) {

        if (ngx_http_discard_request_body(r) != NGX_OK) {
            carmen_request_finish(cr, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return NGX_DONE;
        }

        plain_start(cr);
        return NGX_DONE;
    }

    if (r->headers_in.content_length_n > (off_t) limit) {
        carmen_problem_reply(cr, "content-too-large", NULL, NULL);
        return NGX_DONE;
    }

    cr->limit = limit;
    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, plain_body_read);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        carmen_request_finish(cr, rc);
        return NGX_DONE;
    }

    /* the count that was taken for the body */
    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


static ngx_int_t
plain_tenant(carmen_request_t *cr)
{
    ngx_str_t  tenant;

    if (ngx_http_complex_value(cr->http, cr->conf->tenant, &tenant)
        != NGX_OK)
    {
        carmen_request_finish(cr, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    if (tenant.len == 0 || tenant.len > 63) {
        carmen_problem_reply(cr, "not-found", NULL, NULL);
        return NGX_DECLINED;
    }

    if (carmen_plain_tenant(cr, &tenant) != NGX_OK) {
        carmen_request_finish(cr, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
carmen_plain_tenant(carmen_request_t *cr, ngx_str_t *tenant)
{
    cr->tenant.data = (u_char *) carmen_cstring(cr->http->pool, tenant);
    cr->tenant.len = tenant->len;

    return cr->tenant.data ? NGX_OK : NGX_ERROR;
}


static void
plain_body_read(ngx_http_request_t *r)
{
    u_char            *p;
    size_t             len;
    ngx_buf_t         *b;
    ngx_chain_t       *in;
    carmen_request_t  *cr;

    cr = ngx_http_get_module_ctx(r, ngx_http_carmen_core_module);
    len = 0;

    for (in = r->request_body ? r->request_body->bufs : NULL; in;
         in = in->next)
    {
        b = in->buf;

        if (!ngx_buf_in_memory(b) && ngx_buf_size(b)) {
            carmen_problem_reply(cr, "content-too-large", NULL, NULL);
            return;
        }

        len += b->last - b->pos;
    }

    if (len > cr->limit) {
        carmen_problem_reply(cr, "content-too-large", NULL, NULL);
        return;
    }

    p = ngx_pnalloc(r->pool, len + 1);
    if (p == NULL) {
        carmen_request_finish(cr, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    cr->body.data = p;
    cr->body.len = len;

    for (in = r->request_body ? r->request_body->bufs : NULL; in;
         in = in->next)
    {
        p = ngx_cpymem(p, in->buf->pos, in->buf->last - in->buf->pos);
    }

    *p = '\0';

    plain_start(cr);
}


/* it may answer before it returns: the count keeps r */

static void
plain_start(carmen_request_t *cr)
{
    ngx_http_request_t  *r = cr->http;

    r->main->count++;
    cr->plain(cr);
    ngx_http_finalize_request(r, NGX_DONE);
}


ngx_str_t
carmen_plain_body(carmen_request_t *cr)
{
    return cr->body;
}


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

        if (plain_same(p, eq ? eq : last, name)) {

            if (value->data) {
                return NGX_ABORT;
            }

            rc = plain_decode(pool, eq ? eq + 1 : last, last, value);

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
plain_same(u_char *p, u_char *end, const char *name)
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
plain_decode(ngx_pool_t *pool, u_char *p, u_char *end, ngx_str_t *value)
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


ngx_int_t
carmen_reply_header(carmen_request_t *cr, const char *name, ngx_str_t *value)
{
    return carmen_header_add(cr->http, name, value);
}


void
carmen_reply_text(carmen_request_t *cr, ngx_uint_t status, const char *type,
    ngx_str_t *body)
{
    ngx_buf_t           *b;
    ngx_int_t            rc;
    ngx_str_t            value;
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    r = cr->http;
    cr->answered = 1;

    ngx_str_set(&value, "no-store");

    if (carmen_header_add(r, "Cache-Control", &value) != NGX_OK) {
        carmen_request_finish(cr, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    r->headers_out.status = status;
    r->headers_out.content_length_n = body->len;

    if (type) {
        r->headers_out.content_type.data = (u_char *) type;
        r->headers_out.content_type.len = ngx_strlen(type);
        r->headers_out.content_type_len = strcspn(type, ";");
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        carmen_request_finish(cr, rc);
        return;
    }

    if (body->len == 0) {
        carmen_request_finish(cr, ngx_http_send_special(r, NGX_HTTP_LAST));
        return;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        carmen_request_finish(cr, NGX_ERROR);
        return;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = 1;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    carmen_request_finish(cr, ngx_http_output_filter(r, &out));
}
