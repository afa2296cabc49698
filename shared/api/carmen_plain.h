
/*
 * Content handlers of a module's own, beside the routes: HTML pages, and
 * protocols that have rules of their own for parameters and errors.
 */

#ifndef _CARMEN_PLAIN_H_INCLUDED_
#define _CARMEN_PLAIN_H_INCLUDED_


/*
 * Configuration time: the location is answered by "handler", uses the
 * database, and the statements of "domain".  NGX_CONF_OK, or what is wrong.
 */
CARMEN_API char *carmen_plain_enable(ngx_conf_t *cf, carmen_domain_t *domain,
    ngx_http_handler_pt handler);


/*
 * Every problem that the core would answer, such as a database that is down,
 * goes here, and is answered here by carmen_reply_text().  "detail" may be
 * NULL, and is text for a person.
 */
typedef void (*carmen_refuse_pt)(carmen_request_t *cr,
    const carmen_problem_t *problem, ngx_str_t *detail);

typedef void (*carmen_plain_pt)(carmen_request_t *cr);

/*
 * From a content handler, which returns what this returns: makes the request
 * ready for carmen_query() and carmen_offload(), in the tenant of the location
 * whoever calls, reads a body of up to "limit" bytes (0: discards it), and
 * calls "run", which answers or goes on as the handler of a route does.
 */
CARMEN_API ngx_int_t carmen_plain_run(ngx_http_request_t *r, size_t limit,
    carmen_plain_pt run, carmen_refuse_pt refuse);

/* another tenant than the location's, for the statements to come */
CARMEN_API ngx_int_t carmen_plain_tenant(carmen_request_t *cr,
    ngx_str_t *tenant);

/* the body as it came; empty: none */
CARMEN_API ngx_str_t carmen_plain_body(carmen_request_t *cr);


/*
 * A parameter of an application/x-www-form-urlencoded text, decoded in the
 * pool, ended with NUL.  NGX_OK; NGX_DECLINED: not there, *value is null;
 * NGX_ABORT: there more than once, or not valid UTF-8, or with a NUL;
 * NGX_ERROR.
 */
CARMEN_API ngx_int_t carmen_form_value(ngx_pool_t *pool, ngx_str_t *form,
    const char *name, ngx_str_t *value);

/* percent-encodes all but the unreserved (RFC 3986); data NULL: no memory */
CARMEN_API ngx_str_t carmen_form_encode(ngx_pool_t *pool, ngx_str_t text);


/* a header of the answer; name and value live in r->pool or longer */
CARMEN_API ngx_int_t carmen_reply_header(carmen_request_t *cr,
    const char *name, ngx_str_t *value);

/*
 * Answers and finishes, with no-store.  "type" is a whole Content-Type; NULL
 * with an empty body, as for a redirect (the Location is a header).
 */
CARMEN_API void carmen_reply_text(carmen_request_t *cr, ngx_uint_t status,
    const char *type, ngx_str_t *body);


#endif /* _CARMEN_PLAIN_H_INCLUDED_ */
