
/* A domain: its routes, entities, problems and statements, as one module. */

#ifndef _CARMEN_DOMAIN_H_INCLUDED_
#define _CARMEN_DOMAIN_H_INCLUDED_


typedef struct {
    ngx_str_t                 name;          /* "orders": carmen_orders */
    const char               *doc;           /* the tag's text in OpenAPI */
    const carmen_route_t     *routes;
    const carmen_entity_t    *entities;      /* may be NULL */
    const carmen_problem_t   *problems;      /* may be NULL */
    carmen_statement_t *const *statements;   /* NULL-terminated; generated as
                                                <domain>_statements */
} carmen_domain_t;


/*
 * Called in preconfiguration.  Makes the domain known for this cycle; refuses
 * another ABI number with a message that says what to install.
 */
CARMEN_API ngx_int_t carmen_domain_register(ngx_conf_t *cf,
    carmen_domain_t *domain, ngx_uint_t abi);

/* the setter of the directive carmen_<domain>; cmd->post is the domain */
CARMEN_API char *carmen_domain_enable(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#ifndef CARMEN_CORE

/* ends the sentence "nginx: [emerg] …" when the core is not loaded */
static ngx_inline ngx_int_t
carmen_domain_preconfigure(ngx_conf_t *cf, carmen_domain_t *domain)
{
    if (carmen_domain_register == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the module ngx_http_carmen_%V_module.so needs "
                      "ngx_http_carmen_core_module.so: put its "
                      "\"load_module\" line before all other Carmen modules",
                      &domain->name);
        return NGX_ERROR;
    }

    return carmen_domain_register(cf, domain, CARMEN_ABI);
}

#endif


/*
 * The whole nginx module of a domain that needs no further directives:
 * ngx_http_carmen_<name>_module with the directive carmen_<name>, which
 * switches the routes on in a location.
 */
#define CARMEN_DOMAIN_MODULE(name, domain)                                    \
                                                                              \
static ngx_int_t                                                              \
name##_preconfiguration(ngx_conf_t *cf)                                       \
{                                                                             \
    return carmen_domain_preconfigure(cf, domain);                            \
}                                                                             \
                                                                              \
static ngx_command_t  name##_commands[] = {                                   \
    { ngx_string("carmen_" #name),                                            \
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,                                      \
      carmen_domain_enable, 0, 0, domain },                                   \
    ngx_null_command                                                          \
};                                                                            \
                                                                              \
static ngx_http_module_t  name##_module_ctx = {                               \
    name##_preconfiguration, NULL, NULL, NULL, NULL, NULL, NULL, NULL         \
};                                                                            \
                                                                              \
ngx_module_t  ngx_http_carmen_##name##_module = {                             \
    NGX_MODULE_V1,                                                            \
    &name##_module_ctx, name##_commands, NGX_HTTP_MODULE,                     \
    NULL, NULL, NULL, NULL, NULL, NULL, NULL,                                 \
    NGX_MODULE_V1_PADDING                                                     \
}


#endif /* _CARMEN_DOMAIN_H_INCLUDED_ */
