
/* Forms, answers, and other small things of the provider. */

#include "carmen_oauth_parts.h"
#include "carmen_base64url.h"

#include <openssl/rand.h>


#define FORM_PARAMS_MAX  64


static ngx_int_t form_add(json_t *form, u_char *p, u_char *last,
    u_char *buf, const char **why);
static ngx_int_t form_decode(u_char *dst, size_t *n, u_char *p,
    u_char *last);


json_t *
carmen_oauth_form(ngx_pool_t *pool, ngx_str_t *text, const char **why)
{
    u_char  *p, *last, *end, *buf;
    json_t  *form;

    *why = "no memory";

    form = carmen_json_keep(pool, json_object());
    buf = ngx_pnalloc(pool, text->len + 2);

    if (form == NULL || buf == NULL) {
        return NULL;
    }

    p = text->data;
    last = p + text->len;

    for ( /* void */ ; p < last; p = end + 1) {
        end = ngx_strlchr(p, last, '&');

        if (end == NULL) {
            end = last;
        }

        if (end > p && form_add(form, p, end, buf, why) != NGX_OK) {
            return NULL;
        }
    }

    return form;
}


static ngx_int_t
form_add(json_t *form, u_char *p, u_char *last, u_char *buf,
    const char **why)
{
    size_t   name, value;
    u_char  *equal;
    json_t  *text;

    equal = ngx_strlchr(p, last, '=');

    if (equal == NULL) {
        equal = last;
    }

    *why = "A parameter is malformed.";

    if (form_decode(buf, &name, p, equal) != NGX_OK || name == 0
        || (equal < last && form_decode(buf + name + 1, &value, equal + 1,
                                        last)
                            != NGX_OK))
    {
        return NGX_DECLINED;
    }

    buf[name] = '\0';

    if (equal == last || value == 0) {
        /* RFC 6749 section 3.1 */
        return NGX_OK;
    }

    if (json_object_get(form, (char *) buf)) {
        *why = "A parameter is repeated.";
        return NGX_DECLINED;
    }

    if (json_object_size(form) == FORM_PARAMS_MAX) {
        *why = "There are too many parameters.";
        return NGX_DECLINED;
    }

    /* refuses what is not UTF-8 */

    text = json_stringn((char *) buf + name + 1, value);

    return text && json_object_set_new(form, (char *) buf, text) == 0
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
form_decode(u_char *dst, size_t *n, u_char *p, u_char *last)
{
    u_char     *start;
    ngx_int_t   c;

    for (start = dst; p < last; p++) {

        c = *p == '+' ? ' ' : *p;

        if (c == '%') {
            if (last - p < 3) {
                return NGX_DECLINED;
            }

            c = ngx_hextoi(p + 1, 2);
            p += 2;
        }

        if (c <= 0) {
            return NGX_DECLINED;
        }

        *dst++ = (u_char) c;
    }

    *n = dst - start;

    return NGX_OK;
}


json_t *
carmen_oauth_post(carmen_request_t *cr)
{
    json_t              *form;
    ngx_str_t           *type, text;
    const char          *why;
    ngx_http_request_t  *r;

    static const size_t  len = sizeof("application/x-www-form-urlencoded") - 1;

    r = carmen_request_http(cr);
    type = r->headers_in.content_type ? &r->headers_in.content_type->value
                                      : NULL;

    if (type == NULL || type->len < len
        || ngx_strncasecmp(type->data,
                           (u_char *) "application/x-www-form-urlencoded",
                           len)
           != 0
        || (type->len > len && type->data[len] != ';'
            && type->data[len] != ' '))
    {
        carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST, "invalid_request",
                            "The body must be a form "
                            "(application/x-www-form-urlencoded).");
        return NULL;
    }

    text = carmen_request_text(cr);
    form = carmen_oauth_form(r->pool, &text, &why);

    if (form == NULL) {
        carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST, "invalid_request", why);
    }

    return form;
}


ngx_str_t
carmen_oauth_param(json_t *form, const char *name)
{
    return carmen_oauth_text(form, name);
}


ngx_str_t
carmen_oauth_text(json_t *object, const char *name)
{
    json_t     *value;
    ngx_str_t   s;

    value = json_object_get(object, name);
    ngx_str_null(&s);

    if (json_is_string(value)) {
        s.data = (u_char *) json_string_value(value);
        s.len = json_string_length(value);
    }

    return s;
}


ngx_int_t
carmen_oauth_random(ngx_pool_t *pool, const char *prefix, ngx_str_t *text,
    ngx_str_t *hash)
{
    u_char  *p, bytes[32];
    size_t   len;

    len = ngx_strlen(prefix);

    text->len = len + carmen_base64url_len(sizeof(bytes));
    text->data = ngx_pnalloc(pool, text->len + 1);

    if (text->data == NULL || RAND_bytes(bytes, sizeof(bytes)) != 1) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(text->data, prefix, len);
    *carmen_base64url_encode(p, bytes, sizeof(bytes)) = '\0';

    return carmen_auth_hash(pool, text, hash);
}


