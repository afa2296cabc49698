
/* Factors of other files: their table, and what they may ask and answer. */

#include "carmen_browser_page.h"


static void factor_unregister(void *data);
static void factor_passed(carmen_browser_t *b, ngx_str_t *user,
    const char *amr);


/*
 * Written at configuration time only.  Factors are the same in all living
 * configurations, since they are those of the modules that are loaded.
 */
static const carmen_factor_t  *factors[CARMEN_FACTORS_MAX];
static ngx_uint_t              nfactors;


ngx_int_t
carmen_factor_register(ngx_conf_t *cf, const carmen_factor_t *factor)
{
    ngx_uint_t           i;
    ngx_pool_cleanup_t  *cln;

    for (i = 0; i < nfactors; i++) {
        if (factors[i] == factor) {
            return NGX_OK;
        }
    }

    cln = ngx_pool_cleanup_add(cf->cycle->pool, 0);

    if (cln == NULL || nfactors == CARMEN_FACTORS_MAX) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "more than %d factors", CARMEN_FACTORS_MAX);
        return NGX_ERROR;
    }

    if (nfactors == 0) {
        cln->handler = factor_unregister;
    }

    factors[nfactors++] = factor;

    return NGX_OK;
}


static void
factor_unregister(void *data)
{
    /* only a process that ends has no later configuration with the same */

    if (ngx_terminate || ngx_quit || ngx_exiting) {
        nfactors = 0;
    }
}


const carmen_factor_t *
carmen_factor_find(ngx_str_t *name)
{
    ngx_uint_t  i;

    for (i = 0; i < nfactors; i++) {
        if (ngx_strlen(factors[i]->name) == name->len
            && ngx_strncmp(factors[i]->name, name->data, name->len) == 0)
        {
            return factors[i];
        }
    }

    return NULL;
}


const carmen_factor_t *
carmen_factor_next(ngx_uint_t *i, ngx_uint_t flags)
{
    while (*i < nfactors) {
        if (factors[(*i)++]->flags & flags) {
            return factors[*i - 1];
        }
    }

    return NULL;
}


/* draws the next factor of the page, or sends it */

void
carmen_browser_draw(carmen_browser_t *b)
{
    if (b->drawn == b->ndraw) {
        carmen_browser_send(b, b->status);
        return;
    }

    b->factor = b->draw[b->drawn++];
    b->data = NULL;
    b->factor->page(b);
}


void
carmen_browser_fragment(carmen_browser_t *b, ngx_str_t *html)
{
    json_t  *list, *entry, *scripts;

    if (html->len) {
        list = json_object_get(b->page, "factors");

        if (list == NULL) {
            list = json_array();
            (void) json_object_set_new(b->page, "factors", list);
        }

        entry = json_pack("{s:s, s:s, s:s%}", "name", b->factor->name,
                          "title", b->factor->title, "fragment",
                          (char *) html->data, html->len);

        if (entry == NULL || json_array_append_new(list, entry) != 0) {
            carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }

        if (b->kind == CARMEN_PAGE_LOGIN) {
            (void) json_object_set_new(b->page, "first", json_true());
        }

        if (b->factor->script.len) {
            scripts = json_object_get(b->page, "scripts");

            if (scripts == NULL) {
                scripts = json_array();
                (void) json_object_set_new(b->page, "scripts", scripts);
            }

            (void) json_array_append_new(scripts,
                                         json_pack("{s:s}", "name",
                                                   b->factor->name));
        }
    }

    carmen_browser_draw(b);
}


void
carmen_browser_pass(carmen_browser_t *b, ngx_str_t *user, const char *amr)
{
    factor_passed(b, user, amr ? amr : b->factor->amr);
}


void
carmen_browser_fail(carmen_browser_t *b, const char *message)
{
    carmen_browser_failed(b, message);
}


/*
 * Another site may not follow a form of ours (form-action), so the browser is
 * sent by a page that goes there by itself.
 */

void
carmen_browser_leave(carmen_browser_t *b, ngx_str_t *url)
{
    json_t  *page;

    page = carmen_browser_page(b, CARMEN_PAGE_MESSAGE, "One moment");
    if (page == NULL) {
        return;
    }

    (void) json_object_set_new(page, "text",
                               json_string("You are being taken to another "
                                           "site to sign in."));
    carmen_browser_put(page, "refresh", *url);
    carmen_browser_put(page, "link", *url);

    carmen_browser_send(b, NGX_HTTP_OK);
}


void
carmen_browser_sign_in(carmen_browser_t *b, ngx_str_t *user, const char *amr,
    ngx_str_t *resume)
{
    carmen_request_refuse(b->request, NULL);

    b->resume = *resume;
    factor_passed(b, user, amr);
}


carmen_request_t *
carmen_browser_request(carmen_browser_t *b)
{
    return b->request;
}


ngx_str_t
carmen_browser_tenant(carmen_browser_t *b)
{
    return carmen_request_tenant(b->request);
}


ngx_str_t
carmen_browser_user(carmen_browser_t *b)
{
    return b->user;
}


ngx_str_t
carmen_browser_login(carmen_browser_t *b)
{
    if (b->typed.len) {
        return b->typed;
    }

    if (b->login.len) {
        return b->login;
    }

    if (b->oauth) {
        return b->oauth->login_hint;
    }

    return b->login;
}


ngx_str_t
carmen_browser_origin(carmen_browser_t *b)
{
    u_char     *p, *last;
    ngx_str_t   origin;

    origin = b->conf->issuer;
    last = origin.data + origin.len;

    p = ngx_strlcasestrn(origin.data, last, (u_char *) "://", 2);

    if (p) {
        for (p += 3; p < last && *p != '/'; p++) { /* void */ }
        origin.len = p - origin.data;
    }

    return origin;
}


ngx_str_t
carmen_browser_binding(carmen_browser_t *b)
{
    return b->hash;
}


ngx_str_t
carmen_browser_resume(carmen_browser_t *b)
{
    u_char      *p, *slash;
    ngx_str_t    url;
    const char  *page;

    /* the page of the flow is a neighbour of the page that is asked for */

    page = b->oauth ? "authorize" : "device";

    url.data = ngx_pnalloc(b->pool, b->http->uri.len + b->sealed.len + 32);
    url.len = 0;

    if (url.data == NULL) {
        return url;
    }

    slash = b->http->uri.data + b->http->uri.len;

    while (slash > b->http->uri.data && slash[-1] != '/') {
        slash--;
    }

    p = ngx_cpymem(url.data, b->http->uri.data, slash - b->http->uri.data);
    p = ngx_sprintf(p, "%s?flow=%V%Z", page, &b->sealed);
    url.len = p - url.data - 1;

    return url;
}


ngx_str_t
carmen_browser_field(carmen_browser_t *b, const char *name)
{
    ngx_str_t  value;

    if (carmen_form_value(b->pool, &b->form, name, &value) != NGX_OK) {
        ngx_str_null(&value);
    }

    return value;
}


void
carmen_browser_set(carmen_browser_t *b, void *data)
{
    b->data = data;
}


void *
carmen_browser_get(carmen_browser_t *b)
{
    return b->data;
}


/* a second factor of a session that is there, or a first one */

static void
factor_passed(carmen_browser_t *b, ngx_str_t *user, const char *amr)
{
    ngx_uint_t  strong;

    if (b->tried) {
        carmen_browser_attempt(b, 1);
    }

    if (user == NULL) {
        carmen_browser_second(b, amr);
        return;
    }

    strong = b->factor && (b->factor->flags & CARMEN_FACTOR_STRONG);
    carmen_browser_first(b, user, NULL, NULL, amr, strong);
}
