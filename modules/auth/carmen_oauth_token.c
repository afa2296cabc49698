
/* The token endpoint: RFC 6749 section 3.2, RFC 7636, RFC 8628, RFC 9449. */

#include "carmen_oauth_parts.h"
#include "carmen_base64url.h"
#include "auth_statements.h"


typedef struct {
    json_t                   *form;
    json_t                   *client;
    ngx_str_t                 id;
    ngx_str_t                 jkt;
    ngx_str_t                 x5t;
    ngx_str_t                 refresh;
    ngx_str_t                 hash;          /* of refresh */
    ngx_str_t                 nonce;
} token_ctx_t;


typedef ngx_int_t (*token_grant_pt)(carmen_request_t *cr, token_ctx_t *ctx);


static void token_client(carmen_request_t *cr, json_t *client, void *data);
static ngx_int_t token_code(carmen_request_t *cr, token_ctx_t *ctx);
static ngx_int_t token_refresh(carmen_request_t *cr, token_ctx_t *ctx);
static ngx_int_t token_device(carmen_request_t *cr, token_ctx_t *ctx);
static ngx_int_t token_credentials(carmen_request_t *cr, token_ctx_t *ctx);
static ngx_int_t token_challenge(ngx_pool_t *pool, ngx_str_t *verifier,
    ngx_str_t *challenge);
static ngx_int_t token_agent(ngx_http_request_t *r, ngx_str_t *agent);
static void token_done(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void token_refuse(carmen_request_t *cr, ngx_str_t *outcome);
static void token_reply(carmen_request_t *cr, token_ctx_t *ctx,
    carmen_grant_t *grant, ngx_uint_t refresh);
static json_t *token_id(carmen_request_t *cr, token_ctx_t *ctx,
    carmen_grant_t *grant, ngx_str_t *access);
static json_t *token_half(carmen_auth_conf_t *acf, ngx_str_t *access);
static ngx_uint_t token_word(ngx_str_t *list, const char *word);


static const struct {
    const char      *name;
    token_grant_pt   run;
} token_grants[] = {
    { "authorization_code", token_code },
    { "refresh_token",      token_refresh },
    { "client_credentials", token_credentials },
    { CARMEN_OAUTH_DEVICE,  token_device },
};


ngx_int_t
carmen_oauth_token(carmen_request_t *cr)
{
    token_ctx_t  *ctx;

    ctx = ngx_pcalloc(carmen_request_http(cr)->pool, sizeof(token_ctx_t));
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->form = carmen_oauth_post(cr);

    if (ctx->form == NULL) {
        return NGX_DONE;
    }

    return carmen_oauth_client(cr, ctx->form, token_client, ctx);
}


static void
token_client(carmen_request_t *cr, json_t *client, void *data)
{
    token_ctx_t  *ctx = data;

    ngx_str_t    grant;
    ngx_uint_t   i, n;

    ctx->client = client;
    ctx->id = carmen_oauth_text(client, "client_id");

    grant = carmen_oauth_param(ctx->form, "grant_type");
    n = sizeof(token_grants) / sizeof(token_grants[0]);

    for (i = 0; grant.data && i < n; i++) {
        if (ngx_strcmp(grant.data, token_grants[i].name) == 0) {
            break;
        }
    }

    if (grant.data == NULL) {
        carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST, "invalid_request",
                            "The parameter grant_type is missing.");
        return;
    }

    if (i == n) {
        carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST,
                            "unsupported_grant_type",
                            "This grant type is not supported.");
        return;
    }

    if (!carmen_oauth_has(client, "grants", token_grants[i].name)) {
        carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST, "unauthorized_client",
                            "The client is not registered for this grant "
                            "type.");
        return;
    }

    if (carmen_oauth_bind(cr, client, &ctx->jkt, &ctx->x5t) != NGX_OK) {
        return;
    }

    carmen_oauth_run(cr, token_grants[i].run(cr, ctx));
}


static ngx_int_t
token_code(carmen_request_t *cr, token_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_str_t            code, verifier, hash, challenge, tenant;
    ngx_pool_t          *pool;
    carmen_auth_conf_t  *acf;

    pool = carmen_request_http(cr)->pool;
    acf = carmen_oauth_conf(cr);
    code = carmen_oauth_param(ctx->form, "code");
    verifier = carmen_oauth_param(ctx->form, "code_verifier");
    tenant = carmen_request_tenant(cr);

    if (code.data == NULL) {
        carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST, "invalid_request",
                            "The parameter code is missing.");
        return NGX_DONE;
    }

    /* a missing or malformed verifier fits nothing, and spends the code */

    ngx_str_set(&challenge, "");

    if (verifier.data) {
        rc = token_challenge(pool, &verifier, &challenge);

        if (rc == NGX_ERROR) {
            return rc;
        }
    }

    if (carmen_auth_hash(pool, &code, &hash) != NGX_OK
        || carmen_refresh_create(pool, &tenant, &ctx->refresh, &ctx->hash)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    carmen_pair_t  values[] = {
        { "hash", hash },
        { "client", ctx->id },
        { "redirect_uri", carmen_oauth_param(ctx->form, "redirect_uri") },
        { "challenge", challenge },
        { "jkt", ctx->jkt },
        { "x5t", ctx->x5t },
        { "refresh", ctx->hash },
        { "lifetime", carmen_oauth_number(pool, acf->refresh_lifetime) },
        { "address", carmen_request_http(cr)->connection->addr_text },
        { NULL, ngx_null_string }
    };

    return carmen_query(cr, &auth_oauth_code_redeem, values, token_done, ctx);
}


