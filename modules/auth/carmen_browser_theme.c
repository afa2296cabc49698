
/* Pages on their way out: the theme, the headers, redirects. */

#include "carmen_browser_page.h"

#include <openssl/evp.h>


#define THEME_FILE_MAX  262144


static char *theme_load(ngx_conf_t *cf, carmen_auth_conf_t *conf);
static ngx_int_t theme_read(ngx_conf_t *cf, ngx_str_t *dir, ngx_str_t *name,
    ngx_str_t *text);
static ngx_int_t page_header(carmen_browser_t *b, const char *name,
    const char *value);
static ngx_int_t page_protect(carmen_browser_t *b);
static ngx_str_t page_form_action(carmen_browser_t *b);
static ngx_int_t page_client(carmen_browser_t *b);


/* in the order of carmen_page_kind_e */
static const char *const  theme_names[] = {
    "login.html", "second.html", "consent.html", "device.html",
    "logout.html", "message.html", "layout.html"
};


char *
carmen_browser_merge(ngx_conf_t *cf, carmen_auth_conf_t *prev,
    carmen_auth_conf_t *conf)
{
    ngx_conf_merge_str_value(conf->theme_dir, prev->theme_dir, "");
    ngx_conf_merge_sec_value(conf->browser_lifetime, prev->browser_lifetime,
                             12 * 3600);

    return conf->provider ? theme_load(cf, conf) : NGX_CONF_OK;
}


static char *
theme_load(ngx_conf_t *cf, carmen_auth_conf_t *conf)
{
    u_char                     *p, md[32];
    ngx_int_t                   rc;
    ngx_str_t                   text;
    ngx_uint_t                  i, line;
    const char                 *why;
    carmen_theme_t             *theme;
    const carmen_theme_file_t  *file;

    theme = ngx_pcalloc(cf->pool, sizeof(carmen_theme_t));
    if (theme == NULL) {
        return NGX_CONF_ERROR;
    }

    for (file = carmen_theme_files; file->name.len; file++) {
        text = file->text;
        rc = NGX_DECLINED;

        if (conf->theme_dir.len) {
            rc = theme_read(cf, &conf->theme_dir, (ngx_str_t *) &file->name,
                            &text);
        }

        if (rc == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }

        if (ngx_strcmp(file->name.data, "style.css") == 0) {
            theme->style = text;
            continue;
        }

        for (i = 0; i < CARMEN_PAGE_KINDS; i++) {
            if (ngx_strcmp(file->name.data, theme_names[i]) == 0) {
                break;
            }
        }

        if (i == CARMEN_PAGE_KINDS) {
            continue;
        }

        theme->page[i] = carmen_template_compile(cf->pool, &text, &why,
                                                 &line);
        if (theme->page[i] == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "template \"%V/%V\", line %ui: %s",
                          &conf->theme_dir, &file->name, line, why);
            return NGX_CONF_ERROR;
        }
    }

    p = ngx_pnalloc(cf->pool, 34);

    if (p == NULL
        || EVP_Digest(theme->style.data, theme->style.len, md, NULL,
                      EVP_sha256(), NULL) != 1)
    {
        return NGX_CONF_ERROR;
    }

    theme->etag.data = p;
    *p++ = '"';
    p = ngx_hex_dump(p, md, 16);
    *p++ = '"';
    theme->etag.len = p - theme->etag.data;

    conf->theme = theme;

    return NGX_CONF_OK;
}


/* NGX_OK; NGX_DECLINED: it is not there; NGX_ERROR: logged */

static ngx_int_t
theme_read(ngx_conf_t *cf, ngx_str_t *dir, ngx_str_t *name, ngx_str_t *text)
{
    off_t            size;
    u_char          *p;
    ngx_fd_t         fd;
    ngx_str_t        path;
    ngx_file_info_t  fi;

    p = ngx_pnalloc(cf->pool, dir->len + name->len + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    path.data = p;
    path.len = ngx_sprintf(p, "%V/%V%Z", dir, name) - p - 1;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(path.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {

        if (ngx_errno == NGX_ENOENT) {
            return NGX_DECLINED;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot read template \"%V\"", &path);
        return NGX_ERROR;
    }

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)
        || ngx_file_size(&fi) > THEME_FILE_MAX)
    {
        goto failed;
    }

    size = ngx_file_size(&fi);
    text->len = size;
    text->data = ngx_pnalloc(cf->pool, size + 1);

    if (text->data == NULL || ngx_read_fd(fd, text->data, size) != size) {
        goto failed;
    }

    text->data[size] = '\0';
    ngx_close_file(fd);

    return NGX_OK;

failed:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "template \"%V\" is not a file of 256 kilobytes at "
                       "most that can be read", &path);
    ngx_close_file(fd);

    return NGX_ERROR;
}


