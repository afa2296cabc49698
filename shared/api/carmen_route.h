
/* An endpoint is a row. */

#ifndef _CARMEN_ROUTE_H_INCLUDED_
#define _CARMEN_ROUTE_H_INCLUDED_


#define CARMEN_GET     NGX_HTTP_GET
#define CARMEN_POST    NGX_HTTP_POST
#define CARMEN_PUT     NGX_HTTP_PUT
#define CARMEN_PATCH   NGX_HTTP_PATCH
#define CARMEN_DELETE  NGX_HTTP_DELETE


/* flags of a route */

#define CARMEN_CREATES    0x0001   /* Idempotency-Key is required */
#define CARMEN_KEYED      0x0002   /* Idempotency-Key is taken if given */
#define CARMEN_VERSIONED  0x0004   /* If-Match is required (428, 412) */
#define CARMEN_MATCHES    0x0008   /* If-Match is honoured if given */
#define CARMEN_PUBLIC     0x0010   /* no identity needed; scope is NULL */
#define CARMEN_NO_STORE   0x0020   /* Cache-Control: no-store */
#define CARMEN_CACHED     0x0040   /* Cache-Control: private, max-age=… (the
                                      default is private, no-cache) */
#define CARMEN_FORM       0x0080   /* body: application/x-www-form-urlencoded
                                      as well */
#define CARMEN_RAW        0x0100   /* a protocol of its own: the handler takes
                                      the query and the body as they came (a
                                      body of any type, with POST, PUT and
                                      PATCH) and answers by
                                      carmen_reply_text() */
#define CARMEN_OPEN       0x0400   /* parameters of the query that are not
                                      known are passed over */


typedef ngx_int_t (*carmen_handler_pt)(carmen_request_t *cr);


/*
 * "path" is what follows the prefix: "/orders/{orderId:uuid}/cancel"; a
 * parameter without a type is text of 1 to 128 bytes.  Types: uuid, code,
 * integer.  A literal segment wins over a parameter.
 *
 * "scope" is what the identity must hold; with CARMEN_PUBLIC it is NULL, and
 * NULL without CARMEN_PUBLIC means any identity.
 *
 * Either "statement" or "handler" answers.  A handler returns NGX_DONE when
 * the answer comes later or was given through carmen_reply_json() or
 * carmen_problem_reply(), or an HTTP status (answered as a problem).
 *
 * A list takes ?limit=, ?cursor= and ?sort= by itself; its filters are
 * "query".  "problems" names what the route can answer beyond what follows
 * from its columns here (400, 401, 403, 404, 406, 412, 415, 422, 428, 429,
 * 503 are known from them).
 */
typedef struct {
    ngx_uint_t                method;        /* 0 ends a table */
    const char               *path;
    const char               *scope;
    const carmen_statement_t *statement;
    const carmen_field_t     *body;
    const carmen_field_t     *query;
    ngx_uint_t                flags;
    carmen_handler_pt         handler;
    const char               *summary;       /* a line for the reader */
    const char               *returns;       /* entity; NULL: statement's */
    ngx_uint_t                status;        /* of success; 0: 200, or 201
                                                with CARMEN_CREATES */
    const char *const        *problems;      /* NULL-terminated */
} carmen_route_t;

#define CARMEN_ROUTES_END  { 0, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, \
                             NULL, 0, NULL }


#endif /* _CARMEN_ROUTE_H_INCLUDED_ */
