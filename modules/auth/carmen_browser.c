
/*
 * A request for a page: its cookie, its session, and what keeps the forms of
 * others out.
 *
 * The cookie is 256 random bits, from the first page on, and is replaced with
 * every proof that is given.  A form carries a token made of the cookie and a
 * nonce, so that it is another one on each page (RFC 9700 leaves the choice;
 * the cookie is HttpOnly, and nobody else can derive it).  "__Host-" keeps
 * neighbour domains from planting one.
 */

#include "carmen_browser_page.h"
#include "carmen_base64url.h"
#include "auth_statements.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>


#define COOKIE_BYTES  32
#define COOKIE_LEN    carmen_base64url_len(COOKIE_BYTES)
#define NONCE_BYTES   16
#define CSRF_BYTES    (NONCE_BYTES + 32)
#define CSRF_LEN      carmen_base64url_len(CSRF_BYTES)


static void browser_refuse(carmen_request_t *cr,
    const carmen_problem_t *problem, ngx_str_t *detail);
static ngx_str_t browser_cookie_name(carmen_browser_t *b);
static void browser_cookie_find(carmen_browser_t *b);
static ngx_int_t browser_hash(carmen_browser_t *b, ngx_str_t *cookie,
    ngx_str_t *hash);
static ngx_int_t browser_set_cookie(carmen_browser_t *b, ngx_str_t *value,
    const char *tail);
static ngx_int_t browser_csrf_digest(carmen_browser_t *b, u_char *nonce,
    u_char *md);
static ngx_uint_t browser_same_site(carmen_browser_t *b);
static ngx_table_elt_t *browser_header(ngx_http_request_t *r,
    const char *name, ngx_uint_t *n);
static void browser_found(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void browser_release(void *data);


carmen_browser_t *
carmen_browser_begin(carmen_request_t *cr)
{
    carmen_browser_t  *b;

    carmen_request_refuse(cr, browser_refuse);

    b = carmen_browser_open(cr);

    if (b == NULL) {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
        return NULL;
    }

    b->form = carmen_request_text(cr);

    return b;
}


carmen_browser_t *
carmen_browser_open(carmen_request_t *cr)
{
    carmen_browser_t    *b;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);

    b = ngx_pcalloc(r->pool, sizeof(carmen_browser_t));
    if (b == NULL) {
        return NULL;
    }

    b->request = cr;
    b->http = r;
    b->pool = r->pool;
    b->conf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_auth_module);

    ngx_http_set_ctx(r, b, ngx_http_carmen_auth_module);

    browser_cookie_find(b);

    if (b->cookie.len && browser_hash(b, &b->cookie, &b->hash) != NGX_OK) {
        return NULL;
    }

    return b;
}


/* what the core would answer with a problem is a page here */

static void
browser_refuse(carmen_request_t *cr, const carmen_problem_t *problem,
    ngx_str_t *detail)
{
    ngx_uint_t         status;
    const char        *title, *text;
    carmen_browser_t  *b;

    b = ngx_http_get_module_ctx(carmen_request_http(cr),
                                ngx_http_carmen_auth_module);
    status = problem ? problem->status : NGX_HTTP_INTERNAL_SERVER_ERROR;

    if (b == NULL) {
        carmen_problem_reply(cr, problem ? problem->name : "internal-error",
                             detail, NULL);
        return;
    }

    if (status == NGX_HTTP_SERVICE_UNAVAILABLE
        || status == NGX_HTTP_GATEWAY_TIME_OUT)
    {
        title = "Busy";
        text = "The service cannot answer at the moment. Please wait a little "
               "and try again.";

    } else if (status < NGX_HTTP_INTERNAL_SERVER_ERROR) {
        title = "This did not work";
        text = "The request could not be read. Please go back and try again.";

    } else {
        title = "Something went wrong";
        text = "This is our mistake, not yours. Please try again later.";
    }

    carmen_browser_message(b, status, title, text, NULL);
}