static ngx_int_t
page_header(carmen_browser_t *b, const char *name, const char *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&b->http->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value.data = (u_char *) value;
    h->value.len = ngx_strlen(value);

    return NGX_OK;
}


/*
 * Scripts are those of factors that are shown, from files of our own; the
 * one within a page is the form_post of carmen_browser_authorize.c, known by
 * its digest.  A browser holds form-action against the redirects that follow
 * as well, hence the client's place in it.
 */

static ngx_int_t
page_protect(carmen_browser_t *b)
{
    u_char      *p;
    ngx_str_t    action;
    const char  *scripts;

    action = page_form_action(b);
    scripts = json_object_get(b->page, "scripts") ? "'self' " : "";

    p = ngx_pnalloc(b->pool, action.len + 512);
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(p, "default-src 'none'; style-src 'self'; "
                       "img-src 'self' https: data:; script-src %s'%s'; "
                       "connect-src 'self'; form-action 'self'%s%V; "
                       "base-uri 'none'; frame-ancestors 'none'%Z",
                       scripts, CARMEN_FORM_POST_DIGEST,
                       action.len ? " " : "", &action);

    return page_header(b, "Content-Security-Policy", (char *) p) == NGX_OK
           && page_header(b, "X-Frame-Options", "DENY") == NGX_OK
           && page_header(b, "X-Content-Type-Options", "nosniff") == NGX_OK
           && page_header(b, "Referrer-Policy", "same-origin") == NGX_OK
           && page_header(b, "Cache-Control", "no-store") == NGX_OK
           ? NGX_OK : NGX_ERROR;
}


/* the origin of the redirect_uri, or its scheme when that is an app's own */

static ngx_str_t
page_form_action(carmen_browser_t *b)
{
    u_char     *p, *last;
    ngx_str_t   uri, action;

    ngx_str_null(&action);

    if (b->leaves.len) {
        uri = b->leaves;

    } else if (b->oauth && b->oauth->redirect_uri.len) {
        uri = b->oauth->redirect_uri;

    } else {
        return action;
    }

    last = uri.data + uri.len;

    for (p = uri.data; p < last && *p != ':'; p++) { /* void */ }

    if (p == last) {
        return action;
    }

    p++;

    if (ngx_strncmp(uri.data, "https://", 8) == 0
        || ngx_strncmp(uri.data, "http://", 7) == 0)
    {
        for (p += 2; p < last && *p != '/' && *p != '?' && *p != '#'; p++) {
            /* void */
        }
    }

    action.data = uri.data;
    action.len = p - uri.data;

    for (p = action.data; p < action.data + action.len; p++) {
        if (*p <= ' ' || *p >= 0x7f || *p == ';' || *p == ',' || *p == '\''
            || *p == '"')
        {
            ngx_str_null(&action);
            break;
        }
    }

    return action;
}


ngx_int_t
carmen_browser_put(json_t *object, const char *name, ngx_str_t value)
{
    if (value.data == NULL) {
        return NGX_OK;
    }

    /* what is not UTF-8 is left out: it comes from the network */

    (void) json_object_set_new(object, name,
                               json_stringn((char *) value.data, value.len));

    return NGX_OK;
}


json_t *
carmen_browser_page(carmen_browser_t *b, carmen_page_kind_e kind,
    const char *title)
{
    ngx_str_t  csrf;

    b->kind = kind;
    b->page = carmen_browser_keep(b->pool, json_object());

    if (b->page == NULL
        || json_object_set_new(b->page, "title", json_string(title)) != 0)
    {
        goto failed;
    }

    if (kind != CARMEN_PAGE_MESSAGE) {

        if (carmen_browser_csrf(b, &csrf) != NGX_OK) {
            goto failed;
        }

        carmen_browser_put(b->page, "csrf", csrf);
        carmen_browser_put(b->page, "flow", b->sealed);
    }

    if (b->oauth && page_client(b) != NGX_OK) {
        goto failed;
    }

    return b->page;

failed:

    carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);

    return NULL;
}


