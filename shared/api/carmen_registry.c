
/* The domains of a cycle, and what is computed of their tables once. */

#include <carmen_core.h>
#include "carmen_context.h"
#include "carmen_format.h"


static ngx_int_t carmen_registry_endpoint(ngx_conf_t *cf,
    carmen_domain_t *domain, const carmen_route_t *route);
static ngx_int_t carmen_registry_query(ngx_conf_t *cf,
    carmen_endpoint_t *endpoint);
static ngx_int_t carmen_registry_fields(ngx_conf_t *cf,
    const carmen_field_t *fields);
static ngx_int_t carmen_registry_check(ngx_conf_t *cf,
    carmen_endpoint_t *endpoint);


static carmen_registry_t  *carmen_registry_current;


carmen_registry_t *
carmen_registry(void)
{
    return carmen_registry_current;
}


/*
 * The core's preconfiguration comes first, since domains must be loaded after
 * it; a registry lives as long as its cycle.
 */

carmen_registry_t *
carmen_registry_begin(ngx_conf_t *cf)
{
    carmen_registry_t  *reg;

    reg = ngx_pcalloc(cf->pool, sizeof(carmen_registry_t));
    if (reg == NULL) {
        return NULL;
    }

    reg->pool = cf->pool;

    if (ngx_array_init(&reg->domains, cf->pool, 16, sizeof(void *)) != NGX_OK
        || ngx_array_init(&reg->endpoints, cf->pool, 64, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&reg->statements, cf->pool, 64, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&reg->scopes, cf->pool, 32, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NULL;
    }

    carmen_registry_current = reg;
    carmen_scopes_configure(1);

    return reg;
}


void
carmen_registry_restore(carmen_registry_t *reg)
{
    ngx_uint_t            i, n;
    carmen_statement_t  **st;

    carmen_registry_current = reg;
    carmen_scopes_configure(0);

    n = 0;
    st = reg->statements.elts;

    for (i = 0; i < reg->statements.nelts; i++) {
        st[i]->index = i;
        st[i]->number = n;
        n += st[i]->nvariants;
    }
}


ngx_int_t
carmen_domain_register(ngx_conf_t *cf, carmen_domain_t *domain,
    ngx_uint_t abi)
{
    carmen_domain_t         **d;
    const carmen_route_t     *route;
    carmen_registry_t        *reg;
    carmen_statement_t      **st;
    carmen_statement_t *const *s;

    if (abi != CARMEN_ABI) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the module ngx_http_carmen_%V_module.so was built for "
                      "ABI %ui of Carmen, and the core that is loaded has "
                      "ABI %d: install both from the same version",
                      &domain->name, abi, CARMEN_ABI);
        return NGX_ERROR;
    }

    reg = carmen_registry_current;

    d = ngx_array_push(&reg->domains);
    if (d == NULL) {
        return NGX_ERROR;
    }

    *d = domain;

    for (s = domain->statements; s && *s; s++) {
        st = ngx_array_push(&reg->statements);
        if (st == NULL) {
            return NGX_ERROR;
        }

        *st = *s;
        (*s)->index = reg->statements.nelts - 1;
        (*s)->number = reg->nvariants;
        reg->nvariants += (*s)->nvariants;
    }

    for (route = domain->routes; route && route->method; route++) {
        if (carmen_registry_endpoint(cf, domain, route) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
carmen_registry_endpoint(ngx_conf_t *cf, carmen_domain_t *domain,
    const carmen_route_t *route)
{
    u_char              *p;
    const char          *returns, *c, *method;
    ngx_uint_t           in_type;
    carmen_registry_t   *reg;
    carmen_endpoint_t   *ep, **slot;

    reg = carmen_registry_current;

    ep = ngx_pcalloc(cf->pool, sizeof(carmen_endpoint_t));
    slot = ngx_array_push(&reg->endpoints);

    if (ep == NULL || slot == NULL) {
        return NGX_ERROR;
    }

    *slot = ep;

    ep->route = route;
    ep->domain = domain;
    ep->index = reg->endpoints.nelts - 1;
    ep->scope = -1;

    if (route->scope) {
        ep->scope = carmen_scope_intern(route->scope);

        if (ep->scope == NGX_ERROR) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "more than %d scopes", CARMEN_SCOPES_MAX);
            return NGX_ERROR;
        }
    }

    if (carmen_registry_fields(cf, route->body) != NGX_OK
        || carmen_registry_fields(cf, route->query) != NGX_OK
        || carmen_registry_query(cf, ep) != NGX_OK
        || carmen_registry_check(cf, ep) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* "GET /orders/{orderId}": the pattern without types */

    method = route->method == CARMEN_GET ? "GET"
             : route->method == CARMEN_POST ? "POST"
             : route->method == CARMEN_PUT ? "PUT"
             : route->method == CARMEN_PATCH ? "PATCH" : "DELETE";

    p = ngx_pnalloc(cf->pool, ngx_strlen(route->path) + sizeof("DELETE "));
    if (p == NULL) {
        return NGX_ERROR;
    }

    ep->label.data = p;
    p = ngx_sprintf(p, "%s ", method);
    in_type = 0;

    for (c = route->path; *c; c++) {
        if (*c == ':') {
            in_type = 1;

        } else if (*c == '}') {
            in_type = 0;
        }

        if (!in_type) {
            *p++ = *c;
        }
    }

    ep->label.len = p - ep->label.data;

    if (route->summary) {
        ep->summary.data = (u_char *) route->summary;
        ep->summary.len = ngx_strlen(route->summary);

    } else if (route->statement) {
        ep->summary = route->statement->comment;
    }

    returns = route->returns;

    if (returns == NULL && route->statement && route->statement->returns.len) {
        returns = (const char *) route->statement->returns.data;
    }

    if (returns) {
        ep->entity = carmen_registry_entity(domain, returns,
                                            ngx_strlen(returns));
        if (ep->entity == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "the route \"%V\" returns \"%s\", which is no "
                          "entity of the domain \"%V\"", &ep->label, returns,
                          &domain->name);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* mistakes in a table that would only show at the first request */

static ngx_int_t
carmen_registry_check(ngx_conf_t *cf, carmen_endpoint_t *ep)
{
    const char             *what;
    const carmen_route_t   *route;

    route = ep->route;
    what = NULL;

    if (route->path == NULL || route->path[0] != '/') {
        what = "has no path";

    } else if ((route->statement == NULL) == (route->handler == NULL)
               && route->handler == NULL)
    {
        what = "has neither statement nor handler";

    } else if ((route->flags & CARMEN_PUBLIC) && route->scope) {
        what = "is public and has a scope";

    } else if (route->statement && route->handler == NULL
               && route->statement->kind == CARMEN_KIND_RAW)
    {
        what = "has a raw statement, which needs a handler";

    } else if (route->method == CARMEN_GET && route->body) {
        what = "is GET and has a body";
    }

    if (what) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "carmen: the route \"%s\" of the domain \"%V\" %s",
                      route->path, &ep->domain->name, what);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* scopes that only fields name, and patterns that cannot be read */

static ngx_int_t
carmen_registry_fields(ngx_conf_t *cf, const carmen_field_t *fields)
{
    const carmen_field_t  *f;

    for (f = fields; f && f->name; f++) {

        if (f->scope && carmen_scope_intern(f->scope) == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (f->pattern
            && carmen_format_pattern(f->pattern, (u_char *) "", 0)
               == NGX_ERROR)
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "carmen: the pattern \"%s\" of the field \"%s\" "
                          "cannot be read", f->pattern, f->name);
            return NGX_ERROR;
        }

        if (carmen_registry_fields(cf, f->fields) != NGX_OK
            || (f->item
                && carmen_registry_fields(cf, f->item->fields) != NGX_OK))
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* a list takes limit, cursor and sort on top of its own filters */

static ngx_int_t
carmen_registry_query(ngx_conf_t *cf, carmen_endpoint_t *ep)
{
    ngx_uint_t                  i, n;
    const char                **sorts;
    carmen_field_t             *q;
    const carmen_field_t       *f;
    const carmen_statement_t   *st;

    n = 0;
    st = ep->route->statement;

    for (f = ep->route->query; f && f->name; f++) {
        n++;

        if (f->flags & CARMEN_REQUIRED) {
            ep->query_required = 1;
        }
    }

    for (i = 0; st && i < st->nifs; i++) {
        if ((st->ifs[i].data[0] == '+' || st->ifs[i].data[0] == '-')
            && carmen_scope_intern((char *) st->ifs[i].data + 1) == NGX_ERROR)
        {
            return NGX_ERROR;
        }
    }

    for (i = 0; st && i < st->variants[0].nargs; i++) {
        if (st->variants[0].args[i].source == CARMEN_ARG_SCOPE
            && carmen_scope_intern((char *) st->variants[0].args[i].name.data)
               == NGX_ERROR)
        {
            return NGX_ERROR;
        }
    }

    if (st == NULL || st->kind != CARMEN_KIND_LIST) {
        ep->query = ep->route->query;
        return NGX_OK;
    }

    q = ngx_pcalloc(cf->pool, (n + 4) * sizeof(carmen_field_t));
    sorts = ngx_pcalloc(cf->pool, (st->nsorts + 1) * sizeof(char *));

    if (q == NULL || sorts == NULL) {
        return NGX_ERROR;
    }

    if (n) {
        ngx_memcpy(q, ep->route->query, n * sizeof(carmen_field_t));
    }

    for (i = 0; i < st->nsorts; i++) {
        sorts[i] = (char *) st->sorts[i].name.data;
    }

    q[n].name = "limit";
    q[n].type = CARMEN_INTEGER;
    q[n].min = 1;
    q[n].max = 200;
    q[n].doc = "How many items at most.";
    n++;

    q[n].name = "cursor";
    q[n].type = CARMEN_STRING;
    q[n].min = 1;
    q[n].max = 2048;
    q[n].doc = "Where to go on: \"next\" or \"prev\" of another page.";
    n++;

    q[n].name = "sort";
    q[n].type = CARMEN_ENUM;
    q[n].values = sorts;
    q[n].doc = "The order; \"-\" is descending.";

    ep->query = q;

    return NGX_OK;
}


const carmen_entity_t *
carmen_registry_entity(const carmen_domain_t *domain, const char *name,
    size_t len)
{
    const carmen_entity_t  *e;

    for (e = domain->entities; e && e->name; e++) {
        if (ngx_strlen(e->name) == len && ngx_strncmp(e->name, name, len) == 0)
        {
            return e;
        }
    }

    return NULL;
}


carmen_router_t *
carmen_registry_router(ngx_conf_t *cf, carmen_loc_conf_t *clcf)
{
    ngx_int_t            rc;
    ngx_uint_t           i, n;
    carmen_domain_t    **domain;
    carmen_router_t     *router;
    carmen_endpoint_t  **ep, **on;
    carmen_registry_t   *reg;
    carmen_main_conf_t  *cmcf;

    reg = carmen_registry_current;
    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_carmen_core_module);

    router = carmen_router_create(cf->pool);
    if (router == NULL) {
        return NULL;
    }

    domain = clcf->domains->elts;
    ep = reg->endpoints.elts;

    for (i = 0; i < reg->endpoints.nelts; i++) {

        for (n = 0; n < clcf->domains->nelts; n++) {
            if (domain[n] == ep[i]->domain) {
                break;
            }
        }

        if (n == clcf->domains->nelts) {
            continue;
        }

        rc = carmen_router_add(router, ep[i]->route->path,
                               ep[i]->route->method, ep[i]);

        if (rc != NGX_OK) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "carmen: the route \"%V\" of the domain \"%V\" %s",
                          &ep[i]->label, &ep[i]->domain->name,
                          rc == NGX_BUSY ? "exists already"
                                         : "has a path that cannot be read");
            return NULL;
        }

        on = cmcf->endpoints.elts;

        for (n = 0; n < cmcf->endpoints.nelts; n++) {
            if (on[n] == ep[i]) {
                break;
            }
        }

        if (n == cmcf->endpoints.nelts) {
            on = ngx_array_push(&cmcf->endpoints);
            if (on == NULL) {
                return NULL;
            }

            *on = ep[i];
        }
    }

    return router;
}