void
carmen_browser_error(carmen_browser_t *b, ngx_uint_t status)
{
    carmen_problem_reply(b->request,
                         status == NGX_HTTP_SERVICE_UNAVAILABLE
                         ? "overloaded" : "internal-error",
                         NULL, NULL);
}


static ngx_uint_t
browser_secure(carmen_browser_t *b)
{
    return b->conf->issuer.len >= 8
           && ngx_strncmp(b->conf->issuer.data, "https://", 8) == 0;
}


/* an issuer with http is a development machine: there "__Host-" cannot be */

static ngx_str_t
browser_cookie_name(carmen_browser_t *b)
{
    static ngx_str_t  host = ngx_string("__Host-carmen");
    static ngx_str_t  plain = ngx_string("carmen");

    return browser_secure(b) ? host : plain;
}


/* the value of "name" in the Cookie lines; twice the name is none */

static void
browser_cookie_find(carmen_browser_t *b)
{
    u_char           *p, *last, *end;
    ngx_str_t         name, value;
    ngx_uint_t        i, found;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    name = browser_cookie_name(b);
    found = 0;
    ngx_str_null(&value);

    for (part = &b->http->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len != 6
                || ngx_strncasecmp(h[i].key.data, (u_char *) "cookie", 6)
                   != 0)
            {
                continue;
            }

            p = h[i].value.data;
            end = p + h[i].value.len;

            while (p < end) {

                while (p < end && (*p == ' ' || *p == ';')) {
                    p++;
                }

                last = ngx_strlchr(p, end, ';');

                if (last == NULL) {
                    last = end;
                }

                if ((size_t) (last - p) > name.len && p[name.len] == '='
                    && ngx_memcmp(p, name.data, name.len) == 0)
                {
                    value.data = p + name.len + 1;
                    value.len = last - value.data;
                    found++;
                }

                p = last;
            }
        }
    }

    if (found == 1 && value.len == COOKIE_LEN
        && strspn((char *) value.data, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "abcdefghijklmnopqrstuvwxyz"
                                       "0123456789-_") >= value.len)
    {
        b->cookie = value;
    }
}


static ngx_int_t
browser_hash(carmen_browser_t *b, ngx_str_t *cookie, ngx_str_t *hash)
{
    u_char  md[32];

    hash->len = 2 * sizeof(md);
    hash->data = ngx_pnalloc(b->pool, hash->len + 1);

    if (hash->data == NULL
        || EVP_Digest(cookie->data, cookie->len, md, NULL, EVP_sha256(), NULL)
           != 1)
    {
        return NGX_ERROR;
    }

    *ngx_hex_dump(hash->data, md, sizeof(md)) = '\0';

    return NGX_OK;
}


ngx_int_t
carmen_browser_cookie(carmen_browser_t *b, ngx_str_t *hash)
{
    u_char     bytes[COOKIE_BYTES];
    ngx_str_t  value;

    value.len = COOKIE_LEN;
    value.data = ngx_pnalloc(b->pool, value.len + 1);

    if (value.data == NULL || RAND_bytes(bytes, sizeof(bytes)) != 1) {
        return NGX_ERROR;
    }

    *carmen_base64url_encode(value.data, bytes, sizeof(bytes)) = '\0';
    OPENSSL_cleanse(bytes, sizeof(bytes));

    if (browser_hash(b, &value, hash) != NGX_OK
        || browser_set_cookie(b, &value, "") != NGX_OK)
    {
        return NGX_ERROR;
    }

    b->cookie = value;

    return NGX_OK;
}


ngx_int_t
carmen_browser_forget(carmen_browser_t *b)
{
    ngx_str_t  none = ngx_string("");

    ngx_str_null(&b->cookie);
    ngx_str_null(&b->hash);

    return browser_set_cookie(b, &none, "; Max-Age=0");
}


/* one line of an answer: the last one set counts */

