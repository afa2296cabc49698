
/*
 * RFC 9457 problem details.  "type" is "/problems/<name>", a page that the
 * core serves (carmen_problems).
 */

#ifndef _CARMEN_PROBLEM_H_INCLUDED_
#define _CARMEN_PROBLEM_H_INCLUDED_


typedef struct {
    const char               *name;          /* "out-of-stock"; NULL ends */
    ngx_uint_t                status;
    const char               *title;
    const char               *doc;           /* what it means, what to do */
} carmen_problem_t;

#define CARMEN_PROBLEMS_END  { NULL, 0, NULL, NULL }


/* one member of "errors": a place in the request and what is wrong there */

typedef struct {
    ngx_str_t                 pointer;       /* RFC 6901, "" is the whole */
    const char               *code;          /* "required", "maximum", ... */
    ngx_str_t                 detail;
} carmen_error_t;


/*
 * The problem of that name, of the core's table or of any registered domain;
 * NULL if there is none.
 */
CARMEN_API const carmen_problem_t *carmen_problem_find(ngx_str_t *name);


/*
 * Answers the request with a problem and finishes it; returns what a content
 * or access handler must return then.  "detail" and "members" (JSON text of
 * further members, without braces, such as "\"from\":\"draft\"") may be NULL.
 * "name" must be in a problem table.
 */
CARMEN_API ngx_int_t carmen_problem_send(ngx_http_request_t *r,
    const char *name, ngx_str_t *detail, ngx_str_t *members);


#endif /* _CARMEN_PROBLEM_H_INCLUDED_ */
