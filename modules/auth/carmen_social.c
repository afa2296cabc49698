
/*
 * Signing in at a provider: away with state, nonce and PKCE, and back with a
 * code (RFC 6749, 7636, 9207, 9700; OpenID Connect Core 1.0).
 *
 * Three things must come together on the way back: the state, kept by its
 * hash for ten minutes and one use; the cookie of the browser that left; and
 * the provider that the state was made for, which is in the path, so that the
 * answer of one provider is never taken to another.
 */

#include "carmen_auth.h"
#include "carmen_base64url.h"
#include "auth_statements.h"

#include <openssl/evp.h>


#define SOCIAL_COOKIE         "carmen-social"
#define SOCIAL_COOKIE_SECURE  "__Host-carmen-social"


typedef struct {
    carmen_social_t          *social;
    carmen_federation_conf_t *conf;
    ngx_str_t                 tenant;
    ngx_str_t                 state;
    ngx_str_t                 binding;       /* the cookie */
    ngx_str_t                 nonce;
    ngx_str_t                 verifier;
    ngx_str_t                 user;          /* to link; data NULL: sign in */
    ngx_str_t                 code;
    ngx_str_t                 iss;
    ngx_str_t                 error;
    ngx_str_t                 id_token;
    ngx_str_t                 access;        /* "Bearer ..." */
    json_t                   *claims;
    json_t                   *profile;
    carmen_person_t           person;
    unsigned                  link:1;
    unsigned                  refetched:1;
} social_ctx_t;