/* RFC 7636 sections 4.1, 4.2: S256 */

static ngx_int_t
token_challenge(ngx_pool_t *pool, ngx_str_t *verifier, ngx_str_t *challenge)
{
    u_char   c, md[32];
    size_t   i;

    if (verifier->len < 43 || verifier->len > 128) {
        return NGX_DECLINED;
    }

    for (i = 0; i < verifier->len; i++) {
        c = verifier->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'
              || c == '~'))
        {
            return NGX_DECLINED;
        }
    }

    challenge->len = carmen_base64url_len(sizeof(md));
    challenge->data = ngx_pnalloc(pool, challenge->len);

    if (challenge->data == NULL
        || EVP_Digest(verifier->data, verifier->len, md, NULL, EVP_sha256(),
                      NULL)
           != 1)
    {
        return NGX_ERROR;
    }

    (void) carmen_base64url_encode(challenge->data, md, sizeof(md));

    return NGX_OK;
}


static ngx_int_t
token_refresh(carmen_request_t *cr, token_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_str_t            token, tenant, hash, agent, own;
    ngx_pool_t          *pool;
    carmen_auth_conf_t  *acf;

    pool = carmen_request_http(cr)->pool;
    acf = carmen_oauth_conf(cr);
    own = carmen_request_tenant(cr);
    token = carmen_oauth_param(ctx->form, "refresh_token");

    if (token.data == NULL) {
        carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST, "invalid_request",
                            "The parameter refresh_token is missing.");
        return NGX_DONE;
    }

    rc = carmen_refresh_parse(pool, &token, &tenant, &hash);

    if (rc == NGX_OK && (tenant.len != own.len
                         || ngx_memcmp(tenant.data, own.data, own.len) != 0))
    {
        rc = NGX_DECLINED;
    }

    if (rc == NGX_DECLINED) {
        token_refuse(cr, NULL);
        return NGX_DONE;
    }

    if (rc != NGX_OK
        || token_agent(carmen_request_http(cr), &agent) != NGX_OK
        || carmen_refresh_create(pool, &own, &ctx->refresh, &ctx->hash)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    carmen_pair_t  values[] = {
        { "hash", hash },
        { "refresh", ctx->hash },
        { "client", ctx->id },
        { "agent", agent },
        { "grace", carmen_oauth_number(pool, acf->refresh_grace) },
        { "scope", carmen_oauth_param(ctx->form, "scope") },
        { "jkt", ctx->jkt },
        { "x5t", ctx->x5t },
        { NULL, ngx_null_string }
    };

    return carmen_query(cr, &auth_oauth_refresh, values, token_done, ctx);
}


/* what of the client a repeated refresh must share: see auth:sessions */

static ngx_int_t
token_agent(ngx_http_request_t *r, ngx_str_t *agent)
{
    ngx_str_t  name;

    ngx_str_set(&name, "");

    if (r->headers_in.user_agent) {
        name = r->headers_in.user_agent->value;
    }

    return carmen_auth_hash(r->pool, &name, agent);
}


static ngx_int_t
token_device(carmen_request_t *cr, token_ctx_t *ctx)
{
    ngx_str_t            code, hash, tenant;
    ngx_pool_t          *pool;
    carmen_auth_conf_t  *acf;

    pool = carmen_request_http(cr)->pool;
    acf = carmen_oauth_conf(cr);
    tenant = carmen_request_tenant(cr);
    code = carmen_oauth_param(ctx->form, "device_code");

    if (code.data == NULL) {
        carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST, "invalid_request",
                            "The parameter device_code is missing.");
        return NGX_DONE;
    }

    if (carmen_auth_hash(pool, &code, &hash) != NGX_OK
        || carmen_refresh_create(pool, &tenant, &ctx->refresh, &ctx->hash)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    carmen_pair_t  values[] = {
        { "hash", hash },
        { "client", ctx->id },
        { "jkt", ctx->jkt },
        { "x5t", ctx->x5t },
        { "refresh", ctx->hash },
        { "lifetime", carmen_oauth_number(pool, acf->refresh_lifetime) },
        { "address", carmen_request_http(cr)->connection->addr_text },
        { NULL, ngx_null_string }
    };

    return carmen_query(cr, &auth_oauth_device_redeem, values, token_done,
                        ctx);
}


