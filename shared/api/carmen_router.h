
/* Finds the endpoint of a path.  Built when nginx reads its configuration. */

#ifndef _CARMEN_ROUTER_H_INCLUDED_
#define _CARMEN_ROUTER_H_INCLUDED_


#define CARMEN_PATH_PARAMS  8


typedef struct carmen_router_s  carmen_router_t;

typedef struct {
    const char               *name;
    ngx_str_t                 value;         /* points into the path */
} carmen_path_param_t;

typedef struct {
    ngx_uint_t                methods;       /* all methods of the path */
    void                     *endpoint;      /* of the method asked for */
    ngx_uint_t                nparams;
    carmen_path_param_t       params[CARMEN_PATH_PARAMS];
} carmen_match_t;


carmen_router_t *carmen_router_create(ngx_pool_t *pool);

/*
 * NGX_OK; NGX_BUSY when path and method are taken; NGX_DECLINED when the
 * pattern is malformed or its parameters are typed otherwise than those of
 * another route in the same place; NGX_ERROR: memory.
 */
ngx_int_t carmen_router_add(carmen_router_t *router, const char *pattern,
    ngx_uint_t method, void *endpoint);

/*
 * NGX_OK; NGX_DECLINED: no such path (404), a typed parameter that does not
 * fit included; NGX_ABORT: another method (405), match->methods says which.
 * HEAD finds GET when there is no HEAD.  "path" is decoded and starts with a
 * slash; a slash at the end is another path.
 */
ngx_int_t carmen_router_find(const carmen_router_t *router, ngx_str_t *path,
    ngx_uint_t method, carmen_match_t *match);


#endif /* _CARMEN_ROUTER_H_INCLUDED_ */
