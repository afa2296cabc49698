
/* The configuration of the core.  Inside the core only. */

#ifndef _CARMEN_CONF_H_INCLUDED_
#define _CARMEN_CONF_H_INCLUDED_


#include "../wire/pg/carmen_pg.h"
#include "carmen_router.h"


#define CARMEN_SECRET_LEN  32


typedef struct {
    carmen_registry_t          *registry;
    ngx_array_t                 pools;       /* carmen_pg_pool_t * */
    ngx_array_t                 locations;   /* carmen_loc_conf_t *: those
                                                with domains */
    ngx_array_t                 endpoints;   /* carmen_endpoint_t *: those
                                                switched on somewhere */
    ngx_array_t                 listeners;   /* carmen_listener_t */
    carmen_identify_pt          identify;
    u_char                      secret[CARMEN_SECRET_LEN];
    ngx_uint_t                  has_secret;
    ngx_str_t                   openapi;
    ngx_str_t                   openapi_etag;
    ngx_str_t                   openapi_prefix;
} carmen_main_conf_t;


/* a channel that the databases of a domain are listened to */

typedef struct {
    carmen_domain_t            *domain;
    carmen_channel_t            channel;
} carmen_listener_t;


/* of an upstream{} */

typedef struct {
    carmen_pg_pool_t           *pool;
} carmen_srv_conf_t;


typedef struct {
    ngx_http_upstream_srv_conf_t  *database;
    carmen_pg_pool_t           *pool;
    ngx_str_t                   prefix;
    ngx_http_complex_value_t   *tenant;
    ngx_flag_t                  errors;      /* problems for nginx's own */
    ngx_array_t                *domains;     /* carmen_domain_t *, or NULL */
    carmen_router_t            *router;      /* of the domains, or NULL */
    ngx_str_t                   file;        /* where they were switched on */
    ngx_uint_t                  line;
    ngx_uint_t                  page;        /* one of Carmen's own pages */
    ngx_uint_t                  plain;       /* a handler of a module's own */
} carmen_loc_conf_t;


extern ngx_module_t  ngx_http_carmen_core_module;


/* the content handler of a location with domains */
ngx_int_t carmen_handler(ngx_http_request_t *r);

/* the access and log phase of every location */
ngx_int_t carmen_access_handler(ngx_http_request_t *r);
ngx_int_t carmen_log_handler(ngx_http_request_t *r);

/* config time: a router over the domains of a location; NGX_ERROR is logged */
carmen_router_t *carmen_registry_router(ngx_conf_t *cf,
    carmen_loc_conf_t *clcf);


#endif /* _CARMEN_CONF_H_INCLUDED_ */
