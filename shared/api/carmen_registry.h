
/* All that the loaded domains brought along.  Inside the core only. */

#ifndef _CARMEN_REGISTRY_H_INCLUDED_
#define _CARMEN_REGISTRY_H_INCLUDED_


/* a route of a domain, with what was computed from it once */

struct carmen_endpoint_s {
    const carmen_route_t     *route;
    const carmen_domain_t    *domain;
    ngx_uint_t                index;         /* in registry->endpoints */
    ngx_int_t                 scope;         /* bit, or -1 */
    const carmen_field_t     *query;         /* all that it takes, with limit,
                                                cursor and sort; or NULL */
    ngx_uint_t                query_required;
    const carmen_entity_t    *entity;        /* of the answer, or of a list's
                                                items, or NULL */
    ngx_str_t                 label;         /* "GET /orders/{orderId}" */
    ngx_str_t                 summary;
};


typedef struct {
    ngx_pool_t               *pool;
    ngx_array_t               domains;       /* carmen_domain_t * */
    ngx_array_t               endpoints;     /* carmen_endpoint_t * */
    ngx_array_t               statements;    /* carmen_statement_t * */
    ngx_uint_t                nvariants;     /* of all statements */
    ngx_array_t               scopes;        /* ngx_str_t; index is the bit */
} carmen_registry_t;


/* the registry of the cycle being configured or running; NULL before */
carmen_registry_t *carmen_registry(void);

/* configuration time: starts a new one in the pool, or gives the one begun */
carmen_registry_t *carmen_registry_begin(ngx_conf_t *cf);

/* worker start: makes it current, and numbers its statements again */
void carmen_registry_restore(carmen_registry_t *reg);

/* while on, carmen_scope_intern() makes new scopes */
void carmen_scopes_configure(ngx_uint_t on);

const carmen_entity_t *carmen_registry_entity(const carmen_domain_t *domain,
    const char *name, size_t len);


#endif /* _CARMEN_REGISTRY_H_INCLUDED_ */