ngx_str_t
carmen_oauth_copy(ngx_pool_t *pool, ngx_str_t s)
{
    ngx_str_t  copy;

    ngx_str_null(&copy);

    if (s.data == NULL) {
        return copy;
    }

    copy.data = ngx_pnalloc(pool, s.len + 1);

    if (copy.data) {
        copy.len = s.len;
        ngx_memcpy(copy.data, s.data, s.len);
        copy.data[s.len] = '\0';
    }

    return copy;
}


ngx_str_t
carmen_oauth_number(ngx_pool_t *pool, time_t n)
{
    u_char     buf[NGX_TIME_T_LEN + 1];
    ngx_str_t  text;

    text.data = buf;
    text.len = ngx_sprintf(buf, "%T", n) - buf;

    return carmen_oauth_copy(pool, text);
}


carmen_auth_conf_t *
carmen_oauth_conf(carmen_request_t *cr)
{
    return ngx_http_get_module_loc_conf(carmen_request_http(cr),
                                        ngx_http_carmen_auth_module);
}


ngx_str_t
carmen_oauth_url(carmen_request_t *cr, const char *path)
{
    ngx_str_t  url, *issuer;

    issuer = &carmen_oauth_conf(cr)->issuer;

    url.len = issuer->len;

    if (url.len && issuer->data[url.len - 1] == '/') {
        url.len--;
    }

    url.data = ngx_pnalloc(carmen_request_http(cr)->pool,
                           url.len + ngx_strlen(path) + 1);

    if (url.data) {
        ngx_memcpy(url.data, issuer->data, url.len);
        url.len = ngx_sprintf(url.data + url.len, "%s%Z", path) - url.data
                  - 1;
    }

    return url;
}


void
carmen_oauth_run(carmen_request_t *cr, ngx_int_t rc)
{
    if (rc == NGX_ERROR) {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
    }
}


ngx_int_t
carmen_oauth_header(ngx_http_request_t *r, const char *name,
    const char *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
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

    if (ngx_strcmp(name, "WWW-Authenticate") == 0) {
        r->headers_out.www_authenticate = h;
    }

    return NGX_OK;
}


void
carmen_oauth_reply(carmen_request_t *cr, ngx_uint_t status, json_t *body)
{
    char                *text;
    ngx_str_t            s, copy;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);

    text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);

    if (text == NULL) {
        carmen_oauth_run(cr, NGX_ERROR);
        return;
    }

    s.data = (u_char *) text;
    s.len = ngx_strlen(text);
    copy = carmen_oauth_copy(r->pool, s);
    free(text);

    if (copy.data == NULL
        || carmen_oauth_header(r, "Cache-Control", "no-store") != NGX_OK)
    {
        carmen_oauth_run(cr, NGX_ERROR);
        return;
    }

    carmen_reply_text(cr, status, "application/json", &copy);
}


void
carmen_oauth_refuse(carmen_request_t *cr, ngx_uint_t status,
    const char *error, const char *description)
{
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "carmen: oauth refused: %s: %s", error, description);

    /* RFC 6749 section 5.2: the challenge of the scheme that was used */

    if (status == NGX_HTTP_UNAUTHORIZED && r->headers_in.authorization
        && carmen_oauth_header(r, "WWW-Authenticate",
                               "Basic realm=\"carmen\"")
           != NGX_OK)
    {
        carmen_oauth_run(cr, NGX_ERROR);
        return;
    }

    carmen_oauth_reply(cr, status,
                       json_pack("{s:s, s:s}", "error", error,
                                 "error_description", description));
}


ngx_int_t
carmen_oauth_sign(ngx_pool_t *pool, carmen_auth_conf_t *acf, const char *typ,
    json_t *claims, ngx_str_t *token)
{
    return carmen_auth_sign(pool, acf, typ, claims, token);
}


json_t *
carmen_oauth_hint(ngx_pool_t *pool, carmen_auth_conf_t *acf,
    ngx_str_t *token)
{
    ngx_str_t      iss, kid;
    ngx_uint_t     i;
    const char    *why;
    carmen_jwk_t  *key;
    carmen_jws_t   jws;

    if (acf->verifier == NULL
        || carmen_jws_read(pool, token, 0, &jws, &why) != NGX_OK
        || !carmen_jws_is(&jws, "JWT"))
    {
        return NULL;
    }

    iss = carmen_oauth_text(jws.claims, "iss");
    kid = carmen_oauth_text(jws.header, "kid");
    key = acf->verifier->keys;

    if (iss.len != acf->issuer.len
        || ngx_memcmp(iss.data, acf->issuer.data, iss.len) != 0)
    {
        return NULL;
    }

    for (i = 0; i < acf->verifier->nkeys; i++) {
        if (kid.len == key[i].kid.len && kid.len
            && ngx_memcmp(kid.data, key[i].kid.data, kid.len) == 0)
        {
            return carmen_jws_verify(&jws, &key[i]) == NGX_OK ? jws.claims
                                                              : NULL;
        }
    }

    return NULL;
}
