
/*
 * Dynamic registration: RFC 7591, 7592.  The initial access token is an access
 * token with the scope clients:write; what the client gets is a registration
 * access token of its own, with which it reads, replaces and deletes itself.
 */

#include "carmen_oauth_parts.h"
#include "auth_statements.h"

#include <openssl/crypto.h>


#define REGISTER_URI_MAX  2000
#define REGISTER_URIS     20


typedef struct {
    json_t                   *asked;         /* as the client sent it */
    json_t                   *columns;       /* of auth.client */
    ngx_str_t                 allowed;       /* scopes that a program of its
                                                own may have */
    ngx_str_t                 id;            /* of a client that is there */
    ngx_str_t                 secret;
    ngx_str_t                 token;
    ngx_str_t                 actor;
} register_ctx_t;


static json_t *register_body(carmen_request_t *cr);
static ngx_uint_t register_may(ngx_str_t *scope, const char *word);
static ngx_int_t register_check(carmen_request_t *cr, register_ctx_t *ctx);
static const char *register_exceeds(register_ctx_t *ctx);
static const char *register_columns(json_t *asked, json_t *columns,
    const char **error);
static const char *register_uris(json_t *list, ngx_uint_t redirect);
static ngx_uint_t register_uri(const char *uri, ngx_uint_t redirect);
static const char *register_grants(json_t *asked, json_t *columns,
    const char *method);
static const char *register_scopes(json_t *asked, json_t *columns);
static const char *register_keys(json_t *asked, json_t *columns,
    const char *method);
