
/*
 * A request from the content phase to its statement: route, authorize,
 * validate, bind, run.
 */

#include <carmen_core.h>
#include "carmen_context.h"
#include "carmen_metrics.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>


static ngx_int_t carmen_request_route(carmen_request_t *cr);
static ngx_int_t carmen_request_authorize(carmen_request_t *cr);
static void carmen_request_done(carmen_op_t *op);
static void carmen_request_cleanup(void *data);


carmen_request_t *
carmen_request_get(ngx_http_request_t *r)
{
    carmen_request_t  *cr;

    cr = ngx_http_get_module_ctx(r, ngx_http_carmen_core_module);

    if (cr == NULL) {
        cr = ngx_pcalloc(r->pool, sizeof(carmen_request_t));
        if (cr == NULL) {
            return NULL;
        }

        cr->http = r;
        cr->conf = ngx_http_get_module_loc_conf(r,
                                                ngx_http_carmen_core_module);
        cr->started = carmen_metrics_now();

        ngx_http_set_ctx(r, cr, ngx_http_carmen_core_module);
    }

    return cr;
}


/*
 * From here on the request is finished by ngx_http_finalize_request(), also
 * when the answer is known at once: hence the count.
 */

ngx_int_t
carmen_handler(ngx_http_request_t *r)
{
    ngx_uint_t         raw;
    carmen_request_t  *cr;

    cr = carmen_request_get(r);
    if (cr == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cr->conf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_core_module);
    cr->running = 1;
    r->main->count++;

    if (carmen_request_route(cr) != NGX_OK
        || carmen_request_authorize(cr) != NGX_OK)
    {
        return NGX_DONE;
    }

    raw = cr->endpoint->route->flags & CARMEN_RAW;

    if (!raw && (carmen_request_headers(cr) != NGX_OK
                 || carmen_request_arguments(cr) != NGX_OK))
    {
        return NGX_DONE;
    }

    if (raw ? !(r->method & (NGX_HTTP_POST|NGX_HTTP_PUT|NGX_HTTP_PATCH))
            : cr->endpoint->route->body == NULL)
    {

        if (ngx_http_discard_request_body(r) != NGX_OK) {
            carmen_request_finish(cr, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return NGX_DONE;
        }

        carmen_request_run(cr);
        return NGX_DONE;
    }

    if (raw || carmen_request_content_type(cr) == NGX_OK) {
        ngx_int_t  rc;

        /* the location's buffer holds all that client_max_body_size lets in:
         * nothing goes through a file */

        r->request_body_in_single_buf = 1;

        rc = ngx_http_read_client_request_body(r, carmen_request_body_read);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            carmen_request_finish(cr, rc);
            return NGX_DONE;
        }

        /* the count that was taken for the body */
        ngx_http_finalize_request(r, NGX_DONE);
    }

    return NGX_DONE;
}


void
carmen_request_finish(carmen_request_t *cr, ngx_int_t rc)
{
    ngx_http_finalize_request(cr->http, rc);
}


