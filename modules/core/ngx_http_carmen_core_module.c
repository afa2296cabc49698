
/* The core module: directives, phases, and the life of a worker. */

#include <carmen_core.h>
#include "carmen_core_module.h"
#include "carmen_context.h"
#include "carmen_health.h"
#include "carmen_metrics.h"
#include "carmen_openapi.h"
#include "carmen_problem_table.h"
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <openssl/evp.h>
#include <openssl/rand.h>


static ngx_int_t carmen_core_preconfiguration(ngx_conf_t *cf);
static ngx_int_t carmen_core_postconfiguration(ngx_conf_t *cf);
static void *carmen_core_create_main_conf(ngx_conf_t *cf);
static void *carmen_core_create_srv_conf(ngx_conf_t *cf);
static void *carmen_core_create_loc_conf(ngx_conf_t *cf);
static char *carmen_core_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);

static ngx_int_t carmen_core_init_module(ngx_cycle_t *cycle);
static ngx_int_t carmen_core_init_process(ngx_cycle_t *cycle);
static void carmen_core_exit_process(ngx_cycle_t *cycle);

static char *carmen_core_database(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *carmen_core_prefix(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *carmen_core_secret(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *carmen_core_page(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static ngx_int_t carmen_core_openapi_handler(ngx_http_request_t *r);


static ngx_command_t  carmen_core_commands[] = {

    { ngx_string("carmen_postgres"),
      NGX_HTTP_UPS_CONF|NGX_CONF_1MORE,
      carmen_upstream_postgres,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("carmen_database"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      carmen_core_database,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("carmen_prefix"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      carmen_core_prefix,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("carmen_tenant"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(carmen_loc_conf_t, tenant),
      NULL },

    { ngx_string("carmen_errors"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(carmen_loc_conf_t, errors),
      NULL },

    { ngx_string("carmen_secret"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      carmen_core_secret,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("carmen_openapi"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      carmen_core_page,
      0,
      0,
      carmen_core_openapi_handler },

    { ngx_string("carmen_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      carmen_core_page,
      0,
      0,
      carmen_metrics_handler },

    { ngx_string("carmen_health"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      carmen_core_page,
      0,
      0,
      carmen_health_handler },

    { ngx_string("carmen_problems"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      carmen_core_page,
      0,
      0,
      carmen_problems_handler },

      ngx_null_command
};


static ngx_http_module_t  carmen_core_module_ctx = {
    carmen_core_preconfiguration,          /* preconfiguration */
    carmen_core_postconfiguration,         /* postconfiguration */

    carmen_core_create_main_conf,          /* create main configuration */
    NULL,                                  /* init main configuration */

    carmen_core_create_srv_conf,           /* create server configuration */
    NULL,                                  /* merge server configuration */

    carmen_core_create_loc_conf,           /* create location configuration */
    carmen_core_merge_loc_conf             /* merge location configuration */
};


ngx_module_t  ngx_http_carmen_core_module = {
    NGX_MODULE_V1,
    &carmen_core_module_ctx,               /* module context */
    carmen_core_commands,                  /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    carmen_core_init_module,               /* init module */
    carmen_core_init_process,              /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    carmen_core_exit_process,              /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
carmen_core_preconfiguration(ngx_conf_t *cf)
{
    carmen_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_carmen_core_module);

    cmcf->registry = carmen_registry_begin(cf);

    return cmcf->registry ? NGX_OK : NGX_ERROR;
}


static void *
carmen_core_create_main_conf(ngx_conf_t *cf)
{
    carmen_main_conf_t  *cmcf;

    cmcf = ngx_pcalloc(cf->pool, sizeof(carmen_main_conf_t));
    if (cmcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&cmcf->pools, cf->pool, 4, sizeof(void *)) != NGX_OK
        || ngx_array_init(&cmcf->locations, cf->pool, 8, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&cmcf->endpoints, cf->pool, 64, sizeof(void *))
           != NGX_OK)
    {
        return NULL;
    }

    return cmcf;
}


static void *
carmen_core_create_srv_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(carmen_srv_conf_t));
}


static void *
carmen_core_create_loc_conf(ngx_conf_t *cf)
{
    carmen_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(carmen_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->database = NGX_CONF_UNSET_PTR;
    conf->tenant = NGX_CONF_UNSET_PTR;
    conf->errors = NGX_CONF_UNSET;

    return conf;
}


static char *
carmen_core_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    carmen_loc_conf_t         *prev = parent;
    carmen_loc_conf_t         *conf = child;
    carmen_loc_conf_t        **slot;
    carmen_main_conf_t        *cmcf;
    ngx_http_core_loc_conf_t  *clcf;

    static ngx_str_t  tenant = ngx_string("default");

    ngx_conf_merge_ptr_value(conf->database, prev->database, NULL);
    ngx_conf_merge_str_value(conf->prefix, prev->prefix, "/api/v1");
    ngx_conf_merge_ptr_value(conf->tenant, prev->tenant, NULL);
    ngx_conf_merge_value(conf->errors, prev->errors, 1);

    if (conf->tenant == NULL) {
        conf->tenant = ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t));
        if (conf->tenant == NULL) {
            return NGX_CONF_ERROR;
        }

        conf->tenant->value = tenant;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (conf->domains == NULL) {

        /* "if" and limit_except blocks take the handler of their location */

        if (clcf->noname && prev->domains
            && (clcf->handler == carmen_handler || prev->plain))
        {
            conf->domains = prev->domains;
            conf->plain = prev->plain;
            conf->router = prev->router;
            conf->file = prev->file;
            conf->line = prev->line;

        } else {
            return NGX_CONF_OK;
        }
    }

    if (conf->database == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "location \"%V\" has Carmen endpoints but no database: "
                      "add \"carmen_database <upstream>;\" here or above in "
                      "%V:%ui", &clcf->name, &conf->file, conf->line);
        return NGX_CONF_ERROR;
    }

    /* a body within the limit never goes through a file */

    if (clcf->client_max_body_size == 0
        || clcf->client_max_body_size > CARMEN_BODY_MAX)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "location \"%V\" has Carmen endpoints, whose bodies are "
                      "kept in memory: \"client_max_body_size\" must be from "
                      "1 to %d megabytes in %V:%ui", &clcf->name,
                      CARMEN_BODY_MAX >> 20, &conf->file, conf->line);
        return NGX_CONF_ERROR;
    }

    if ((off_t) clcf->client_body_buffer_size < clcf->client_max_body_size) {
        clcf->client_body_buffer_size = clcf->client_max_body_size;
    }

    if (conf->router == NULL && !conf->plain) {
        conf->router = carmen_registry_router(cf, conf);
        if (conf->router == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_carmen_core_module);

    slot = ngx_array_push(&cmcf->locations);
    if (slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = conf;

    if (cmcf->openapi_prefix.len == 0 && !conf->plain) {
        cmcf->openapi_prefix = conf->prefix;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
carmen_core_postconfiguration(ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    carmen_loc_conf_t         **conf;
    carmen_srv_conf_t          *cscf;
    carmen_main_conf_t         *cmcf;
    ngx_http_handler_pt        *h;
    carmen_openapi_info_t       info;
    ngx_http_core_main_conf_t  *core;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_carmen_core_module);
    core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    /* upstream{} may stand after the server{} that names it */

    conf = cmcf->locations.elts;

    for (i = 0; i < cmcf->locations.nelts; i++) {

        cscf = conf[i]->database->srv_conf
               ? ngx_http_conf_upstream_srv_conf(conf[i]->database,
                                                 ngx_http_carmen_core_module)
               : NULL;

        if (cscf == NULL || cscf->pool == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"carmen_database %V\" names no upstream{} with "
                          "\"carmen_postgres\" in %V:%ui",
                          &conf[i]->database->host, &conf[i]->file,
                          conf[i]->line);
            return NGX_ERROR;
        }

        conf[i]->pool = cscf->pool;
    }

    if (carmen_upstream_finish(cf, cmcf) != NGX_OK) {
        return NGX_ERROR;
    }

    /*
     * The one place where the order within the access phase is decided: the
     * handler registered last runs first.  Identify comes before limits, which
     * may be keyed by a claim.
     */

    h = ngx_array_push(&core->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = carmen_access_handler;

    h = ngx_array_push(&core->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = carmen_log_handler;

    carmen_errors_init();

    if (!cmcf->has_secret
        && RAND_bytes(cmcf->secret, CARMEN_SECRET_LEN) != 1)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "RAND_bytes() failed");
        return NGX_ERROR;
    }

    if (carmen_metrics_init(cf, cmcf->registry) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&info, sizeof(carmen_openapi_info_t));

    if (cmcf->openapi_prefix.len == 0) {
        ngx_str_set(&cmcf->openapi_prefix, "/api/v1");
    }

    info.prefix = cmcf->openapi_prefix;
    ngx_str_set(&info.problems, "/problems/");
    info.endpoints = &cmcf->endpoints;

    if (carmen_openapi_build(cf->pool, cmcf->registry, &info, &cmcf->openapi,
                             &cmcf->openapi_etag)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    carmen_scopes_configure(0);

    return NGX_OK;
}


char *
carmen_domain_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_uint_t                  i;
    carmen_domain_t           **d;
    carmen_loc_conf_t          *lcf;
    ngx_http_core_loc_conf_t   *clcf;

    /* a domain module's cmd->conf is not ours */

    lcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_carmen_core_module);

    if (lcf->domains == NULL) {
        lcf->domains = ngx_array_create(cf->pool, 4, sizeof(void *));
        if (lcf->domains == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    d = lcf->domains->elts;

    for (i = 0; i < lcf->domains->nelts; i++) {
        if (d[i] == cmd->post) {
            return "is duplicate";
        }
    }

    d = ngx_array_push(lcf->domains);
    if (d == NULL) {
        return NGX_CONF_ERROR;
    }

    *d = cmd->post;

    lcf->file = cf->conf_file->file.name;
    lcf->line = cf->conf_file->line;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler && clcf->handler != carmen_handler) {
        return "is in a location that already has a handler";
    }

    clcf->handler = carmen_handler;

    return NGX_CONF_OK;
}


static char *
carmen_core_database(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    carmen_loc_conf_t  *lcf = conf;

    ngx_url_t   u;
    ngx_str_t  *value;

    if (lcf->database != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.url = value[1];
    u.no_resolve = 1;

    lcf->database = ngx_http_upstream_add(cf, &u, 0);

    return lcf->database ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
carmen_core_prefix(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    carmen_loc_conf_t  *lcf = conf;

    ngx_str_t  *value;

    if (lcf->prefix.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len < 2 || value[1].data[0] != '/'
        || value[1].data[value[1].len - 1] == '/')
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the prefix \"%V\" must start with a slash and not "
                           "end with one, such as \"/api/v1\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    lcf->prefix = value[1];

    return NGX_CONF_OK;
}


/* at configuration time: 32 bytes or more, of which a digest is kept */

static char *
carmen_core_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    carmen_main_conf_t  *cmcf = conf;

    u_char       buf[4096];
    size_t       size;
    ssize_t      n;
    ngx_fd_t     fd;
    ngx_str_t   *value, name;

    if (cmcf->has_secret) {
        return "is duplicate";
    }

    value = cf->args->elts;
    name = value[1];

    if (ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(name.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", &name);
        return NGX_CONF_ERROR;
    }

    n = ngx_read_fd(fd, buf, sizeof(buf));

    (void) ngx_close_file(fd);

    if (n < 32) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the secret in \"%V\" is shorter than 32 bytes: "
                           "make one with \"openssl rand -out %V 32\"", &name,
                           &name);
        return NGX_CONF_ERROR;
    }

    size = 0;

    if (EVP_Q_digest(NULL, "SHA256", NULL, buf, n, cmcf->secret, &size) != 1) {
        return NGX_CONF_ERROR;
    }

    OPENSSL_cleanse(buf, sizeof(buf));
    cmcf->has_secret = 1;

    return NGX_CONF_OK;
}


/* the directives that only set a content handler; cmd->post is it */

static char *
carmen_core_page(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    carmen_loc_conf_t         *lcf;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "is in a location that already has a handler";
    }

    clcf->handler = (ngx_http_handler_pt) cmd->post;

    lcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_carmen_core_module);
    lcf->page = 1;

    return NGX_CONF_OK;
}


static ngx_int_t
carmen_core_openapi_handler(ngx_http_request_t *r)
{
    carmen_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_carmen_core_module);

    return carmen_openapi_send(r, &cmcf->openapi, &cmcf->openapi_etag);
}


/* requests in a location with endpoints are counted, whoever answered them */

ngx_int_t
carmen_log_handler(ngx_http_request_t *r)
{
    carmen_request_t   *cr;
    carmen_loc_conf_t  *conf;

    conf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_core_module);

    if (conf->router == NULL) {
        return NGX_OK;
    }

    cr = ngx_http_get_module_ctx(r, ngx_http_carmen_core_module);

    carmen_metrics_request(cr ? cr->endpoint : NULL, r->headers_out.status,
                           cr ? carmen_metrics_now() - cr->started : 0);

    return NGX_OK;
}


static ngx_int_t
carmen_core_init_module(ngx_cycle_t *cycle)
{
    if (ngx_http_cycle_get_module_main_conf(cycle,
                                            ngx_http_carmen_core_module)
        == NULL)
    {
        return NGX_OK;
    }

    if (carmen_metrics_init_module(cycle) != NGX_OK
        || carmen_health_init_module(cycle) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
carmen_core_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t            i;
    carmen_pg_pool_t    **pool;
    carmen_main_conf_t   *cmcf;

    cmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_carmen_core_module);

    if (cmcf == NULL || (ngx_process != NGX_PROCESS_WORKER
                         && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    /* a configuration that was read later, and refused, left its marks */

    carmen_registry_restore(cmcf->registry);

    carmen_request_id_init(cycle);

#ifdef __GLIBC__
    /* results come and go with requests: the heap is not given back */
    (void) mallopt(M_TRIM_THRESHOLD, 4 * 1024 * 1024);
    (void) mallopt(M_TOP_PAD, 1024 * 1024);
#endif

    /* else jansson reads /dev/urandom at the first body */
    json_object_seed(0);

    if (carmen_metrics_init_process(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    pool = cmcf->pools.elts;

    for (i = 0; i < cmcf->pools.nelts; i++) {
        if (carmen_pg_pool_start(pool[i], cycle) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
carmen_core_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t            i;
    carmen_pg_pool_t    **pool;
    carmen_main_conf_t   *cmcf;

    cmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_carmen_core_module);

    if (cmcf == NULL || (ngx_process != NGX_PROCESS_WORKER
                         && ngx_process != NGX_PROCESS_SINGLE))
    {
        return;
    }

    pool = cmcf->pools.elts;

    for (i = 0; i < cmcf->pools.nelts; i++) {
        carmen_pg_pool_stop(pool[i]);
    }

    carmen_metrics_exit_process(cycle);
}
