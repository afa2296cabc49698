
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

/* a header of the answer; name and value live in r->pool or longer */
CARMEN_API ngx_int_t carmen_reply_header(carmen_request_t *cr,
    const char *name, ngx_str_t *value);


#endif /* _CARMEN_PLAIN_H_INCLUDED_ */
