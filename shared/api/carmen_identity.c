
/* The access phase: who is calling.  Scopes as bits. */

#include <carmen_core.h>
#include "carmen_context.h"


static ngx_uint_t  carmen_scopes_open;


/* configuration time: names are interned from here on, in this registry */

void
carmen_scopes_configure(ngx_uint_t on)
{
    carmen_scopes_open = on;
}


ngx_int_t
carmen_scope_intern(const char *name)
{
    size_t              len;
    ngx_str_t          *scope;
    ngx_uint_t          i;
    carmen_registry_t  *reg;

    reg = carmen_registry();
    len = ngx_strlen(name);
    scope = reg->scopes.elts;

    for (i = 0; i < reg->scopes.nelts; i++) {
        if (scope[i].len == len && ngx_memcmp(scope[i].data, name, len) == 0) {
            return i;
        }
    }

    if (!carmen_scopes_open || reg->scopes.nelts == CARMEN_SCOPES_MAX) {
        return NGX_ERROR;
    }

    scope = ngx_array_push(&reg->scopes);
    if (scope == NULL) {
        return NGX_ERROR;
    }

    scope->data = (u_char *) name;
    scope->len = len;

    return reg->scopes.nelts - 1;
}


void
carmen_scopes_parse(ngx_str_t *list, carmen_scopes_t *scopes)
{
    u_char             *p, *last, *end;
    ngx_str_t          *scope;
    ngx_uint_t          i;
    carmen_registry_t  *reg;

    reg = carmen_registry();
    scope = reg->scopes.elts;

    p = list->data;
    end = p + list->len;

    while (p < end) {
        last = ngx_strlchr(p, end, ' ');

        if (last == NULL) {
            last = end;
        }

        for (i = 0; i < reg->scopes.nelts; i++) {
            if (scope[i].len == (size_t) (last - p)
                && ngx_memcmp(scope[i].data, p, last - p) == 0)
            {
                scopes->word[i >> 6] |= (uint64_t) 1 << (i & 63);
                break;
            }
        }

        p = last + 1;
    }
}


ngx_int_t
carmen_identify_register(ngx_conf_t *cf, carmen_identify_pt identify)
{
    carmen_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_carmen_core_module);

    if (cmcf->identify && cmcf->identify != identify) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "two modules want to identify the client: load "
                           "one of them only");
        return NGX_ERROR;
    }

    cmcf->identify = identify;

    return NGX_OK;
}


ngx_int_t
carmen_access_handler(ngx_http_request_t *r)
{
    ngx_int_t            rc;
    carmen_request_t    *cr;
    carmen_identity_t   *identity;
    carmen_loc_conf_t   *lcf;
    carmen_main_conf_t  *cmcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_core_module);
    cmcf = ngx_http_get_module_main_conf(r, ngx_http_carmen_core_module);

    /* the core's own pages are for whoever nginx.conf lets in */

    if (cmcf->identify == NULL || lcf->page) {
        return NGX_DECLINED;
    }

    cr = ngx_http_get_module_ctx(r, ngx_http_carmen_core_module);

    if (cr && cr->identified) {
        return cr->identity ? NGX_OK : NGX_DECLINED;
    }

    identity = NULL;

    rc = cmcf->identify(r, &identity);

    switch (rc) {

    case NGX_OK:
        cr = carmen_request_get(r);
        if (cr == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        cr->identity = identity;
        cr->identified = 1;
        return NGX_OK;

    case NGX_DECLINED:
        return NGX_DECLINED;

    case NGX_AGAIN:
        return NGX_AGAIN;

    default:
        /* the answer was given */
        return NGX_DONE;
    }
}


void
carmen_identify_done(ngx_http_request_t *r)
{
    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}


ngx_uint_t
carmen_location(ngx_http_request_t *r)
{
    carmen_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_core_module);

    return lcf->domains != NULL || lcf->page;
}


carmen_identity_t *
carmen_identity(ngx_http_request_t *r)
{
    carmen_request_t  *cr;

    cr = ngx_http_get_module_ctx(r, ngx_http_carmen_core_module);

    return cr ? cr->identity : NULL;
}


ngx_int_t
carmen_identity_refuse(ngx_http_request_t *r, const char *error,
    const char *description)
{
    u_char            *p;
    size_t             len;
    ngx_str_t          value, detail;
    carmen_request_t  *cr;
    ngx_table_elt_t   *h;

    cr = ngx_http_get_module_ctx(r, ngx_http_carmen_core_module);

    ngx_str_set(&value, "Bearer realm=\"carmen\"");

    if (error) {
        len = value.len + sizeof(", error=\"\", error_description=\"\"")
              + ngx_strlen(error)
              + (description ? ngx_strlen(description) : 0);

        p = ngx_pnalloc(r->pool, len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        value.len = ngx_sprintf(p, "Bearer realm=\"carmen\", error=\"%s\"",
                                error) - p;
        value.data = p;

        if (description) {
            value.len = ngx_sprintf(p + value.len,
                                    ", error_description=\"%s\"", description)
                        - p;
        }
    }

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    ngx_str_set(&h->key, "WWW-Authenticate");
    h->value = value;
    r->headers_out.www_authenticate = h;

    ngx_str_null(&detail);

    if (description) {
        detail.data = (u_char *) description;
        detail.len = ngx_strlen(description);
    }

    if (cr && cr->running) {
        carmen_problem_reply(cr, error ? "invalid-token" : "unauthorized",
                             &detail, NULL);
        return NGX_ERROR;
    }

    /* the access phase */

    ngx_http_finalize_request(r, carmen_problem_send(r,
                                       error ? "invalid-token"
                                             : "unauthorized",
                                       &detail, NULL));
    return NGX_ERROR;
}