static ngx_int_t
page_client(carmen_browser_t *b)
{
    ngx_uint_t               i;
    carmen_oauth_request_t  *o = b->oauth;

    const struct {
        const char  *name;
        ngx_str_t    value;
    } links[] = {
        { "client_uri", o->client_uri },
        { "logo_uri", o->logo_uri },
        { "policy_uri", o->policy_uri },
        { "tos_uri", o->tos_uri }
    };

    carmen_browser_put(b->page, "client_name",
                       o->client_name.len ? o->client_name : o->client);

    /* a link that is not one to the web stays away, whoever registered it */

    for (i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        if (links[i].value.len > 8
            && ngx_strncmp(links[i].value.data, "https://", 8) == 0)
        {
            carmen_browser_put(b->page, links[i].name, links[i].value);
        }
    }

    return NGX_OK;
}


void
carmen_browser_send(carmen_browser_t *b, ngx_uint_t status)
{
    ngx_str_t        body;
    carmen_theme_t  *theme;

    theme = b->conf->theme;

    if (theme == NULL
        || carmen_template_render(theme->page[b->kind], b->pool, b->page,
                                  &body) != NGX_OK)
    {
        goto failed;
    }

    if (json_object_set_new(b->page, "content",
                            json_stringn((char *) body.data, body.len)) != 0
        || carmen_template_render(theme->page[CARMEN_PAGE_LAYOUT], b->pool,
                                  b->page, &body) != NGX_OK
        || page_protect(b) != NGX_OK)
    {
        goto failed;
    }

    carmen_reply_text(b->request, status, "text/html; charset=utf-8", &body);
    return;

failed:

    carmen_request_refuse(b->request, NULL);
    carmen_problem_reply(b->request, "internal-error", NULL, NULL);
}


void
carmen_browser_message(carmen_browser_t *b, ngx_uint_t status,
    const char *title, const char *text, const char *detail)
{
    json_t  *page;

    page = carmen_browser_page(b, CARMEN_PAGE_MESSAGE, title);
    if (page == NULL) {
        return;
    }

    (void) json_object_set_new(page, "text", json_string(text));

    if (detail) {
        (void) json_object_set_new(page, "detail", json_string(detail));
    }

    carmen_browser_send(b, status);
}


/*
 * 303: a GET follows, whatever came (RFC 9700 section 4.12).  A URL with a
 * control character would be a header of its own, and is none of ours.
 */

void
carmen_browser_redirect(carmen_browser_t *b, ngx_str_t *url)
{
    u_char     *p;
    ngx_str_t   copy, none = ngx_string("");

    copy = carmen_browser_copy(b->pool, *url);

    if (copy.data == NULL) {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    for (p = copy.data; *p; p++) {
        if (*p <= ' ' || *p == 0x7f) {
            carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }
    }

    if (page_header(b, "Location", (char *) copy.data) != NGX_OK
        || page_header(b, "Cache-Control", "no-store") != NGX_OK
        || page_header(b, "Referrer-Policy", "same-origin") != NGX_OK)
    {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    carmen_reply_text(b->request, NGX_HTTP_SEE_OTHER, "", &none);
}


ngx_int_t
carmen_browser_style(carmen_request_t *cr)
{
    ngx_table_elt_t   *h;
    carmen_browser_t  *b;

    b = carmen_browser_open(cr);
    if (b == NULL || b->conf->theme == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h = ngx_list_push(&b->http->headers_out.headers);
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    ngx_str_set(&h->key, "ETag");
    h->value = b->conf->theme->etag;
    b->http->headers_out.etag = h;

    if (page_header(b, "Cache-Control", "public, max-age=300") != NGX_OK
        || page_header(b, "X-Content-Type-Options", "nosniff") != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    carmen_reply_text(cr, NGX_HTTP_OK, "text/css; charset=utf-8",
                      &b->conf->theme->style);

    return NGX_DONE;
}


ngx_int_t
carmen_browser_script(carmen_request_t *cr)
{
    ngx_str_t               name, text;
    carmen_browser_t       *b;
    const carmen_factor_t  *factor;

    b = carmen_browser_open(cr);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    name = carmen_request_path(cr, "name");

    if (name.len < 4
        || ngx_strncmp(name.data + name.len - 3, ".js", 3) != 0)
    {
        return NGX_HTTP_NOT_FOUND;
    }

    name.len -= 3;
    factor = carmen_factor_find(&name);

    if (factor == NULL || factor->script.len == 0) {
        return NGX_HTTP_NOT_FOUND;
    }

    if (page_header(b, "Cache-Control", "public, max-age=300") != NGX_OK
        || page_header(b, "X-Content-Type-Options", "nosniff") != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text = factor->script;
    carmen_reply_text(cr, NGX_HTTP_OK, "text/javascript; charset=utf-8",
                      &text);

    return NGX_DONE;
}
