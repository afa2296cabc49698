
/*
 * A request in a Carmen location, for handlers in C.  A route without a
 * handler needs nothing of this.
 */

#ifndef _CARMEN_REQUEST_H_INCLUDED_
#define _CARMEN_REQUEST_H_INCLUDED_


typedef struct carmen_request_s   carmen_request_t;
typedef struct carmen_result_s    carmen_result_t;
typedef struct carmen_endpoint_s  carmen_endpoint_t;
struct json_t;


/*
 * Continues a request with the answer of a statement.  Never called after
 * the client left.  "result" is valid until the handler returns.  The handler
 * must end the request: a carmen_reply_*(), carmen_problem_reply() or
 * carmen_result_refuse(), or go on with carmen_query() or carmen_offload().
 */
typedef void (*carmen_result_pt)(carmen_request_t *cr,
    carmen_result_t *result, void *data);


/*
 * Runs a statement for the request.  "values" are the texts for the
 * :value.x parameters, in the order of carmen_pair_t given, until a NULL
 * name; the others are bound from the request.  A value with data NULL is
 * SQL NULL.  The handler of the route may return NGX_DONE after this.
 * Failure to run (queue full, database down) is answered by the core, and
 * "next" is then never called.
 */
typedef struct {
    const char               *name;
    ngx_str_t                 value;
} carmen_pair_t;

CARMEN_API ngx_int_t carmen_query(carmen_request_t *cr,
    const carmen_statement_t *st, const carmen_pair_t *values,
    carmen_result_pt next, void *data);


/* of a result: was it an error; rows; a field (data NULL for SQL NULL) */
CARMEN_API ngx_uint_t carmen_result_failed(carmen_result_t *result);
CARMEN_API ngx_uint_t carmen_result_rows(carmen_result_t *result);
CARMEN_API ngx_str_t carmen_result_value(carmen_result_t *result,
    ngx_uint_t row, const char *column);

/* answers with the problem that the failed result stands for */
CARMEN_API void carmen_result_refuse(carmen_request_t *cr,
    carmen_result_t *result);

/* answers as a route without handler would: by the kind of the statement */
CARMEN_API void carmen_result_reply(carmen_request_t *cr,
    carmen_result_t *result);


/* of a request */
CARMEN_API ngx_http_request_t *carmen_request_http(carmen_request_t *cr);
CARMEN_API carmen_request_t *carmen_request(ngx_http_request_t *r);
CARMEN_API ngx_str_t carmen_request_tenant(carmen_request_t *cr);
CARMEN_API struct json_t *carmen_request_body(carmen_request_t *cr);
/* the body as it came, ends with NUL */
CARMEN_API ngx_str_t carmen_request_text(carmen_request_t *cr);
/* a path parameter, data NULL if the route has none of that name */
CARMEN_API ngx_str_t carmen_request_path(carmen_request_t *cr,
    const char *name);
/* a query parameter, decoded and validated, data NULL if absent */
CARMEN_API ngx_str_t carmen_request_query(carmen_request_t *cr,
    const char *name);


/*
 * Answers and finishes.  "body" must live in r->pool or be static; JSON.
 * "etag" is the version without quotes, or NULL; "location" a path under the
 * prefix ("/users/…") or NULL.
 */
CARMEN_API void carmen_reply_json(carmen_request_t *cr, ngx_uint_t status,
    ngx_str_t *body, ngx_str_t *etag, ngx_str_t *location);

/*
 * Answers and finishes, with any media type.  Headers are the caller's, who
 * says also how long it may be kept (Cache-Control).  "type" is a whole
 * Content-Type, and may be NULL without a body; "body" must live in r->pool or
 * be static, and may be NULL.
 */
CARMEN_API void carmen_reply_text(carmen_request_t *cr, ngx_uint_t status,
    const char *type, ngx_str_t *body);

CARMEN_API void carmen_problem_reply(carmen_request_t *cr, const char *name,
    ngx_str_t *detail, ngx_str_t *members);

/*
 * From here on every problem that the core would answer, such as a database
 * that is down, goes to "refuse", which answers in the form of the caller: an
 * HTML page, an error of another protocol.  "detail" is text for a person, or
 * NULL.
 */
typedef void (*carmen_refuse_pt)(carmen_request_t *cr,
    const carmen_problem_t *problem, ngx_str_t *detail);

CARMEN_API void carmen_request_refuse(carmen_request_t *cr,
    carmen_refuse_pt refuse);

/*
 * HMAC-SHA256 of the text under a key that is made of carmen_secret and the
 * label, 32 bytes: the same in all workers, and on all nodes with the same
 * secret.  NGX_OK, NGX_ERROR.
 */
CARMEN_API ngx_int_t carmen_request_mac(carmen_request_t *cr,
    const char *label, ngx_str_t *text, u_char *mac);


/*
 * Runs work(data) in the thread pool of that name (nginx's thread_pool), then
 * done(cr, data) in the worker, unless the client left meanwhile.  "size"
 * bytes at "data" are copied into memory that outlives the request, and it is
 * that copy that both functions get: it must hold no pointer into r->pool.
 * Returns NGX_OK, or NGX_BUSY when the queue is full or the client's share is
 * used up (the request has been answered then, with 503).
 */
typedef void (*carmen_work_pt)(void *data, ngx_log_t *log);
typedef void (*carmen_done_pt)(carmen_request_t *cr, void *data);

CARMEN_API ngx_int_t carmen_offload(carmen_request_t *cr, ngx_str_t *pool,
    carmen_work_pt work, carmen_done_pt done, const void *data, size_t size);


#endif /* _CARMEN_REQUEST_H_INCLUDED_ */