/* a program for itself: no session, no refresh token, no ID token */

static ngx_int_t
token_credentials(carmen_request_t *cr, token_ctx_t *ctx)
{
    size_t           i;
    json_t          *item;
    u_char          *p;
    ngx_str_t        asked, scope;
    ngx_pool_t      *pool;
    carmen_grant_t   grant;

    pool = carmen_request_http(cr)->pool;
    asked = carmen_oauth_param(ctx->form, "scope");

    if (asked.data) {
        scope = carmen_oauth_narrow(pool, ctx->client, &asked);

    } else {
        scope.len = 0;

        json_array_foreach(json_object_get(ctx->client, "scopes"), i, item) {
            scope.len += json_string_length(item) + 1;
        }

        scope.data = p = ngx_pnalloc(pool, scope.len + 1);

        if (p) {
            json_array_foreach(json_object_get(ctx->client, "scopes"), i,
                               item)
            {
                p = ngx_cpymem(p, json_string_value(item),
                               json_string_length(item));
                *p++ = ' ';
            }

            scope.len = scope.len ? scope.len - 1 : 0;
        }
    }

    if (scope.data == NULL) {
        return NGX_ERROR;
    }

    if (scope.len == 0) {
        carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST, "invalid_scope",
                            "The client may have none of these scopes.");
        return NGX_DONE;
    }

    ngx_memzero(&grant, sizeof(carmen_grant_t));

    grant.tenant = carmen_request_tenant(cr);
    grant.subject = ctx->id;
    grant.client = ctx->id;
    grant.scope = scope;
    grant.lifetime = carmen_oauth_conf(cr)->token_lifetime;
    ngx_str_set(&grant.roles, "[]");

    token_reply(cr, ctx, &grant, 0);

    return NGX_DONE;
}


static void
token_done(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    token_ctx_t  *ctx = data;

    time_t               left;
    ngx_str_t            outcome, text;
    carmen_grant_t       grant;
    carmen_auth_conf_t  *acf;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    acf = carmen_oauth_conf(cr);
    ngx_memzero(&grant, sizeof(carmen_grant_t));

    grant.subject = carmen_result_value(result, 0, "user_id");
    outcome = carmen_result_value(result, 0, "outcome");

    if (grant.subject.data == NULL) {
        token_refuse(cr, &outcome);
        return;
    }

    text = carmen_result_value(result, 0, "expires_in");
    left = ngx_atotm(text.data, text.len);

    grant.tenant = carmen_request_tenant(cr);
    grant.client = ctx->id;
    grant.session = carmen_result_value(result, 0, "session_id");
    grant.scope = carmen_result_value(result, 0, "scope");
    grant.roles = carmen_result_value(result, 0, "roles");
    grant.acr = carmen_result_value(result, 0, "acr");
    grant.amr = carmen_result_value(result, 0, "amr");
    grant.lifetime = left < 1 ? 1 : ngx_min(acf->token_lifetime, left);

    text = carmen_result_value(result, 0, "auth_time");

    if (text.data) {
        grant.auth_time = ngx_atotm(text.data, text.len);
    }

    ctx->nonce = carmen_result_value(result, 0, "nonce");

    text = carmen_result_value(result, 0, "refresh");

    token_reply(cr, ctx, &grant, text.data && text.data[0] == 't');
}


static void
token_refuse(carmen_request_t *cr, ngx_str_t *outcome)
{
    ngx_uint_t  i;

    static const struct {
        const char  *outcome, *error, *description;
    } refusals[] = {
        { "waiting", "authorization_pending", "Nobody has decided yet." },
        { "slow", "slow_down", "Ask less often: five seconds later." },
        { "late", "expired_token", "The device code has expired." },
        { "denied", "access_denied", "The request was denied." },
        { "scope", "invalid_scope", "More than was granted is asked for." },
        { NULL, "invalid_grant", "It is not valid: unknown, expired, used "
          "before, or not this client's." }
    };

    for (i = 0; refusals[i].outcome; i++) {
        if (outcome && outcome->data
            && ngx_strcmp(outcome->data, refusals[i].outcome) == 0)
        {
            break;
        }
    }

    if (outcome && outcome->data) {
        ngx_log_error(NGX_LOG_INFO,
                      carmen_request_http(cr)->connection->log, 0,
                      "carmen: grant refused: %V", outcome);
    }

    carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST, refusals[i].error,
                        refusals[i].description);
}


