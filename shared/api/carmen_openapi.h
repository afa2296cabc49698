
/*
 * The OpenAPI 3.1 document, made from the route and field tables at
 * configuration time.  Inside the core only.
 */

#ifndef _CARMEN_OPENAPI_H_INCLUDED_
#define _CARMEN_OPENAPI_H_INCLUDED_


typedef struct {
    ngx_str_t                 title;         /* empty: "Carmen" */
    ngx_str_t                 version;       /* of the API; empty: "1" */
    ngx_str_t                 prefix;        /* "/api/v1": the server's URL */
    ngx_str_t                 problems;      /* "/problems/": of the types */
    ngx_array_t              *endpoints;     /* carmen_endpoint_t *: those
                                                that are switched on; NULL:
                                                all of the registry */
} carmen_openapi_info_t;


/*
 * Builds the document in the pool, after all domains were registered.  The
 * ETag is a strong one, with its quotes.  NGX_ERROR: memory, or an example or
 * a problem's name in a table that is wrong; the log says which.
 */
ngx_int_t carmen_openapi_build(ngx_pool_t *pool, carmen_registry_t *reg,
    carmen_openapi_info_t *info, ngx_str_t *json, ngx_str_t *etag);

/*
 * Answers GET and HEAD with the document (304 when the client has it),
 * OPTIONS, and 405 for the rest; returns what a content handler returns.
 */
ngx_int_t carmen_openapi_send(ngx_http_request_t *r, ngx_str_t *json,
    ngx_str_t *etag);


#endif /* _CARMEN_OPENAPI_H_INCLUDED_ */