static ngx_int_t
carmen_request_route(carmen_request_t *cr)
{
    u_char              *p;
    ngx_int_t            rc;
    ngx_str_t            path, allow;
    ngx_uint_t           i, method;
    ngx_http_request_t  *r;
    carmen_loc_conf_t   *conf;

    static const struct {
        ngx_uint_t  method;
        ngx_str_t   name;
    } methods[] = {
        { NGX_HTTP_GET,    ngx_string("GET, HEAD, ") },
        { NGX_HTTP_POST,   ngx_string("POST, ") },
        { NGX_HTTP_PUT,    ngx_string("PUT, ") },
        { NGX_HTTP_PATCH,  ngx_string("PATCH, ") },
        { NGX_HTTP_DELETE, ngx_string("DELETE, ") },
    };

    r = cr->http;
    conf = cr->conf;

    path = r->uri;

    if (path.len < conf->prefix.len
        || ngx_memcmp(path.data, conf->prefix.data, conf->prefix.len) != 0)
    {
        carmen_problem_reply(cr, "not-found", NULL, NULL);
        return NGX_DECLINED;
    }

    path.data += conf->prefix.len;
    path.len -= conf->prefix.len;

    method = r->method == NGX_HTTP_HEAD ? NGX_HTTP_GET : r->method;

    rc = carmen_router_find(conf->router, &path, method, &cr->match);

    if (rc == NGX_OK) {
        cr->endpoint = cr->match.endpoint;
        return NGX_OK;
    }

    if (rc == NGX_DECLINED) {
        carmen_problem_reply(cr, "not-found", NULL, NULL);
        return NGX_DECLINED;
    }

    allow.data = ngx_pnalloc(r->pool, 64);
    if (allow.data == NULL) {
        carmen_request_finish(cr, NGX_ERROR);
        return NGX_ERROR;
    }

    p = allow.data;

    for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (cr->match.methods & methods[i].method) {
            p = ngx_cpymem(p, methods[i].name.data, methods[i].name.len);
        }
    }

    p = ngx_cpymem(p, "OPTIONS", sizeof("OPTIONS") - 1);
    allow.len = p - allow.data;

    if (carmen_header_add(r, "Allow", &allow) != NGX_OK) {
        carmen_request_finish(cr, NGX_ERROR);
        return NGX_ERROR;
    }

    if (r->method != NGX_HTTP_OPTIONS) {
        carmen_problem_reply(cr, "method-not-allowed", NULL, NULL);
        return NGX_DECLINED;
    }

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        carmen_request_finish(cr, NGX_ERROR);
        return NGX_ERROR;
    }

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;
    ngx_http_clear_content_length(r);

    carmen_request_finish(cr, ngx_http_send_header(r));

    return NGX_DECLINED;
}


