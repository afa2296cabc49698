
/* The body: read into memory, of a type that is taken, and validated. */

#include <carmen_core.h>
#include "carmen_context.h"


static ngx_int_t carmen_request_body_check(carmen_request_t *cr);
static ngx_int_t carmen_request_form(carmen_request_t *cr);


/* a type, with no charset or that of JSON: RFC 8259 section 8.1 */

static ngx_uint_t
carmen_request_media_type(ngx_str_t *value, const char *type, size_t len)
{
    u_char  *p, *end;

    if (value->len < len
        || ngx_strncasecmp(value->data, (u_char *) type, len) != 0)
    {
        return 0;
    }

    if (value->len == len) {
        return 1;
    }

    if (value->data[len] != ';' && value->data[len] != ' ') {
        return 0;
    }

    end = value->data + value->len;
    p = ngx_strlcasestrn(value->data + len, end, (u_char *) "charset=",
                         8 - 1);
    if (p == NULL) {
        return 1;
    }

    p += 8;

    if (p < end && *p == '"') {
        p++;
    }

    return end - p >= 5 && ngx_strncasecmp(p, (u_char *) "utf-8", 5) == 0;
}


ngx_int_t
carmen_request_content_type(carmen_request_t *cr)
{
    ngx_str_t               *type;
    ngx_uint_t               count;
    ngx_table_elt_t         *coding;
    ngx_http_request_t      *r;
    const carmen_route_t    *route;

    r = cr->http;
    route = cr->endpoint->route;

    coding = carmen_request_header(r, "content-encoding",
                                   sizeof("content-encoding") - 1, &count);

    if (coding && (coding->value.len != 8
                   || ngx_strncasecmp(coding->value.data,
                                      (u_char *) "identity", 8)
                      != 0))
    {
        goto unsupported;
    }

    if (r->headers_in.content_type == NULL) {

        if (r->headers_in.content_length_n <= 0 && !r->headers_in.chunked) {
            /* no body at all: what is missing will be said by name */
            return NGX_OK;
        }

        goto unsupported;
    }

    type = &r->headers_in.content_type->value;

    if (carmen_request_media_type(type, "application/json", 16)
        || (route->method == CARMEN_PATCH
            && carmen_request_media_type(type, "application/merge-patch+json",
                                         28))
        || ((route->flags & CARMEN_FORM)
            && carmen_request_media_type(type,
                                     "application/x-www-form-urlencoded", 33)))
    {
        return NGX_OK;
    }

unsupported:

    carmen_problem_reply(cr, "unsupported-media-type", NULL, NULL);

    return NGX_DECLINED;
}


void
carmen_request_body_read(ngx_http_request_t *r)
{
    u_char            *p;
    size_t             len;
    ngx_buf_t         *b;
    ngx_chain_t       *in;
    carmen_request_t  *cr;

    cr = ngx_http_get_module_ctx(r, ngx_http_carmen_core_module);

    len = 0;

    if (r->request_body) {
        for (in = r->request_body->bufs; in; in = in->next) {
            b = in->buf;

            if (!ngx_buf_in_memory(b) && ngx_buf_size(b)) {
                /* client_body_in_file_only, or a buffer made too small */
                ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                              "carmen: the body went to a file; do not set "
                              "client_body_in_file_only here");
                carmen_problem_reply(cr, "content-too-large", NULL, NULL);
                return;
            }

            len += b->last - b->pos;
        }
    }

    /* one copy, since the text must end with NUL for libpq */

    p = ngx_pnalloc(r->pool, len + 1);
    if (p == NULL) {
        carmen_request_finish(cr, NGX_ERROR);
        return;
    }

    cr->body.data = p;
    cr->body.len = len;

    if (len) {
        for (in = r->request_body->bufs; in; in = in->next) {
            b = in->buf;
            p = ngx_cpymem(p, b->pos, b->last - b->pos);
        }
    }

    *p = '\0';

    if (carmen_request_body_check(cr) == NGX_OK) {
        carmen_request_run(cr);
    }
}


static ngx_int_t
carmen_request_body_check(carmen_request_t *cr)
{
    ngx_int_t               rc;
    ngx_http_request_t     *r;
    carmen_validation_t     v;
    const carmen_route_t   *route;

    r = cr->http;
    route = cr->endpoint->route;

    if (cr->body.len == 0) {
        /* a table without required fields takes no body as {} */
        ngx_str_set(&cr->body, "{}");

    } else if ((route->flags & CARMEN_FORM) && r->headers_in.content_type
               && carmen_request_media_type(&r->headers_in.content_type->value,
                                     "application/x-www-form-urlencoded", 33))
    {
        rc = carmen_request_form(cr);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (carmen_request_keep(cr) != NGX_OK) {
        carmen_request_finish(cr, NGX_ERROR);
        return NGX_ERROR;
    }

    ngx_memzero(&v, sizeof(carmen_validation_t));
    v.pool = r->pool;
    v.holds = carmen_request_holds;
    v.data = cr;

    rc = carmen_validate_body(&v, cr->body.data, cr->body.len, route->body,
                              &cr->json);
    if (rc == NGX_OK) {
        return NGX_OK;
    }

    if (rc == NGX_DECLINED) {
        carmen_refuse_validation(cr, &v);
        return NGX_DECLINED;
    }

    carmen_request_finish(cr, NGX_ERROR);

    return NGX_ERROR;
}


/* a form becomes an object of strings */

static ngx_int_t
carmen_request_form(carmen_request_t *cr)
{
    char                 *text;
    json_t               *object;
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_array_t           params;
    carmen_param_t       *param;
    carmen_validation_t   v;

    if (ngx_array_init(&params, cr->http->pool, 8, sizeof(carmen_param_t))
        != NGX_OK)
    {
        carmen_request_finish(cr, NGX_ERROR);
        return NGX_ERROR;
    }

    ngx_memzero(&v, sizeof(carmen_validation_t));
    v.pool = cr->http->pool;
    v.holds = carmen_request_holds;
    v.data = cr;

    rc = carmen_validate_query(&v, &cr->body, cr->endpoint->route->body,
                               &params);
    if (rc == NGX_DECLINED) {
        carmen_refuse_validation(cr, &v);
        return rc;
    }

    object = (rc == NGX_OK) ? json_object() : NULL;

    if (object == NULL) {
        carmen_request_finish(cr, NGX_ERROR);
        return NGX_ERROR;
    }

    param = params.elts;

    for (i = 0; i < params.nelts; i++) {
        if (json_object_set_new(object, (char *) param[i].name.data,
                                json_stringn((char *) param[i].value.data,
                                             param[i].value.len))
            != 0)
        {
            json_decref(object);
            carmen_problem_reply(cr, "bad-request", NULL, NULL);
            return NGX_DECLINED;
        }
    }

    text = json_dumps(object, JSON_COMPACT);
    json_decref(object);

    if (text == NULL) {
        carmen_request_finish(cr, NGX_ERROR);
        return NGX_ERROR;
    }

    cr->body.data = (u_char *) text;
    cr->body.len = ngx_strlen(text);
    cr->body.data = (u_char *) carmen_cstring(cr->http->pool, &cr->body);
    free(text);

    if (cr->body.data == NULL) {
        carmen_request_finish(cr, NGX_ERROR);
        return NGX_ERROR;
    }

    return NGX_OK;
}