static ngx_int_t register_metadata(json_t *asked, json_t *columns);
static ngx_int_t register_save(carmen_request_t *cr, register_ctx_t *ctx);
static void register_saved(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void registration_client(carmen_request_t *cr, json_t *client,
    void *data);
static ngx_int_t register_had(ngx_pool_t *pool, json_t *client,
    register_ctx_t *ctx);
static void registration_deleted(carmen_request_t *cr,
    carmen_result_t *result, void *data);
static void register_reply(carmen_request_t *cr, ngx_uint_t status,
    json_t *columns, register_ctx_t *ctx, ngx_str_t *id, time_t issued);


/* the members of a registration that are kept as they are */

static const char *const  register_texts[] = {
    "client_uri", "logo_uri", "policy_uri", "tos_uri", "software_id",
    "software_version", NULL
};


ngx_int_t
carmen_oauth_register(carmen_request_t *cr)
{
    register_ctx_t     *ctx;
    carmen_identity_t  *identity;

    identity = carmen_identity(carmen_request_http(cr));

    if (identity == NULL || !register_may(&identity->scope, "clients:write")) {
        carmen_oauth_refuse(cr, identity ? NGX_HTTP_FORBIDDEN
                                         : NGX_HTTP_UNAUTHORIZED,
                            identity ? "insufficient_scope"
                                     : "invalid_token",
                            "Registration needs an access token with the "
                            "scope clients:write.");
        return NGX_DONE;
    }

    ctx = ngx_pcalloc(carmen_request_http(cr)->pool, sizeof(register_ctx_t));
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->actor = carmen_oauth_copy(carmen_request_http(cr)->pool,
                                   identity->subject);
    ctx->allowed = identity->scope;
    ctx->asked = register_body(cr);

    if (ctx->asked == NULL || register_check(cr, ctx) != NGX_OK) {
        return NGX_DONE;
    }

    return register_save(cr, ctx);
}


static ngx_uint_t
register_may(ngx_str_t *scope, const char *word)
{
    u_char  *p, *last, *end;
    size_t   len;

    len = ngx_strlen(word);
    p = scope->data;
    last = p + scope->len;

    for ( /* void */ ; p < last; p = end + 1) {
        end = ngx_strlchr(p, last, ' ');

        if (end == NULL) {
            end = last;
        }

        if ((size_t) (end - p) == len
            && ngx_memcmp(p, word, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static json_t *
register_body(carmen_request_t *cr)
{
    json_t     *body;
    ngx_str_t   text;

    text = carmen_request_text(cr);

    body = json_loadb((char *) text.data, text.len, JSON_REJECT_DUPLICATES,
                      NULL);

    if (!json_is_object(body)) {
        json_decref(body);
        carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST,
                            "invalid_client_metadata",
                            "The body must be a JSON object.");
        return NULL;
    }

    return carmen_json_keep(carmen_request_http(cr)->pool, body);
}


static ngx_int_t
register_check(carmen_request_t *cr, register_ctx_t *ctx)
{
    const char  *error, *why;

    ctx->columns = carmen_json_keep(carmen_request_http(cr)->pool,
                                    json_object());
    error = "invalid_client_metadata";
    why = ctx->columns ? register_columns(ctx->asked, ctx->columns, &error)
                       : "no memory";

    if (why == NULL && carmen_oauth_has(ctx->columns, "grants",
                                        "client_credentials"))
    {
        why = register_exceeds(ctx);
    }

    if (why == NULL) {
        return NGX_OK;
    }

    carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST, error, why);

    return NGX_DONE;
}


/*
 * Users limit what a client does for them.  What it does for itself is limited
 * by who registers it, and later by what it has.
 */

static const char *
register_exceeds(register_ctx_t *ctx)
{
    size_t   i;
    json_t  *scope;

    json_array_foreach(json_object_get(ctx->columns, "scopes"), i, scope) {
        if (!register_may(&ctx->allowed, json_string_value(scope))) {
            return "With client_credentials a client gets no scope that its "
                   "registrar does not have.";
        }
    }

    return NULL;
}


/* NULL: columns are filled */

static const char *
register_columns(json_t *asked, json_t *columns, const char **error)
{
    size_t       i;
    ngx_str_t    name, method, uri;
    const char  *why;

    static const char *const  flags[][2] = {
        { "dpop_bound_access_tokens", "dpop_bound" },
        { "tls_client_certificate_bound_access_tokens", "tls_bound" },
        { "require_pushed_authorization_requests", "par_required" },
    };

    static const char *const  methods[] = {
        "client_secret_basic", "client_secret_post", "private_key_jwt",
        "tls_client_auth", "self_signed_tls_client_auth", "none", NULL
    };

    method = carmen_oauth_text(asked, "token_endpoint_auth_method");

    if (method.data == NULL) {
        ngx_str_set(&method, "client_secret_basic");
    }

    for (i = 0; methods[i]; i++) {
        if (ngx_strcmp(methods[i], method.data) == 0) {
            break;
        }
    }

    if (methods[i] == NULL) {
        return "The token_endpoint_auth_method is not supported.";
    }

    name = carmen_oauth_text(asked, "client_name");

    if (name.data == NULL || name.len == 0 || name.len > 200) {
        ngx_str_set(&name, "A client without a name");
    }

    if (json_object_set_new(columns, "name", json_string((char *) name.data))
        != 0
        || json_object_set_new(columns, "auth_method",
                               json_string((char *) method.data)) != 0
        || register_metadata(asked, columns) != NGX_OK)
    {
        return "It cannot be kept.";
    }

    why = register_grants(asked, columns, (char *) method.data);
    why = why ? why : register_scopes(asked, columns);
    why = why ? why : register_keys(asked, columns, (char *) method.data);

    if (why) {
        return why;
    }

    *error = "invalid_redirect_uri";
    why = register_uris(json_object_get(asked, "redirect_uris"), 1);
    why = why ? why
              : register_uris(json_object_get(asked,
                                              "post_logout_redirect_uris"),
                              1);

    if (why == NULL && carmen_oauth_has(columns, "grants",
                                        "authorization_code")
        && json_array_size(json_object_get(asked, "redirect_uris")) == 0)
    {
        why = "The grant type authorization_code needs redirect_uris.";
    }

    if (why) {
        return why;
    }

    *error = "invalid_client_metadata";
    uri = carmen_oauth_text(asked, "backchannel_logout_uri");

    if (uri.data && !register_uri((char *) uri.data, 0)) {
        return "The backchannel_logout_uri must be an https URL.";
    }

    (void) json_object_set(columns, "backchannel_uri",
                           json_object_get(asked, "backchannel_logout_uri"));

    for (i = 0; i < 3; i++) {
        if (json_object_set_new(columns, flags[i][1],
                json_boolean(json_is_true(json_object_get(asked,
                                                          flags[i][0]))))
            != 0)
        {
            return "It cannot be kept.";
        }
    }

    if (json_object_set_new(columns, "redirect_uris",
            json_deep_copy(json_object_get(asked, "redirect_uris"))) != 0
        && json_object_set_new(columns, "redirect_uris", json_array()) != 0)
    {
        return "It cannot be kept.";
    }

    if (json_object_set_new(columns, "logout_uris",
            json_deep_copy(json_object_get(asked,
                                           "post_logout_redirect_uris")))
        != 0
        && json_object_set_new(columns, "logout_uris", json_array()) != 0)
    {
        return "It cannot be kept.";
    }

    return NULL;
}


static const char *
register_uris(json_t *list, ngx_uint_t redirect)
{
    size_t   i;
    json_t  *item;

    if (list == NULL) {
        return NULL;
    }

    if (!json_is_array(list) || json_array_size(list) > REGISTER_URIS) {
        return "The redirect URIs must be an array of 20 at most.";
    }

    json_array_foreach(list, i, item) {
        if (!json_is_string(item) || json_string_length(item)
                                     > REGISTER_URI_MAX
            || !register_uri(json_string_value(item), redirect))
        {
            return "A redirect URI must be https, a loopback address with "
                   "http, or of a private scheme with a dot in it, and "
                   "without fragment.";
        }
    }

    return NULL;
}


/* RFC 9700 section 2.1, RFC 8252 section 7 */

static ngx_uint_t
register_uri(const char *uri, ngx_uint_t redirect)
{
    size_t  i, n;

    for (i = 0; uri[i]; i++) {
        if (uri[i] <= 0x20 || uri[i] >= 0x7f || uri[i] == '#'
            || uri[i] == '\\' || uri[i] == '"' || uri[i] == '<'
            || uri[i] == '>')
        {
            return 0;
        }
    }

    if (ngx_strncmp(uri, "https://", 8) == 0) {
        n = strcspn(uri + 8, "/?");
        return n && memchr(uri + 8, '@', n) == NULL;
    }

    if (!redirect) {
        return 0;
    }

    if (ngx_strncmp(uri, "http://", 7) == 0) {
        n = strcspn(uri + 7, ":/?");

        return (n == 9 && ngx_strncmp(uri + 7, "127.0.0.1", 9) == 0)
               || ngx_strncmp(uri + 7, "[::1]", 5) == 0
               || (n == 9 && ngx_strncmp(uri + 7, "localhost", 9) == 0);
    }

    n = strspn(uri, "abcdefghijklmnopqrstuvwxyz0123456789.-+");

    return n && uri[n] == ':' && memchr(uri, '.', n) != NULL;
}


static const char *
register_grants(json_t *asked, json_t *columns, const char *method)
{
    size_t       i, n;
    json_t      *list, *item;
    const char  *text;

    static const char *const  grants[] = {
        "authorization_code", "refresh_token", "client_credentials",
        CARMEN_OAUTH_DEVICE, NULL
    };

    list = json_object_get(asked, "grant_types");
    list = list ? json_deep_copy(list) : json_pack("[s]", grants[0]);

    if (json_object_set_new(columns, "grants", list) != 0
        || !json_is_array(list))
    {
        return "The grant_types must be an array.";
    }

    json_array_foreach(list, i, item) {
        text = json_string_value(item);

        for (n = 0; text && grants[n]; n++) {
            if (ngx_strcmp(text, grants[n]) == 0) {
                break;
            }
        }

        if (text == NULL || grants[n] == NULL) {
            return "A grant type is not supported.";
        }
    }

    if (ngx_strcmp(method, "none") == 0
        && carmen_oauth_has(columns, "grants", "client_credentials"))
    {
        return "A client that cannot prove who it is has no "
               "client_credentials.";
    }

    return NULL;
}


/* a program registers for people; what is the shop's own takes a person */

static const char *
register_scopes(json_t *asked, json_t *columns)
{
    char        *end;
    json_t      *list;
    size_t       len;
    ngx_str_t    scope;
    const char  *p;

    scope = carmen_oauth_text(asked, "scope");

    if (scope.data == NULL) {
        ngx_str_set(&scope, "openid profile email offline_access");
    }

    list = json_array();

    if (json_object_set_new(columns, "scopes", list) != 0) {
        return "It cannot be kept.";
    }

    for (p = (char *) scope.data; *p; p = end) {
        len = strcspn(p, " ");
        end = (char *) p + len + (p[len] == ' ');

        if (len == 0 || len > 64
            || json_array_append_new(list, json_stringn(p, len)) != 0)
        {
            return "The scope is malformed.";
        }
    }

    return NULL;
}


static const char *
register_keys(json_t *asked, json_t *columns, const char *method)
{
    json_t  *jwks, *subject;

    jwks = json_object_get(asked, "jwks");
    subject = json_object_get(asked, "tls_client_auth_subject_dn");

    if (json_object_get(asked, "jwks_uri")) {
        return "A jwks_uri is not supported: give the jwks.";
    }

    if (jwks && (!json_is_object(jwks)
                 || !json_is_array(json_object_get(jwks, "keys"))
                 || json_array_size(json_object_get(jwks, "keys")) > 20))
    {
        return "The jwks must be a set of keys.";
    }

    if (jwks == NULL
        && (ngx_strcmp(method, "private_key_jwt") == 0
            || ngx_strcmp(method, "self_signed_tls_client_auth") == 0))
    {
        return "This token_endpoint_auth_method needs jwks.";
    }

    if (ngx_strcmp(method, "tls_client_auth") == 0
        && !json_is_string(subject))
    {
        return "This token_endpoint_auth_method needs "
               "tls_client_auth_subject_dn.";
    }

    if ((jwks && json_object_set(columns, "jwks", jwks) != 0)
        || (json_is_string(subject)
            && json_object_set(columns, "tls_subject", subject) != 0))
    {
        return "It cannot be kept.";
    }

    return NULL;
}


static ngx_int_t
register_metadata(json_t *asked, json_t *columns)
{
    size_t     i;
    json_t    *metadata;
    ngx_str_t  text;

    metadata = json_object();

    if (json_object_set_new(columns, "metadata", metadata) != 0) {
        return NGX_ERROR;
    }

    for (i = 0; register_texts[i]; i++) {
        text = carmen_oauth_text(asked, register_texts[i]);

        if (text.data == NULL || text.len > REGISTER_URI_MAX
            || (i < 4 && !register_uri((char *) text.data, 0)))
        {
            continue;
        }

        if (json_object_set_new(metadata, register_texts[i],
                                json_stringn((char *) text.data, text.len))
            != 0)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* secret and token are new with each save: RFC 7592 section 2.2 */

static ngx_int_t
register_save(carmen_request_t *cr, register_ctx_t *ctx)
{
    char        *text;
    ngx_int_t    rc;
    ngx_str_t    s, document, secret, token, method;
    ngx_pool_t  *pool;

    pool = carmen_request_http(cr)->pool;
    method = carmen_oauth_text(ctx->columns, "auth_method");
    ngx_str_null(&secret);

    if (ngx_strncmp(method.data, "client_secret", 13) == 0
        && carmen_oauth_random(pool, "", &ctx->secret, &secret) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (carmen_oauth_random(pool, "", &ctx->token, &token) != NGX_OK) {
        return NGX_ERROR;
    }

    text = json_dumps(ctx->columns, JSON_COMPACT);
    if (text == NULL) {
        return NGX_ERROR;
    }

    s.data = (u_char *) text;
    s.len = ngx_strlen(text);
    document = carmen_oauth_copy(pool, s);
    free(text);

    if (document.data == NULL) {
        return NGX_ERROR;
    }

    carmen_pair_t  values[] = {
        { "client", ctx->id },
        { "document", document },
        { "secret", secret },
        { "registration", token },
        { "actor", ctx->actor },
        { NULL, ngx_null_string }
    };

    rc = carmen_query(cr, &auth_oauth_client_save, values, register_saved,
                      ctx);

    return rc == NGX_ERROR ? rc : NGX_DONE;
}


static void
register_saved(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    register_ctx_t  *ctx = data;

    ngx_str_t  id, issued;

    if (carmen_result_failed(result)) {
        carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST,
                            "invalid_client_metadata",
                            "The registration does not fit together.");
        return;
    }

    id = carmen_result_value(result, 0, "client_id");
    issued = carmen_result_value(result, 0, "issued_at");

    if (id.data == NULL) {
        carmen_oauth_refuse(cr, NGX_HTTP_UNAUTHORIZED, "invalid_token",
                            "The client is not there any more.");
        return;
    }

    register_reply(cr, ctx->id.data ? NGX_HTTP_OK : NGX_HTTP_CREATED,
                   ctx->columns, ctx, &id,
                   ngx_atotm(issued.data, issued.len));
}


ngx_int_t
carmen_oauth_registration(carmen_request_t *cr)
{
    ngx_str_t        id;
    register_ctx_t  *ctx;

    ctx = ngx_pcalloc(carmen_request_http(cr)->pool, sizeof(register_ctx_t));
    id = carmen_oauth_copy(carmen_request_http(cr)->pool,
                           carmen_request_path(cr, "clientId"));

    if (ctx == NULL || id.data == NULL) {
        return NGX_ERROR;
    }

    ctx->id = id;
    ctx->actor = id;

    return carmen_oauth_client_find(cr, &id, registration_client, ctx);
}


static void
registration_client(carmen_request_t *cr, json_t *client, void *data)
{
    register_ctx_t  *ctx = data;

    ngx_str_t            token, hash, stored;
    ngx_pool_t          *pool;
    ngx_table_elt_t     *h;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);
    pool = r->pool;
    h = r->headers_in.authorization;
    stored = carmen_oauth_text(client, "registration_hash");

    if (h == NULL || h->value.len < 8
        || ngx_strncasecmp(h->value.data, (u_char *) "Bearer ", 7) != 0
        || stored.data == NULL)
    {
        goto refuse;
    }

    token.data = h->value.data + 7;
    token.len = h->value.len - 7;

    if (carmen_auth_hash(pool, &token, &hash) != NGX_OK
        || stored.len != hash.len
        || CRYPTO_memcmp(stored.data, hash.data, hash.len) != 0)
    {
        goto refuse;
    }

    if (r->method == NGX_HTTP_PUT) {
        ctx->asked = register_body(cr);

        if (register_had(pool, client, ctx) != NGX_OK) {
            carmen_oauth_run(cr, NGX_ERROR);
            return;
        }

        if (ctx->asked && register_check(cr, ctx) == NGX_OK) {
            carmen_oauth_run(cr, register_save(cr, ctx));
        }

        return;
    }

    if (r->method == NGX_HTTP_DELETE) {
        carmen_pair_t  values[] = {
            { "client", ctx->id },
            { NULL, ngx_null_string }
        };

        carmen_oauth_run(cr, carmen_query(cr, &auth_oauth_client_delete,
                                          values, registration_deleted,
                                          NULL));
        return;
    }

    ctx->token = carmen_oauth_copy(pool, token);
    register_reply(cr, NGX_HTTP_OK, client, ctx, &ctx->id, 0);
    return;

refuse:

    carmen_oauth_refuse(cr, NGX_HTTP_UNAUTHORIZED, "invalid_token",
                        "The registration access token is not valid.");
}


static ngx_int_t
register_had(ngx_pool_t *pool, json_t *client, register_ctx_t *ctx)
{
    size_t   i, n;
    u_char  *p;
    json_t  *scope;

    ngx_str_null(&ctx->allowed);

    if (!carmen_oauth_has(client, "grants", "client_credentials")) {
        return NGX_OK;
    }

    n = 1;

    json_array_foreach(json_object_get(client, "scopes"), i, scope) {
        n += json_string_length(scope) + 1;
    }

    p = ngx_pnalloc(pool, n);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->allowed.data = p;

    json_array_foreach(json_object_get(client, "scopes"), i, scope) {
        p = ngx_cpymem(p, json_string_value(scope),
                       json_string_length(scope));
        *p++ = ' ';
    }

    ctx->allowed.len = p - ctx->allowed.data;

    return NGX_OK;
}


static void
registration_deleted(carmen_request_t *cr, carmen_result_t *result,
    void *data)
{
    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    if (carmen_oauth_header(carmen_request_http(cr), "Cache-Control",
                            "no-store")
        != NGX_OK)
    {
        carmen_oauth_run(cr, NGX_ERROR);
        return;
    }

    carmen_reply_text(cr, NGX_HTTP_NO_CONTENT, "application/json", NULL);
}


/* RFC 7591 section 3.2.1 */

static void
register_reply(carmen_request_t *cr, ngx_uint_t status, json_t *columns,
    register_ctx_t *ctx, ngx_str_t *id, time_t issued)
{
    size_t       i, n;
    json_t      *body, *list, *value;
    ngx_str_t    url, scope;
    u_char      *p;
    ngx_pool_t  *pool;

    static const char *const  names[][2] = {
        { "name", "client_name" },
        { "auth_method", "token_endpoint_auth_method" },
        { "grants", "grant_types" },
        { "redirect_uris", "redirect_uris" },
        { "logout_uris", "post_logout_redirect_uris" },
        { "backchannel_uri", "backchannel_logout_uri" },
        { "jwks", "jwks" },
        { "tls_subject", "tls_client_auth_subject_dn" },
        { "dpop_bound", "dpop_bound_access_tokens" },
        { "tls_bound", "tls_client_certificate_bound_access_tokens" },
        { "par_required", "require_pushed_authorization_requests" },
    };

    pool = carmen_request_http(cr)->pool;
    body = json_deep_copy(json_object_get(columns, "metadata"));
    list = json_object_get(columns, "scopes");
    n = 1;

    json_array_foreach(list, i, value) {
        n += json_string_length(value) + 1;
    }

    scope.data = p = ngx_pnalloc(pool, n);
    url = carmen_oauth_url(cr, "/oauth/register/");

    if (body == NULL || p == NULL || url.data == NULL) {
        goto failed;
    }

    json_array_foreach(list, i, value) {
        if (i) {
            *p++ = ' ';
        }

        p = ngx_cpymem(p, json_string_value(value),
                       json_string_length(value));
    }

    scope.len = p - scope.data;

    if (json_object_set_new(body, "client_id",
                            json_stringn((char *) id->data, id->len)) != 0
        || json_object_set_new(body, "scope",
                               json_stringn((char *) scope.data, scope.len))
           != 0
        || json_object_set_new(body, "response_types",
               carmen_oauth_has(columns, "grants", "authorization_code")
               ? json_pack("[s]", "code") : json_array())
           != 0
        || json_object_set_new(body, "registration_access_token",
                               json_string((char *) ctx->token.data)) != 0
        || json_object_set_new(body, "registration_client_uri",
                               json_sprintf("%s%.*s", url.data,
                                            (int) id->len, id->data))
           != 0)
    {
        goto failed;
    }

    if (issued
        && json_object_set_new(body, "client_id_issued_at",
                               json_integer(issued)) != 0)
    {
        goto failed;
    }

    if (ctx->secret.data
        && (json_object_set_new(body, "client_secret",
                                json_string((char *) ctx->secret.data)) != 0
            || json_object_set_new(body, "client_secret_expires_at",
                                   json_integer(0)) != 0))
    {
        goto failed;
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        value = json_object_get(columns, names[i][0]);

        if (value && !json_is_null(value)
            && json_object_set(body, names[i][1], value) != 0)
        {
            goto failed;
        }
    }

    carmen_oauth_reply(cr, status, body);
    return;

failed:

    json_decref(body);
    carmen_oauth_run(cr, NGX_ERROR);
}