static ngx_int_t
browser_set_cookie(carmen_browser_t *b, ngx_str_t *value, const char *tail)
{
    u_char           *p;
    ngx_str_t         name;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    name = browser_cookie_name(b);

    for (part = &b->http->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == sizeof("Set-Cookie") - 1
                && ngx_strncmp(h[i].key.data, "Set-Cookie", h[i].key.len)
                   == 0)
            {
                h[i].hash = 0;
            }
        }
    }

    p = ngx_pnalloc(b->pool, name.len + value->len + 128);
    h = ngx_list_push(&b->http->headers_out.headers);

    if (p == NULL || h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    ngx_str_set(&h->key, "Set-Cookie");
    h->value.data = p;
    h->value.len = ngx_sprintf(p, "%V=%V; Path=/; HttpOnly; SameSite=Lax%s%s",
                               &name, value,
                               browser_secure(b) ? "; Secure" : "", tail)
                   - p;

    return NGX_OK;
}


ngx_int_t
carmen_browser_csrf(carmen_browser_t *b, ngx_str_t *token)
{
    u_char  bytes[CSRF_BYTES];

    if (b->cookie.len == 0 && carmen_browser_cookie(b, &b->hash) != NGX_OK) {
        return NGX_ERROR;
    }

    token->len = CSRF_LEN;
    token->data = ngx_pnalloc(b->pool, token->len);

    if (token->data == NULL
        || RAND_bytes(bytes, NONCE_BYTES) != 1
        || browser_csrf_digest(b, bytes, bytes + NONCE_BYTES) != NGX_OK)
    {
        return NGX_ERROR;
    }

    (void) carmen_base64url_encode(token->data, bytes, CSRF_BYTES);

    return NGX_OK;
}


static ngx_int_t
browser_csrf_digest(carmen_browser_t *b, u_char *nonce, u_char *md)
{
    size_t  len;

    return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, b->cookie.data,
                     b->cookie.len, nonce, NONCE_BYTES, md, 32, &len)
           ? NGX_OK : NGX_ERROR;
}


ngx_int_t
carmen_browser_guard(carmen_browser_t *b)
{
    u_char            md[32], bytes[carmen_base64url_decoded_len(CSRF_LEN)];
    ngx_str_t         token, type;

    static ngx_str_t  form = ngx_string("application/x-www-form-urlencoded");

    ngx_str_null(&type);

    if (b->http->headers_in.content_type) {
        type = b->http->headers_in.content_type->value;
    }

    if (type.len < form.len
        || ngx_strncasecmp(type.data, form.data, form.len) != 0
        || b->form.len > CARMEN_FORM_MAX)
    {
        carmen_browser_message(b, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                               "This did not work",
                               "The request is not one of our forms.", NULL);
        return NGX_DECLINED;
    }

    if (b->cookie.len == 0) {
        carmen_browser_message(b, NGX_HTTP_FORBIDDEN, "Cookies are needed",
                               "Your browser did not send back the cookie of "
                               "this page. Please allow cookies for this "
                               "site, go back, and try again.", NULL);
        return NGX_DECLINED;
    }

    if (!browser_same_site(b)
        || carmen_form_value(b->pool, &b->form, "csrf", &token) != NGX_OK
        || token.len != CSRF_LEN
        || carmen_base64url_decode(bytes, token.data, token.len) != NGX_OK
        || browser_csrf_digest(b, bytes, md) != NGX_OK
        || CRYPTO_memcmp(md, bytes + NONCE_BYTES, sizeof(md)) != 0)
    {
        carmen_browser_message(b, NGX_HTTP_FORBIDDEN, "Please try again",
                               "This form does not belong to your current "
                               "sign-in, perhaps because another window went "
                               "on with it. Nothing was done.", NULL);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* a second line: what the browser itself says of where a form was */

static ngx_uint_t
browser_same_site(carmen_browser_t *b)
{
    u_char           *p, *last;
    ngx_str_t         origin, host;
    ngx_uint_t        n;
    ngx_table_elt_t  *h;

    h = browser_header(b->http, "Sec-Fetch-Site", &n);

    if (n > 1 || (h && !(h->value.len == 11
                         && ngx_strncmp(h->value.data, "same-origin", 11)
                            == 0)))
    {
        return 0;
    }

    h = browser_header(b->http, "Origin", &n);

    if (h == NULL) {
        return 1;
    }

    if (n > 1) {
        return 0;
    }

    origin = carmen_browser_origin(b);

    if (h->value.len == origin.len
        && ngx_strncasecmp(h->value.data, origin.data, origin.len) == 0)
    {
        return 1;
    }

    /* behind another name than the issuer's: the one that was asked for */

    if (b->http->headers_in.host == NULL) {
        return 0;
    }

    p = ngx_strlcasestrn(h->value.data, h->value.data + h->value.len,
                         (u_char *) "://", 2);
    last = h->value.data + h->value.len;
    host = b->http->headers_in.host->value;

    return p && (size_t) (last - p - 3) == host.len
           && ngx_strncasecmp(p + 3, host.data, host.len) == 0;
}


static ngx_table_elt_t *
browser_header(ngx_http_request_t *r, const char *name, ngx_uint_t *n)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h, *found;

    len = ngx_strlen(name);
    found = NULL;
    *n = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == len
                && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
            {
                found = &h[i];
                (*n)++;
            }
        }
    }

    return found;
}


