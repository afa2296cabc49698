
/*
 * nginx's own errors as problems: what it would answer with a page of HTML
 * (a request that cannot be read, a location that is not there, an upstream
 * that failed) is answered with application/problem+json, unless the client
 * asks for HTML or error_page says otherwise.
 */

#include <carmen_core.h>
#include "carmen_context.h"
#include "carmen_problem_table.h"


static ngx_int_t carmen_errors_header_filter(ngx_http_request_t *r);
static ngx_int_t carmen_errors_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_uint_t carmen_errors_own(ngx_http_request_t *r);
static ngx_uint_t carmen_errors_header_too_large(ngx_http_request_t *r);


static ngx_http_output_header_filter_pt  carmen_errors_next_header;
static ngx_http_output_body_filter_pt    carmen_errors_next_body;


void
carmen_errors_init(void)
{
    carmen_errors_next_header = ngx_http_top_header_filter;
    ngx_http_top_header_filter = carmen_errors_header_filter;

    carmen_errors_next_body = ngx_http_top_body_filter;
    ngx_http_top_body_filter = carmen_errors_body_filter;
}


static ngx_int_t
carmen_errors_header_filter(ngx_http_request_t *r)
{
    ngx_str_t                value;
    carmen_request_t        *cr;
    const carmen_problem_t  *problem;

    if (r->headers_out.status < NGX_HTTP_BAD_REQUEST
        || !carmen_errors_own(r))
    {
        return carmen_errors_next_header(r);
    }

    cr = carmen_request_get(r);
    if (cr == NULL) {
        return NGX_ERROR;
    }

    if (r->headers_out.status == NGX_HTTP_BAD_REQUEST
        && carmen_errors_header_too_large(r))
    {
        r->headers_out.status = 431;
        ngx_str_set(&r->headers_out.status_line,
                    "431 Request Header Fields Too Large");
    }

    problem = carmen_problem_status(r->headers_out.status);

    if (carmen_problem_render(r, problem, NULL, NULL, &cr->page) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_str_set(&r->headers_out.content_type, "application/problem+json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.charset.len = 0;

    if (r->headers_out.content_length) {
        r->headers_out.content_length->hash = 0;
        r->headers_out.content_length = NULL;
    }

    r->headers_out.content_length_n = cr->page.len;

    ngx_str_set(&value, "no-store");

    if (carmen_header_add(r, "Cache-Control", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (r->headers_out.status == NGX_HTTP_SERVICE_UNAVAILABLE) {
        ngx_str_set(&value, "1");

        if (carmen_header_add(r, "Retry-After", &value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return carmen_errors_next_header(r);
}


static ngx_int_t
carmen_errors_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t         *b;
    ngx_chain_t       *cl, out;
    carmen_request_t  *cr;

    cr = ngx_http_get_module_ctx(r, ngx_http_carmen_core_module);

    if (cr == NULL || cr->page.data == NULL || in == NULL) {
        return carmen_errors_next_body(r, in);
    }

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
    }

    if (cr->page_sent) {
        return NGX_OK;
    }

    cr->page_sent = 1;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = cr->page.data;
    b->last = cr->page.data + cr->page.len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return carmen_errors_next_body(r, &out);
}


/*
 * Is this a page that nginx makes itself?  err_status is set by its special
 * responses only; a page from error_page, the answer of an upstream and the
 * text of "return" are somebody's own.
 */

static ngx_uint_t
carmen_errors_own(ngx_http_request_t *r)
{
    ngx_table_elt_t           *accept;
    carmen_loc_conf_t         *conf;
    ngx_http_core_loc_conf_t  *clcf;

    if (r->err_status == 0 || r != r->main || r->error_page) {
        return 0;
    }

    conf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_core_module);

    if (!conf->errors) {
        return 0;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->headers_out.content_type.len != sizeof("text/html") - 1
        || r->headers_out.content_type.data == clcf->default_type.data)
    {
        return 0;
    }

    if (r->upstream && r->upstream->headers_in.status_n
        && r->upstream->headers_in.status_n == r->headers_out.status)
    {
        return 0;
    }

#if (NGX_HTTP_HEADERS)
    accept = r->headers_in.accept;
#else
    accept = NULL;
#endif

    return accept == NULL
           || ngx_strlcasestrn(accept->value.data,
                               accept->value.data + accept->value.len,
                               (u_char *) "text/html", 9 - 1)
              == NULL;
}


/*
 * nginx says 400 when large_client_header_buffers are used up: the header was
 * not done, and the buffer is full, or too full for the line begun.
 */

static ngx_uint_t
carmen_errors_header_too_large(ngx_http_request_t *r)
{
    ngx_buf_t                 *b;
    ngx_http_connection_t     *hc;
    ngx_http_core_srv_conf_t  *cscf;

    b = r->header_in;
    hc = r->http_connection;

    if (b == NULL || hc == NULL || r->request_line.len == 0
        || r->request_length == 0 || r->stream)
    {
        return 0;
    }

    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    return b->last == b->end
           || hc->nbusy >= cscf->large_client_header_buffers.num;
}