static social_ctx_t *social_open(carmen_request_t *cr);
static void social_close(void *data);
static ngx_int_t social_begin(carmen_request_t *cr, social_ctx_t *ctx);
static void social_leave(carmen_request_t *cr, ngx_int_t rc, void *data);
static void social_kept(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static ngx_str_t social_location(carmen_request_t *cr, social_ctx_t *ctx);
static ngx_str_t social_redirect_uri(ngx_pool_t *pool, social_ctx_t *ctx);
static ngx_int_t social_cookie_set(carmen_request_t *cr, social_ctx_t *ctx,
    ngx_uint_t age);
static void social_cookie_get(carmen_request_t *cr, social_ctx_t *ctx);
static void social_taken(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void social_exchange(carmen_request_t *cr, ngx_int_t rc, void *data);
static void social_exchanged(carmen_request_t *cr, carmen_fetch_t *f,
    void *data);
static void social_verify(carmen_request_t *cr, ngx_int_t rc, void *data);
static void social_get(carmen_request_t *cr, social_ctx_t *ctx,
    ngx_str_t *url, carmen_outbound_pt next);
static void social_userinfo(carmen_request_t *cr, carmen_fetch_t *f,
    void *data);
static void social_profile(carmen_request_t *cr, carmen_fetch_t *f,
    void *data);
static void social_emails(carmen_request_t *cr, carmen_fetch_t *f,
    void *data);
static void social_known(carmen_request_t *cr, social_ctx_t *ctx,
    ngx_int_t rc);
static void social_unavailable(carmen_request_t *cr);
static void social_broken(carmen_request_t *cr);


/* GET /auth/social/{provider}/start */

ngx_int_t
carmen_social_start(carmen_request_t *cr)
{
    social_ctx_t  *ctx;

    ctx = social_open(cr);
    if (ctx == NULL) {
        return NGX_DONE;
    }

    return social_begin(cr, ctx);
}


/* POST /users/me/social/{provider}: the same for one who is signed in */

ngx_int_t
carmen_social_link(carmen_request_t *cr)
{
    social_ctx_t       *ctx;
    carmen_identity_t  *identity;

    ctx = social_open(cr);
    if (ctx == NULL) {
        return NGX_DONE;
    }

    identity = carmen_identity(carmen_request_http(cr));

    if (identity->subject.len != 36) {
        carmen_problem_reply(cr, "not-found", NULL, NULL);
        return NGX_DONE;
    }

    ctx->user = carmen_social_copy(carmen_request_http(cr)->pool,
                                   identity->subject);
    ctx->link = 1;

    return social_begin(cr, ctx);
}


/* answers when it returns NULL */

static social_ctx_t *
social_open(carmen_request_t *cr)
{
    ngx_str_t            name;
    social_ctx_t        *ctx;
    ngx_http_request_t  *r;
    ngx_pool_cleanup_t  *cln;

    r = carmen_request_http(cr);
    name = carmen_request_path(cr, "provider");

    ctx = ngx_pcalloc(r->pool, sizeof(social_ctx_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (ctx == NULL || cln == NULL) {
        social_broken(cr);
        return NULL;
    }

    cln->handler = social_close;
    cln->data = ctx;

    ctx->conf = carmen_federation_conf(r);
    ctx->social = carmen_social_find(ctx->conf, &name);
    ctx->tenant = carmen_request_tenant(cr);

    if (ctx->social == NULL) {
        carmen_problem_reply(cr, "not-found", NULL, NULL);
        return NULL;
    }

    ctx->person.provider = ctx->social->name;
    social_cookie_get(cr, ctx);

    return ctx;
}


static void
social_close(void *data)
{
    social_ctx_t  *ctx = data;

    json_decref(ctx->claims);
    json_decref(ctx->profile);
}


static ngx_int_t
social_begin(carmen_request_t *cr, social_ctx_t *ctx)
{
    ngx_pool_t  *pool;

    pool = carmen_request_http(cr)->pool;

    ctx->state = carmen_social_random(pool);
    ctx->nonce = carmen_social_random(pool);
    ctx->verifier = carmen_social_random(pool);

    if (ctx->binding.data == NULL) {
        ctx->binding = carmen_social_random(pool);
    }

    if (ctx->state.data == NULL || ctx->nonce.data == NULL
        || ctx->verifier.data == NULL || ctx->binding.data == NULL)
    {
        return NGX_ERROR;
    }

    return carmen_discover(cr, ctx->social, social_leave, ctx);
}


static void
social_leave(carmen_request_t *cr, ngx_int_t rc, void *data)
{
    social_ctx_t  *ctx = data;

    ngx_pool_t  *pool;

    if (rc != NGX_OK) {
        social_unavailable(cr);
        return;
    }

    pool = carmen_request_http(cr)->pool;

    carmen_pair_t  values[] = {
        { "tenant", ctx->tenant },
        { "state", carmen_social_hash(pool, &ctx->state) },
        { "provider", ctx->social->name },
        { "binding", carmen_social_hash(pool, &ctx->binding) },
        { "nonce", ctx->nonce },
        { "verifier", ctx->verifier },
        { "user", ctx->user },
        { NULL, ngx_null_string }
    };

    if (carmen_query(cr, &auth_social_begin, values, social_kept, ctx)
        == NGX_ERROR)
    {
        social_broken(cr);
    }
}


static void
social_kept(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    social_ctx_t  *ctx = data;

    ngx_str_t            location, body;
    ngx_http_request_t  *r;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    r = carmen_request_http(cr);
    location = social_location(cr, ctx);

    if (location.data == NULL || social_cookie_set(cr, ctx, 600) != NGX_OK) {
        social_broken(cr);
        return;
    }

    /* nothing in it that JSON would escape: see social_location() */

    body.data = ngx_pnalloc(r->pool, location.len + sizeof("{\"url\":\"\"}"));
    if (body.data == NULL) {
        social_broken(cr);
        return;
    }

    body.len = ngx_sprintf(body.data, "{\"url\":\"%V\"}", &location)
               - body.data;

    if (ctx->link) {
        carmen_reply_json(cr, NGX_HTTP_OK, &body, NULL, NULL);
        return;
    }

    if (carmen_social_header(r, "Location", &location) != NGX_OK) {
        social_broken(cr);
        return;
    }

    carmen_reply_json(cr, NGX_HTTP_MOVED_TEMPORARILY, &body, NULL, NULL);
}


/* the request to the provider's authorization endpoint */

static ngx_str_t
social_location(carmen_request_t *cr, social_ctx_t *ctx)
{
    u_char              *p, md[32], challenge[CARMEN_SOCIAL_TEXT];
    size_t               i;
    ngx_str_t            url, base, client, redirect, scope;
    ngx_pool_t          *pool;
    carmen_discovery_t  *known;

    ngx_str_null(&url);

    pool = carmen_request_http(cr)->pool;
    known = carmen_discovery(ctx->social);

    base = ctx->social->kind == CARMEN_SOCIAL_OIDC ? known->authorize
                                                   : ctx->social->authorize;

    /* a URL has none of these, and JSON and headers must not */

    for (i = 0; i < base.len; i++) {
        if (base.data[i] <= ' ' || base.data[i] >= 0x7f
            || base.data[i] == '"' || base.data[i] == '\\'
            || base.data[i] == '#')
        {
            return url;
        }
    }

    redirect = social_redirect_uri(pool, ctx);

    if (redirect.data == NULL
        || EVP_Digest(ctx->verifier.data, ctx->verifier.len, md, NULL,
                      EVP_sha256(), NULL)
           != 1)
    {
        return url;
    }

    (void) carmen_base64url_encode(challenge, md, sizeof(md));

    client = carmen_social_encode(pool, ctx->social->client);
    redirect = carmen_social_encode(pool, redirect);
    scope = carmen_social_encode(pool, ctx->social->scope);

    if (client.data == NULL || redirect.data == NULL || scope.data == NULL) {
        return url;
    }

    p = ngx_pnalloc(pool, base.len + client.len + redirect.len + scope.len
                          + 4 * CARMEN_SOCIAL_TEXT + 256);
    if (p == NULL) {
        return url;
    }

    url.data = p;

    p = ngx_sprintf(p, "%V%cresponse_type=code&client_id=%V&redirect_uri=%V"
                    "&scope=%V&state=%V&code_challenge=%*s"
                    "&code_challenge_method=S256", &base,
                    ngx_strlchr(base.data, base.data + base.len, '?') ? '&'
                                                                      : '?',
                    &client, &redirect, &scope, &ctx->state,
                    sizeof(challenge), challenge);

    if (ctx->social->kind == CARMEN_SOCIAL_OIDC) {
        p = ngx_sprintf(p, "&nonce=%V", &ctx->nonce);
    }

    url.len = p - url.data;

    return url;
}


static ngx_str_t
social_redirect_uri(ngx_pool_t *pool, social_ctx_t *ctx)
{
    ngx_str_t  uri;

    uri.len = 0;
    uri.data = ngx_pnalloc(pool, ctx->conf->redirect.len
                                 + ctx->social->name.len
                                 + sizeof("/auth/social//callback"));
    if (uri.data) {
        uri.len = ngx_sprintf(uri.data, "%V/auth/social/%V/callback",
                              &ctx->conf->redirect, &ctx->social->name)
                  - uri.data;
    }

    return uri;
}


/* GET /auth/social/{provider}/callback */

ngx_int_t
carmen_social_callback(carmen_request_t *cr)
{
    ngx_pool_t    *pool;
    social_ctx_t  *ctx;

    ctx = social_open(cr);
    if (ctx == NULL) {
        return NGX_DONE;
    }

    ctx->state = carmen_request_query(cr, "state");
    ctx->code = carmen_request_query(cr, "code");
    ctx->iss = carmen_request_query(cr, "iss");
    ctx->error = carmen_request_query(cr, "error");

    if (ctx->state.data == NULL || ctx->binding.data == NULL) {
        carmen_problem_reply(cr, "invalid-sign-in", NULL, NULL);
        return NGX_DONE;
    }

    pool = carmen_request_http(cr)->pool;

    carmen_pair_t  values[] = {
        { "tenant", ctx->tenant },
        { "state", carmen_social_hash(pool, &ctx->state) },
        { "provider", ctx->social->name },
        { "binding", carmen_social_hash(pool, &ctx->binding) },
        { NULL, ngx_null_string }
    };

    if (carmen_query(cr, &auth_social_take, values, social_taken, ctx)
        == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    return NGX_DONE;
}


static void
social_taken(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    social_ctx_t  *ctx = data;

    ngx_pool_t  *pool;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    if (carmen_result_rows(result) == 0) {
        carmen_problem_reply(cr, "invalid-sign-in", NULL, NULL);
        return;
    }

    pool = carmen_request_http(cr)->pool;

    ctx->nonce = carmen_social_copy(pool, carmen_result_value(result, 0,
                                                              "nonce"));
    ctx->verifier = carmen_social_copy(pool, carmen_result_value(result, 0,
                                                          "verifier"));
    ctx->user = carmen_social_copy(pool, carmen_result_value(result, 0,
                                                             "user_id"));
    ctx->link = ctx->user.len != 0;

    if (social_cookie_set(cr, ctx, 0) != NGX_OK) {
        social_broken(cr);
        return;
    }

    if (ctx->error.data || ctx->code.data == NULL) {
        carmen_problem_reply(cr, "sign-in-refused", NULL, NULL);
        return;
    }

    if (carmen_discover(cr, ctx->social, social_exchange, ctx) == NGX_ERROR) {
        social_broken(cr);
    }
}


/* RFC 6749 section 4.1.3, 2.3.1 */

static void
social_exchange(carmen_request_t *cr, ngx_int_t rc, void *data)
{
    social_ctx_t  *ctx = data;

    u_char              *p;
    size_t               len;
    ngx_str_t            url, code, redirect, client, secret, type, accept;
    ngx_str_t            plain, basic;
    ngx_pool_t          *pool;
    ngx_uint_t           post;
    carmen_fetch_t      *f;
    carmen_discovery_t  *known;

    if (rc != NGX_OK) {
        social_unavailable(cr);
        return;
    }

    pool = carmen_request_http(cr)->pool;
    known = carmen_discovery(ctx->social);

    post = 1;
    url = ctx->social->token;

    if (ctx->social->kind == CARMEN_SOCIAL_OIDC) {
        post = known->post || ctx->social->secret.len == 0;
        url = known->token;

        /* RFC 9207 section 2.4 */

        if ((ctx->iss.data == NULL && known->iss)
            || (ctx->iss.data
                && (ctx->iss.len != known->issuer.len
                    || ngx_memcmp(ctx->iss.data, known->issuer.data,
                                  ctx->iss.len)
                       != 0)))
        {
            carmen_problem_reply(cr, "invalid-sign-in", NULL, NULL);
            return;
        }
    }

    redirect = social_redirect_uri(pool, ctx);
    code = carmen_social_encode(pool, ctx->code);
    client = carmen_social_encode(pool, ctx->social->client);
    secret = carmen_social_encode(pool, ctx->social->secret);

    if (redirect.data == NULL || code.data == NULL || client.data == NULL
        || secret.data == NULL)
    {
        social_broken(cr);
        return;
    }

    redirect = carmen_social_encode(pool, redirect);
    f = carmen_outbound(cr, ctx->conf->policy, &url, social_exchanged, ctx);

    if (redirect.data == NULL || f == NULL) {
        social_broken(cr);
        return;
    }

    len = code.len + redirect.len + client.len + secret.len
          + ctx->verifier.len + 256;

    p = ngx_pnalloc(f->pool, len);
    if (p == NULL) {
        social_broken(cr);
        return;
    }

    ngx_str_set(&f->method, "POST");
    f->body.data = p;

    p = ngx_sprintf(p, "grant_type=authorization_code&code=%V&redirect_uri=%V"
                    "&client_id=%V&code_verifier=%V", &code, &redirect,
                    &client, &ctx->verifier);

    if (post && secret.len) {
        p = ngx_sprintf(p, "&client_secret=%V", &secret);
    }

    f->body.len = p - f->body.data;

    ngx_str_set(&type, "application/x-www-form-urlencoded");
    ngx_str_set(&accept, "application/json");

    if (!post) {
        plain.data = ngx_pnalloc(f->pool, client.len + secret.len + 1);
        basic.data = ngx_pnalloc(f->pool,
                         sizeof("Basic ")
                         + ngx_base64_encoded_length(client.len + secret.len
                                                     + 1));
        if (plain.data == NULL || basic.data == NULL) {
            social_broken(cr);
            return;
        }

        plain.len = ngx_sprintf(plain.data, "%V:%V", &client, &secret)
                    - plain.data;

        code.data = ngx_cpymem(basic.data, "Basic ", 6);
        ngx_encode_base64(&code, &plain);
        basic.len = 6 + code.len;

        if (carmen_fetch_header(f, "Authorization", &basic) != NGX_OK) {
            social_broken(cr);
            return;
        }
    }

    if (carmen_fetch_header(f, "Content-Type", &type) != NGX_OK
        || carmen_fetch_header(f, "Accept", &accept) != NGX_OK)
    {
        social_broken(cr);
        return;
    }

    carmen_fetch_start(f);
}


static void
social_exchanged(carmen_request_t *cr, carmen_fetch_t *f, void *data)
{
    social_ctx_t  *ctx = data;

    json_t            *doc;
    ngx_str_t          token;
    ngx_pool_t        *pool;
    carmen_key_set_t  *set;

    /* GitHub says 200 for a code that is wrong, others 400 or 401 */

    if (f->error == NULL && f->status >= 400 && f->status < 500) {
        carmen_problem_reply(cr, "sign-in-refused", NULL, NULL);
        return;
    }

    doc = carmen_outbound_json(cr, f, "the tokens");

    if (doc == NULL) {
        social_unavailable(cr);
        return;
    }

    pool = carmen_request_http(cr)->pool;

    ctx->id_token = carmen_json_text(pool, json_object_get(doc, "id_token"),
                                     16384);
    token = carmen_json_text(pool, json_object_get(doc, "access_token"),
                             8192);
    json_decref(doc);

    if (token.data == NULL) {
        carmen_problem_reply(cr, "sign-in-refused", NULL, NULL);
        return;
    }

    ctx->access.data = ngx_pnalloc(pool, token.len + sizeof("Bearer "));
    if (ctx->access.data == NULL) {
        social_broken(cr);
        return;
    }

    ctx->access.len = ngx_sprintf(ctx->access.data, "Bearer %V", &token)
                      - ctx->access.data;

    if (ctx->social->kind != CARMEN_SOCIAL_OIDC) {
        social_get(cr, ctx, &ctx->social->profile, social_profile);
        return;
    }

    if (ctx->id_token.data == NULL) {
        social_known(cr, ctx, NGX_DECLINED);
        return;
    }

    set = carmen_key_set(ctx->social);

    if (set && ngx_time() < set->expires) {
        social_verify(cr, NGX_OK, ctx);
        return;
    }

    ctx->refetched = 1;

    if (carmen_key_set_fetch(cr, ctx->social, social_verify, ctx)
        == NGX_ERROR)
    {
        social_broken(cr);
    }
}


static void
social_verify(carmen_request_t *cr, ngx_int_t rc, void *data)
{
    social_ctx_t  *ctx = data;

    const char          *why;
    carmen_key_set_t    *set;
    ngx_http_request_t  *r;
    carmen_discovery_t  *known;

    if (rc != NGX_OK) {
        social_unavailable(cr);
        return;
    }

    r = carmen_request_http(cr);
    set = carmen_key_set(ctx->social);
    known = carmen_discovery(ctx->social);

    rc = carmen_id_token_verify(set, &ctx->id_token, &ctx->social->issuer,
                                &ctx->social->client, &ctx->nonce,
                                ngx_time(), &ctx->claims, &why);

    /* a key that is new: the set is fetched again, but not for everyone */

    if (rc == NGX_AGAIN && !ctx->refetched
        && ngx_time() >= set->fetched + CARMEN_KEY_SET_PAUSE)
    {
        ctx->refetched = 1;

        if (carmen_key_set_fetch(cr, ctx->social, social_verify, ctx)
            == NGX_ERROR)
        {
            social_broken(cr);
        }

        return;
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "carmen: an ID token of \"%V\" is refused: %s",
                      &ctx->social->name, why);
        carmen_problem_reply(cr, "sign-in-refused", NULL, NULL);
        return;
    }

    /* OpenID Connect Core 5.4: with a code the claims are at userinfo */

    if (json_object_get(ctx->claims, "email") == NULL && known->userinfo.len)
    {
        social_get(cr, ctx, &known->userinfo, social_userinfo);
        return;
    }

    social_known(cr, ctx, carmen_profile_oidc(r->pool, ctx->claims,
                                              &ctx->person));
}


static void
social_get(carmen_request_t *cr, social_ctx_t *ctx, ngx_str_t *url,
    carmen_outbound_pt next)
{
    ngx_str_t        accept;
    carmen_fetch_t  *f;

    ngx_str_set(&accept, "application/json");

    f = carmen_outbound(cr, ctx->conf->policy, url, next, ctx);

    if (f == NULL
        || carmen_fetch_header(f, "Authorization", &ctx->access) != NGX_OK
        || carmen_fetch_header(f, "Accept", &accept) != NGX_OK)
    {
        social_broken(cr);
        return;
    }

    carmen_fetch_start(f);
}


/* OpenID Connect Core 5.3.2: of the same sub, or it says nothing */

static void
social_userinfo(carmen_request_t *cr, carmen_fetch_t *f, void *data)
{
    social_ctx_t  *ctx = data;

    json_t  *doc;

    doc = carmen_outbound_json(cr, f, "userinfo");

    if (doc == NULL) {
        social_unavailable(cr);
        return;
    }

    if (!json_equal(json_object_get(doc, "sub"),
                    json_object_get(ctx->claims, "sub")))
    {
        json_decref(doc);
        social_known(cr, ctx, NGX_DECLINED);
        return;
    }

    /* what was signed wins */

    (void) json_object_update_missing(ctx->claims, doc);
    json_decref(doc);

    social_known(cr, ctx, carmen_profile_oidc(carmen_request_http(cr)->pool,
                                              ctx->claims, &ctx->person));
}


static void
social_profile(carmen_request_t *cr, carmen_fetch_t *f, void *data)
{
    social_ctx_t  *ctx = data;

    ctx->profile = carmen_outbound_json(cr, f, "the profile");

    if (ctx->profile == NULL) {
        social_unavailable(cr);
        return;
    }

    if (ctx->social->kind == CARMEN_SOCIAL_GITHUB) {
        social_get(cr, ctx, &ctx->social->emails, social_emails);
        return;
    }

    social_known(cr, ctx,
                 carmen_profile_facebook(carmen_request_http(cr)->pool,
                                         ctx->profile, &ctx->person));
}


static void
social_emails(carmen_request_t *cr, carmen_fetch_t *f, void *data)
{
    social_ctx_t  *ctx = data;

    json_t     *emails;
    ngx_int_t   rc;

    emails = carmen_outbound_json(cr, f, "the addresses");

    if (emails == NULL) {
        social_unavailable(cr);
        return;
    }

    rc = carmen_profile_github(carmen_request_http(cr)->pool, ctx->profile,
                               emails, &ctx->person);
    json_decref(emails);

    social_known(cr, ctx, rc);
}


static void
social_known(carmen_request_t *cr, social_ctx_t *ctx, ngx_int_t rc)
{
    if (rc == NGX_OK) {
        rc = carmen_profile_roles(carmen_request_http(cr)->pool,
                                  &ctx->social->roles,
                                  ctx->claims ? ctx->claims : ctx->profile,
                                  &ctx->person);
    }

    if (rc == NGX_ERROR) {
        social_broken(cr);
        return;
    }

    if (rc != NGX_OK) {
        carmen_problem_reply(cr, "sign-in-refused", NULL, NULL);
        return;
    }

    if (!ctx->social->trusted) {
        ctx->person.verified = 0;
    }

    if (ctx->link) {
        carmen_federation_link(cr, &ctx->person, &ctx->user);

    } else {
        carmen_federation_login(cr, &ctx->person);
    }
}


static void
social_unavailable(carmen_request_t *cr)
{
    carmen_problem_reply(cr, "provider-unavailable", NULL, NULL);
}


static void
social_broken(carmen_request_t *cr)
{
    carmen_problem_reply(cr, "internal-error", NULL, NULL);
}


/* RFC 6265bis section 4.1.3.2; without TLS the prefix is not to be had */

static ngx_int_t
social_cookie_set(carmen_request_t *cr, social_ctx_t *ctx, ngx_uint_t age)
{
    ngx_str_t            value;
    ngx_uint_t           secure;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);
    secure = ngx_strncmp(ctx->conf->redirect.data, "https:", 6) == 0;

    value.data = ngx_pnalloc(r->pool, 256);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_snprintf(value.data, 256, "%s=%V; Path=/; Max-Age=%ui; "
                             "HttpOnly; SameSite=Lax%s",
                             secure ? SOCIAL_COOKIE_SECURE : SOCIAL_COOKIE,
                             &ctx->binding, age, secure ? "; Secure" : "")
                - value.data;

    return carmen_social_header(r, "Set-Cookie", &value);
}


/* only what carmen_carmen_social_random() makes is taken */

static void
social_cookie_get(carmen_request_t *cr, social_ctx_t *ctx)
{
    u_char               bytes[CARMEN_SOCIAL_SECRET];
    ngx_int_t            rc;
    ngx_str_t            name, value;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);

    if (ngx_strncmp(ctx->conf->redirect.data, "https:", 6) == 0) {
        ngx_str_set(&name, SOCIAL_COOKIE_SECURE);

    } else {
        ngx_str_set(&name, SOCIAL_COOKIE);
    }

#if (nginx_version >= 1023000)
    rc = ngx_http_parse_multi_header_lines(r, r->headers_in.cookie, &name,
                                           &value)
         ? NGX_OK : NGX_DECLINED;
#else
    rc = ngx_http_parse_multi_header_lines(&r->headers_in.cookies, &name,
                                           &value);
    rc = rc == NGX_DECLINED ? rc : NGX_OK;
#endif

    if (rc == NGX_OK && value.len == CARMEN_SOCIAL_TEXT
        && carmen_base64url_decode(bytes, value.data, value.len) == NGX_OK)
    {
        ctx->binding = value;
    }
}