static void
token_reply(carmen_request_t *cr, token_ctx_t *ctx, carmen_grant_t *grant,
    ngx_uint_t refresh)
{
    json_t              *body, *id;
    ngx_str_t            access;
    carmen_auth_conf_t  *acf;

    acf = carmen_oauth_conf(cr);
    grant->jkt = ctx->jkt;
    grant->x5t = ctx->x5t;

    if (carmen_auth_issue(carmen_request_http(cr)->pool, acf, grant, &access)
        != NGX_OK)
    {
        carmen_oauth_run(cr, NGX_ERROR);
        return;
    }

    body = json_pack("{s:s%, s:s, s:I, s:s%}",
                     "access_token", access.data, access.len,
                     "token_type", ctx->jkt.len ? "DPoP" : "Bearer",
                     "expires_in", (json_int_t) grant->lifetime,
                     "scope", grant->scope.data, grant->scope.len);

    if (body && refresh
        && json_object_set_new(body, "refresh_token",
                               json_stringn((char *) ctx->refresh.data,
                                            ctx->refresh.len))
           != 0)
    {
        goto failed;
    }

    if (body && grant->session.len && token_word(&grant->scope, "openid")) {
        id = token_id(cr, ctx, grant, &access);

        if (id == NULL || json_object_set_new(body, "id_token", id) != 0) {
            goto failed;
        }
    }

    carmen_oauth_reply(cr, NGX_HTTP_OK, body);
    return;

failed:

    json_decref(body);
    carmen_oauth_run(cr, NGX_ERROR);
}


/* OpenID Connect Core section 2 */

static json_t *
token_id(carmen_request_t *cr, token_ctx_t *ctx, carmen_grant_t *grant,
    ngx_str_t *access)
{
    json_t              *claims;
    time_t               now;
    ngx_int_t            rc;
    ngx_str_t            token;
    carmen_auth_conf_t  *acf;

    acf = carmen_oauth_conf(cr);
    now = ngx_time();

    claims = json_pack("{s:s%, s:s%, s:s%, s:I, s:I, s:s%, s:s%, s:o}",
                       "iss", acf->issuer.data, acf->issuer.len,
                       "sub", grant->subject.data, grant->subject.len,
                       "aud", grant->client.data, grant->client.len,
                       "iat", (json_int_t) now,
                       "exp", (json_int_t) (now + grant->lifetime),
                       "sid", grant->session.data, grant->session.len,
                       "tenant", grant->tenant.data, grant->tenant.len,
                       "at_hash", token_half(acf, access));
    if (claims == NULL) {
        return NULL;
    }

    if ((ctx->nonce.data
         && json_object_set_new(claims, "nonce",
                                json_stringn((char *) ctx->nonce.data,
                                             ctx->nonce.len))
            != 0)
        || (grant->auth_time
            && json_object_set_new(claims, "auth_time",
                                   json_integer(grant->auth_time)) != 0)
        || (grant->acr.len
            && json_object_set_new(claims, "acr",
                                   json_stringn((char *) grant->acr.data,
                                                grant->acr.len)) != 0)
        || (grant->amr.len
            && json_object_set_new(claims, "amr",
                                   json_loadb((char *) grant->amr.data,
                                              grant->amr.len, 0, NULL))
               != 0))
    {
        json_decref(claims);
        return NULL;
    }

    rc = carmen_auth_sign(carmen_request_http(cr)->pool, acf, "JWT", claims,
                          &token);
    json_decref(claims);

    return rc == NGX_OK ? json_stringn((char *) token.data, token.len) : NULL;
}


/* at_hash: the left half of the digest that the algorithm uses */

static json_t *
token_half(carmen_auth_conf_t *acf, ngx_str_t *access)
{
    u_char         md[EVP_MAX_MD_SIZE];
    u_char         text[carmen_base64url_len(EVP_MAX_MD_SIZE)];
    unsigned int   len;
    carmen_jwk_t  *key;

    key = acf->signing->elts;

    if (EVP_Digest(access->data, access->len, md, &len,
                   key->alg == CARMEN_ALG_EDDSA ? EVP_sha512()
                                                : EVP_sha256(),
                   NULL)
        != 1)
    {
        return NULL;
    }

    (void) carmen_base64url_encode(text, md, len / 2);

    return json_stringn((char *) text, carmen_base64url_len(len / 2));
}


static ngx_uint_t
token_word(ngx_str_t *list, const char *word)
{
    u_char  *p, *last, *end;
    size_t   len;

    len = ngx_strlen(word);
    p = list->data;
    last = p + list->len;

    for ( /* void */ ; p < last; p = end + 1) {
        end = ngx_strlchr(p, last, ' ');

        if (end == NULL) {
            end = last;
        }

        if ((size_t) (end - p) == len && ngx_memcmp(p, word, len) == 0) {
            return 1;
        }
    }

    return 0;
}
