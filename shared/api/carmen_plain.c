
/* Requests without a route: the way from a content handler to a statement. */

#include <carmen_core.h>
#include "carmen_context.h"
#include "carmen_format.h"


static ngx_int_t plain_tenant(carmen_request_t *cr);
static void plain_body_read(ngx_http_request_t *r);
static void plain_start(carmen_request_t *cr);


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
carmen_reply_header(carmen_request_t *cr, const char *name, ngx_str_t *value)
{
    return carmen_header_add(cr->http, name, value);
}