void
carmen_browser_session(carmen_browser_t *b, carmen_browser_pt next)
{
    ngx_str_t  client;

    b->checked = next;

    if (b->cookie.len == 0) {
        next(b);
        return;
    }

    ngx_str_null(&client);

    if (b->oauth) {
        client = b->oauth->client;
    }

    carmen_pair_t  values[] = {
        { "token", b->hash },
        { "client", client },
        { NULL, ngx_null_string }
    };

    if (carmen_query(b->request, &auth_browser_find, values, browser_found, b)
        == NGX_ERROR)
    {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


static void
browser_found(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    carmen_browser_t  *b = data;

    ngx_str_t   value;
    ngx_uint_t  i;

    const struct {
        const char  *name;
        ngx_str_t   *field;
    } fields[] = {
        { "browser_session_id", &b->session },
        { "user_id", &b->user },
        { "login", &b->login },
        { "acr", &b->acr },
        { "amr", &b->amr },
        { "consent", &b->consent }
    };

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    if (carmen_result_rows(result) == 0) {
        b->checked(b);
        return;
    }

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        value = carmen_result_value(result, 0, fields[i].name);
        *fields[i].field = carmen_browser_copy(b->pool, value);

        if (fields[i].field->data == NULL) {
            carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }
    }

    value = carmen_result_value(result, 0, "complete");
    b->complete = value.len == 1 && value.data[0] == 't';

    value = carmen_result_value(result, 0, "auth_time");
    b->auth_time = ngx_atotm(value.data, value.len);

    value = carmen_result_value(result, 0, "factors");
    b->factors = carmen_browser_keep(b->pool,
                                     json_loadb((char *) value.data,
                                                value.len, 0, NULL));
    if (b->factors == NULL) {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    b->checked(b);
}


ngx_str_t
carmen_browser_copy(ngx_pool_t *pool, ngx_str_t value)
{
    ngx_str_t  copy;

    copy.len = value.len;
    copy.data = ngx_pnalloc(pool, value.len + 1);

    if (copy.data) {

        if (value.len) {
            ngx_memcpy(copy.data, value.data, value.len);
        }

        copy.data[copy.len] = '\0';
    }

    return copy;
}


json_t *
carmen_browser_keep(ngx_pool_t *pool, json_t *json)
{
    ngx_pool_cleanup_t  *cln;

    if (json == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(pool, 0);

    if (cln == NULL) {
        json_decref(json);
        return NULL;
    }

    cln->handler = browser_release;
    cln->data = json;

    return json;
}


static void
browser_release(void *data)
{
    json_t  *json = data;

    json_decref(json);
}
