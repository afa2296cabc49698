
/* A request on its way through the core.  Inside the core only. */

#ifndef _CARMEN_CONTEXT_H_INCLUDED_
#define _CARMEN_CONTEXT_H_INCLUDED_


#include <jansson.h>
#include "carmen_conf.h"
#include "carmen_cursor.h"
#include "carmen_validate.h"


struct carmen_result_s {
    PGresult                   *pg;
};


struct carmen_request_s {
    ngx_http_request_t         *http;
    carmen_loc_conf_t          *conf;
    const carmen_endpoint_t    *endpoint;
    carmen_match_t              match;

    carmen_identity_t          *identity;    /* NULL: anonymous */
    ngx_str_t                   tenant;      /* NUL-terminated */

    ngx_array_t                 query;       /* carmen_param_t */
    ngx_uint_t                  limit;
    ngx_uint_t                  sort;
    carmen_cursor_t             cursor;
    ngx_uint_t                  has_cursor;

    ngx_str_t                   body;        /* NUL-terminated */
    json_t                     *json;
    ngx_str_t                   key;         /* Idempotency-Key */
    ngx_str_t                   version;     /* of If-Match */

    carmen_op_t                *op;          /* in the database */
    PGresult                   *result;      /* being sent */
    const carmen_statement_t   *statement;   /* of the result */
    carmen_result_pt            next;
    void                       *next_data;
    void                       *task;        /* in a thread */
    ngx_http_upstream_state_t  *state;

    carmen_refuse_pt            refuse;      /* NULL: by a problem */
    ngx_str_t                   page;        /* in place of nginx's own */
    ngx_str_t                   id;          /* carmen_request_id() */
    carmen_plain_pt             plain;       /* without a route */

    uint64_t                    started;     /* carmen_metrics_now() */

    unsigned                    cleanup:1;   /* registered */
    unsigned                    identified:1;
    unsigned                    running:1;   /* the content handler has begun:
                                                finish by finalizing */
    unsigned                    answered:1;
    unsigned                    page_sent:1;
};


/* the request's context, made at first sight; NULL: no memory */
carmen_request_t *carmen_request_get(ngx_http_request_t *r);

/* makes sure that carmen_request_cleanup() runs with r->pool */
ngx_int_t carmen_request_keep(carmen_request_t *cr);

/*
 * Steps on the way: NGX_OK to go on; otherwise the request was answered.
 */
ngx_int_t carmen_request_headers(carmen_request_t *cr);
ngx_int_t carmen_request_arguments(carmen_request_t *cr);
ngx_int_t carmen_request_content_type(carmen_request_t *cr);

/* called with the body read: checks it, and runs the route */
void carmen_request_body_read(ngx_http_request_t *r);
void carmen_request_run(carmen_request_t *cr);

/* for validations: whether the caller holds a scope; "data" is the request */
ngx_int_t carmen_request_holds(void *data, const char *scope);

/* the event handlers of a request that waits */
void carmen_request_wait(carmen_request_t *cr);

/* ends the request with what an output filter returned */
void carmen_request_finish(carmen_request_t *cr, ngx_int_t rc);

/* the values of a variant's parameters; NGX_OK, NGX_ERROR (memory) */
ngx_int_t carmen_bind(carmen_request_t *cr, const carmen_statement_t *st,
    const carmen_pair_t *pairs, ngx_uint_t *variant,
    const char *const **values);

/* answers by the kind of the statement that gave the result */
void carmen_reply_result(carmen_request_t *cr, PGresult *res);

/* answers with the problem of a SQLSTATE */
void carmen_refuse_result(carmen_request_t *cr, PGresult *res);

/* answers with the problem of a failed operation */
void carmen_refuse_failure(carmen_request_t *cr, carmen_op_failure_e failure);

/* answers with what a validation found */
void carmen_refuse_validation(carmen_request_t *cr, carmen_validation_t *v);

/* the text of a problem in r->pool; NGX_OK or NGX_ERROR */
ngx_int_t carmen_problem_render(ngx_http_request_t *r,
    const carmen_problem_t *problem, ngx_str_t *detail, ngx_str_t *members,
    ngx_str_t *body);

/* the id of the request, hexadecimal; NGX_OK or NGX_ERROR */
ngx_int_t carmen_request_id(ngx_http_request_t *r, ngx_str_t *id);
void carmen_request_id_init(ngx_cycle_t *cycle);

/* postconfiguration: the filters that make nginx's own errors problems */
void carmen_errors_init(void);

/* a header of the request that nginx does not know by itself; how often it is
 * there in "count" */
ngx_table_elt_t *carmen_request_header(ngx_http_request_t *r,
    const char *lowcase, size_t len, ngx_uint_t *count);

/* the thread's task goes on without its request */
void carmen_offload_orphan(carmen_request_t *cr);

/* a header of the answer; name and value live in r->pool or longer */
ngx_int_t carmen_header_add(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);

/* what a cursor is bound to; data NULL: no memory */
ngx_str_t carmen_cursor_context(carmen_request_t *cr);

/* copies into r->pool and ends with NUL; NULL: no memory */
char *carmen_cstring(ngx_pool_t *pool, ngx_str_t *s);


#endif /* _CARMEN_CONTEXT_H_INCLUDED_ */