static ngx_int_t
carmen_request_authorize(carmen_request_t *cr)
{
    ngx_str_t               detail, tenant;
    const carmen_route_t   *route;

    route = cr->endpoint->route;

    if (cr->identity == NULL) {

        if (!(route->flags & CARMEN_PUBLIC)) {
            (void) carmen_identity_refuse(cr->http, NULL, NULL);
            return NGX_DECLINED;
        }

        if (ngx_http_complex_value(cr->http, cr->conf->tenant, &tenant)
            != NGX_OK)
        {
            carmen_request_finish(cr, NGX_ERROR);
            return NGX_ERROR;
        }

        if (tenant.len == 0 || tenant.len > 63) {
            carmen_problem_reply(cr, "not-found", NULL, NULL);
            return NGX_DECLINED;
        }

    } else {

        if (cr->endpoint->scope >= 0
            && !carmen_scopes_has(&cr->identity->scopes, cr->endpoint->scope))
        {
            detail.data = ngx_pnalloc(cr->http->pool, 128);
            if (detail.data == NULL) {
                carmen_request_finish(cr, NGX_ERROR);
                return NGX_ERROR;
            }

            detail.len = ngx_snprintf(detail.data, 128,
                                      "This needs the scope \"%s\".",
                                      route->scope) - detail.data;

            carmen_problem_reply(cr, "insufficient-scope", &detail, NULL);
            return NGX_DECLINED;
        }

        tenant = cr->identity->tenant;
    }

    cr->tenant.data = (u_char *) carmen_cstring(cr->http->pool, &tenant);
    cr->tenant.len = tenant.len;

    if (cr->tenant.data == NULL) {
        carmen_request_finish(cr, NGX_ERROR);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
carmen_request_holds(void *data, const char *scope)
{
    ngx_int_t          bit;
    carmen_request_t  *cr;

    cr = data;

    bit = carmen_scope_intern(scope);

    return cr->identity && bit >= 0
           && carmen_scopes_has(&cr->identity->scopes, bit);
}


void
carmen_request_run(carmen_request_t *cr)
{
    ngx_int_t              rc;
    ngx_http_request_t    *r;
    const carmen_route_t  *route;

    r = cr->http;
    route = cr->endpoint->route;

    if (route->handler) {

        /* the handler may answer before it returns: the count keeps r */

        r->main->count++;

        rc = route->handler(cr);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            carmen_request_finish(cr, rc);

        } else if (rc == NGX_ERROR) {
            carmen_request_finish(cr, NGX_HTTP_INTERNAL_SERVER_ERROR);
        }

        ngx_http_finalize_request(r, NGX_DONE);

        return;
    }

    if (carmen_query(cr, route->statement, NULL, NULL, NULL) == NGX_ERROR) {
        carmen_request_finish(cr, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


ngx_int_t
carmen_query(carmen_request_t *cr, const carmen_statement_t *st,
    const carmen_pair_t *pairs, carmen_result_pt next, void *data)
{
    ngx_int_t                   rc;
    carmen_op_t                *op;
    ngx_http_request_t         *r;
    carmen_pg_pool_t           *pool;
    ngx_http_upstream_state_t  *state;

    r = cr->http;
    pool = cr->conf->pool;

    if (pool == NULL || cr->op) {
        return NGX_ERROR;
    }

    if (carmen_request_keep(cr) != NGX_OK) {
        return NGX_ERROR;
    }

    if (r->upstream_states == NULL) {
        r->upstream_states = ngx_array_create(r->pool, 1,
                                            sizeof(ngx_http_upstream_state_t));
        if (r->upstream_states == NULL) {
            return NGX_ERROR;
        }
    }

    state = ngx_array_push(r->upstream_states);
    if (state == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(state, sizeof(ngx_http_upstream_state_t));
    state->response_time = ngx_current_msec;
    state->connect_time = (ngx_msec_t) -1;
    state->header_time = (ngx_msec_t) -1;
    cr->state = state;

    op = carmen_op_get(pool);
    if (op == NULL) {
        return NGX_ERROR;
    }

    op->lane = &pool->lanes[st->lane];
    op->statement = st;
    op->tenant = cr->tenant;
    op->done = carmen_request_done;
    op->data = cr;
    op->retry = (cr->key.len != 0 || st->kind == CARMEN_KIND_READ
                 || st->kind == CARMEN_KIND_LIST
                 || st->lane == CARMEN_LANE_FAST);

    if (carmen_bind(cr, st, pairs, &op->variant, &op->values) != NGX_OK) {
        carmen_op_free(op);
        return NGX_ERROR;
    }

    cr->next = next;
    cr->next_data = data;
    cr->statement = st;

    rc = carmen_pg_submit(op);

    if (rc == NGX_OK) {
        cr->op = op;
        carmen_request_wait(cr);
        return NGX_OK;
    }

    state->status = NGX_HTTP_SERVICE_UNAVAILABLE;
    state->response_time = 0;

    carmen_refuse_failure(cr, rc == NGX_BUSY ? CARMEN_OP_OVERLOADED
                                             : CARMEN_OP_UNAVAILABLE);
    return NGX_DONE;
}


/* until the answer comes, a client that leaves is noticed */

void
carmen_request_wait(carmen_request_t *cr)
{
    ngx_http_request_t  *r;

    r = cr->http;

    if (!r->discard_body) {
        r->read_event_handler = ngx_http_test_reading;
    }

    r->write_event_handler = ngx_http_request_empty_handler;
}


static void
carmen_request_done(carmen_op_t *op)
{
    carmen_result_t    result;
    ngx_connection_t  *c;
    carmen_request_t  *cr;

    cr = op->data;
    cr->op = NULL;

    c = cr->http->connection;

    if (op->conn && op->conn->peer.name) {
        cr->state->peer = op->conn->peer.name;
        cr->state->connect_time = 0;
    }

    cr->state->response_time = ngx_current_msec - cr->state->response_time;
    cr->state->header_time = cr->state->response_time;

    if (op->failure != CARMEN_OP_OK) {
        cr->state->status = NGX_HTTP_SERVICE_UNAVAILABLE;
        carmen_refuse_failure(cr, op->failure);

    } else if (cr->next) {
        cr->state->status = NGX_HTTP_OK;
        result.pg = op->result;
        cr->next(cr, &result, cr->next_data);

    } else {
        cr->state->status = NGX_HTTP_OK;
        cr->result = op->result;
        op->result = NULL;
        carmen_reply_result(cr, cr->result);
    }

    ngx_http_run_posted_requests(c);
}


ngx_int_t
carmen_request_keep(carmen_request_t *cr)
{
    ngx_pool_cleanup_t  *cln;

    if (!cr->cleanup) {
        cln = ngx_pool_cleanup_add(cr->http->pool, 0);
        if (cln == NULL) {
            return NGX_ERROR;
        }

        cln->handler = carmen_request_cleanup;
        cln->data = cr;
        cr->cleanup = 1;
    }

    return NGX_OK;
}


static void
carmen_request_cleanup(void *data)
{
    carmen_request_t  *cr = data;

    if (cr->op) {
        carmen_pg_orphan(cr->op);
        cr->op = NULL;
    }

    if (cr->task) {
        carmen_offload_orphan(cr);
    }

    if (cr->result) {
        PQclear(cr->result);
        cr->result = NULL;
    }

    if (cr->json) {
        json_decref(cr->json);
        cr->json = NULL;
    }
}


ngx_http_request_t *
carmen_request_http(carmen_request_t *cr)
{
    return cr->http;
}


carmen_request_t *
carmen_request(ngx_http_request_t *r)
{
    return ngx_http_get_module_ctx(r, ngx_http_carmen_core_module);
}


ngx_str_t
carmen_request_tenant(carmen_request_t *cr)
{
    return cr->tenant;
}


struct json_t *
carmen_request_body(carmen_request_t *cr)
{
    return cr->json;
}


ngx_str_t
carmen_request_text(carmen_request_t *cr)
{
    return cr->body;
}


ngx_str_t
carmen_request_path(carmen_request_t *cr, const char *name)
{
    ngx_uint_t  i;
    ngx_str_t   none = ngx_null_string;

    for (i = 0; i < cr->match.nparams; i++) {
        if (ngx_strcmp(cr->match.params[i].name, name) == 0) {
            return cr->match.params[i].value;
        }
    }

    return none;
}


ngx_str_t
carmen_request_query(carmen_request_t *cr, const char *name)
{
    ngx_str_t        none = ngx_null_string;
    ngx_uint_t       i;
    carmen_param_t  *param;

    param = cr->query.elts;

    for (i = 0; i < cr->query.nelts; i++) {
        if (ngx_strcmp(param[i].name.data, name) == 0) {
            return param[i].value;
        }
    }

    return none;
}


void
carmen_request_refuse(carmen_request_t *cr, carmen_refuse_pt refuse)
{
    cr->refuse = refuse;
}


ngx_int_t
carmen_request_mac(carmen_request_t *cr, const char *label, ngx_str_t *text,
    u_char *mac)
{
    size_t               len;
    u_char               key[32];
    ngx_int_t            rc;
    carmen_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(cr->http,
                                         ngx_http_carmen_core_module);

    rc = EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, cmcf->secret,
                   CARMEN_SECRET_LEN, (u_char *) label, ngx_strlen(label),
                   key, sizeof(key), &len)
         && EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, sizeof(key),
                      text->data, text->len, mac, 32, &len)
         ? NGX_OK : NGX_ERROR;

    OPENSSL_cleanse(key, sizeof(key));

    return rc;
}


char *
carmen_cstring(ngx_pool_t *pool, ngx_str_t *s)
{
    char  *p;

    p = ngx_pnalloc(pool, s->len + 1);
    if (p == NULL) {
        return NULL;
    }

    ngx_memcpy(p, s->data, s->len);
    p[s->len] = '\0';

    return p;
}
