
/*
 * What becomes of tokens: introspection (RFC 7662), revocation (RFC 7009) and
 * the userinfo endpoint (OpenID Connect Core section 5.3).
 */

#include "carmen_oauth_parts.h"
#include "auth_statements.h"


typedef struct {
    json_t                   *form;
    json_t                   *answer;
} inspect_ctx_t;


static void introspect_client(carmen_request_t *cr, json_t *client,
    void *data);
static ngx_int_t introspect_access(carmen_request_t *cr,
    inspect_ctx_t *ctx, ngx_str_t *token);
static ngx_int_t introspect_refresh(carmen_request_t *cr, json_t *client,
    inspect_ctx_t *ctx, ngx_str_t *token);
static void introspect_open(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void introspect_row(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void introspect_reply(carmen_request_t *cr, json_t *answer);
static void revoke_client(carmen_request_t *cr, json_t *client, void *data);
static void revoke_done(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static ngx_int_t inspect_jwt(carmen_request_t *cr, ngx_str_t *token,
    carmen_jwt_t *jwt);
static void userinfo_done(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static ngx_int_t userinfo_refuse(carmen_request_t *cr, ngx_uint_t status,
    const char *error);


ngx_int_t
carmen_oauth_introspect(carmen_request_t *cr)
{
    inspect_ctx_t  *ctx;

    ctx = ngx_pcalloc(carmen_request_http(cr)->pool, sizeof(inspect_ctx_t));
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->form = carmen_oauth_post(cr);

    return ctx->form ? carmen_oauth_client(cr, ctx->form, introspect_client,
                                           ctx)
                     : NGX_DONE;
}


static void
introspect_client(carmen_request_t *cr, json_t *client, void *data)
{
    inspect_ctx_t  *ctx = data;

    ngx_int_t  rc;
    ngx_str_t  token, method;

    method = carmen_oauth_text(client, "auth_method");
    token = carmen_oauth_param(ctx->form, "token");

    if (ngx_strcmp(method.data, "none") == 0) {
        carmen_oauth_refuse(cr, NGX_HTTP_UNAUTHORIZED, "invalid_client",
                            "Only a client that can prove who it is may "
                            "look into tokens.");
        return;
    }

    if (token.data == NULL) {
        carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST, "invalid_request",
                            "The parameter token is missing.");
        return;
    }

    rc = introspect_access(cr, ctx, &token);

    if (rc == NGX_DECLINED) {
        rc = introspect_refresh(cr, client, ctx, &token);
    }

    if (rc == NGX_DECLINED) {
        introspect_reply(cr, NULL);
        return;
    }

    carmen_oauth_run(cr, rc);
}


static ngx_int_t
introspect_access(carmen_request_t *cr, inspect_ctx_t *ctx, ngx_str_t *token)
{
    size_t         i;
    ngx_int_t      rc;
    json_t        *answer, *claim;
    ngx_pool_t    *pool;
    carmen_jwt_t   jwt;

    static const char *const  names[] = {
        "iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id",
        "scope", "sid", "cnf", "acr", "amr", "auth_time", "roles", NULL
    };

    if (inspect_jwt(cr, token, &jwt) != NGX_OK) {
        return NGX_DECLINED;
    }

    pool = carmen_request_http(cr)->pool;

    answer = carmen_json_keep(pool, json_pack("{s:b, s:s}", "active", 1,
                              "token_type", jwt.jkt.len ? "DPoP" : "Bearer"));
    rc = answer ? NGX_OK : NGX_ERROR;

    for (i = 0; names[i] && rc == NGX_OK; i++) {
        claim = json_object_get(jwt.claims, names[i]);

        if (claim && json_object_set(answer, names[i], claim) != 0) {
            rc = NGX_ERROR;
        }
    }

    ctx->answer = answer;

    if (rc == NGX_OK && jwt.session.len == 0) {
        introspect_reply(cr, answer);
        rc = NGX_DONE;

    } else if (rc == NGX_OK) {
        carmen_pair_t  values[] = {
            { "session", carmen_oauth_copy(pool, jwt.session) },
            { "subject", carmen_oauth_copy(pool, jwt.subject) },
            { NULL, ngx_null_string }
        };

        rc = carmen_query(cr, &auth_oauth_session_open, values,
                          introspect_open, ctx);
    }

    carmen_jwt_release(&jwt);

    return rc;
}


/* one of ours, of this tenant, and good */

static ngx_int_t
inspect_jwt(carmen_request_t *cr, ngx_str_t *token, carmen_jwt_t *jwt)
{
    ngx_str_t            tenant;
    const char          *why;
    carmen_auth_conf_t  *acf;

    acf = carmen_oauth_conf(cr);
    tenant = carmen_request_tenant(cr);

    if (acf->verifier == NULL
        || carmen_jwt_verify(acf->verifier, token->data, token->len,
                             ngx_time(), jwt, &why)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (jwt->tenant.len != tenant.len
        || ngx_memcmp(jwt->tenant.data, tenant.data, tenant.len) != 0)
    {
        carmen_jwt_release(jwt);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
introspect_open(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    inspect_ctx_t  *ctx = data;

    ngx_str_t  open;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    open = carmen_result_value(result, 0, "open");

    introspect_reply(cr, open.data && open.data[0] == 't' ? ctx->answer
                                                          : NULL);
}


static ngx_int_t
introspect_refresh(carmen_request_t *cr, json_t *client, inspect_ctx_t *ctx,
    ngx_str_t *token)
{
    ngx_int_t   rc;
    ngx_str_t   tenant, hash;

    rc = carmen_refresh_parse(carmen_request_http(cr)->pool, token, &tenant,
                              &hash);
    if (rc != NGX_OK) {
        return rc;
    }

    carmen_pair_t  values[] = {
        { "hash", hash },
        { "client", carmen_oauth_text(client, "client_id") },
        { NULL, ngx_null_string }
    };

    return carmen_query(cr, &auth_oauth_refresh_look, values, introspect_row,
                        client);
}


static void
introspect_row(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    json_t  *client = data;

    json_t     *answer;
    ngx_str_t   sub, sid, scope, iat, exp;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    sub = carmen_result_value(result, 0, "sub");

    if (sub.data == NULL) {
        introspect_reply(cr, NULL);
        return;
    }

    sid = carmen_result_value(result, 0, "sid");
    scope = carmen_result_value(result, 0, "scope");
    iat = carmen_result_value(result, 0, "iat");
    exp = carmen_result_value(result, 0, "exp");

    answer = carmen_json_keep(carmen_request_http(cr)->pool,
        json_pack("{s:b, s:s%, s:s%, s:s%, s:I, s:I, s:O, s:s%}",
                  "active", 1,
                  "sub", sub.data, sub.len,
                  "sid", sid.data, sid.len,
                  "scope", scope.data, scope.len,
                  "iat", (json_int_t) ngx_atotm(iat.data, iat.len),
                  "exp", (json_int_t) ngx_atotm(exp.data, exp.len),
                  "client_id", json_object_get(client, "client_id"),
                  "iss", carmen_oauth_conf(cr)->issuer.data,
                  carmen_oauth_conf(cr)->issuer.len));
    if (answer == NULL) {
        carmen_oauth_run(cr, NGX_ERROR);
        return;
    }

    introspect_reply(cr, answer);
}


/* of a token that is not good nothing more is told: RFC 7662 section 2.2 */

static void
introspect_reply(carmen_request_t *cr, json_t *answer)
{
    carmen_oauth_reply(cr, NGX_HTTP_OK, answer ? json_incref(answer)
                                        : json_pack("{s:b}", "active", 0));
}


ngx_int_t
carmen_oauth_revoke(carmen_request_t *cr)
{
    json_t  *form;

    form = carmen_oauth_post(cr);

    return form ? carmen_oauth_client(cr, form, revoke_client, form)
                : NGX_DONE;
}


static void
revoke_client(carmen_request_t *cr, json_t *client, void *data)
{
    json_t  *form = data;

    ngx_str_t      token, tenant, hash, session;
    ngx_pool_t    *pool;
    carmen_jwt_t   jwt;

    pool = carmen_request_http(cr)->pool;
    token = carmen_oauth_param(form, "token");
    ngx_str_null(&hash);
    ngx_str_null(&session);

    if (token.data == NULL) {
        carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST, "invalid_request",
                            "The parameter token is missing.");
        return;
    }

    if (inspect_jwt(cr, &token, &jwt) == NGX_OK) {
        session = carmen_oauth_copy(pool, jwt.session);
        carmen_jwt_release(&jwt);

    } else if (carmen_refresh_parse(pool, &token, &tenant, &hash) != NGX_OK) {
        /* section 2.2: an invalid token is as good as revoked */
        revoke_done(cr, NULL, NULL);
        return;
    }

    carmen_pair_t  values[] = {
        { "hash", hash },
        { "session", session },
        { "client", carmen_oauth_text(client, "client_id") },
        { NULL, ngx_null_string }
    };

    carmen_oauth_run(cr, carmen_query(cr, &auth_oauth_revoke, values,
                                      revoke_done, NULL));
}


static void
revoke_done(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    if (result && carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    carmen_oauth_reply(cr, NGX_HTTP_OK, json_object());
}


ngx_int_t
carmen_oauth_userinfo(carmen_request_t *cr)
{
    u_char             *p, *last;
    ngx_int_t           rc;
    ngx_str_t           scope;
    ngx_pool_t         *pool;
    carmen_identity_t  *identity;

    identity = carmen_identity(carmen_request_http(cr));
    pool = carmen_request_http(cr)->pool;

    if (identity == NULL) {
        return userinfo_refuse(cr, NGX_HTTP_UNAUTHORIZED, NULL);
    }

    scope = carmen_oauth_copy(pool, identity->scope);

    if (scope.data == NULL) {
        return NGX_ERROR;
    }

    for (p = scope.data; /* void */ ; p = last + 1) {
        last = ngx_strlchr(p, scope.data + scope.len, ' ');

        if ((last ? last : scope.data + scope.len) - p == 6
            && ngx_memcmp(p, "openid", 6) == 0)
        {
            break;
        }

        if (last == NULL) {
            return userinfo_refuse(cr, NGX_HTTP_FORBIDDEN,
                                   "insufficient_scope");
        }
    }

    if (identity->session.len == 0) {
        return userinfo_refuse(cr, NGX_HTTP_UNAUTHORIZED, "invalid_token");
    }

    carmen_pair_t  values[] = {
        { "user", carmen_oauth_copy(pool, identity->subject) },
        { "session", carmen_oauth_copy(pool, identity->session) },
        { "scope", scope },
        { NULL, ngx_null_string }
    };

    rc = carmen_query(cr, &auth_oauth_userinfo, values, userinfo_done, NULL);

    return rc == NGX_ERROR ? rc : NGX_DONE;
}


static void
userinfo_done(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    json_t     *claims;
    ngx_str_t   text;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    text = carmen_result_value(result, 0, "claims");

    if (text.data == NULL) {
        carmen_oauth_run(cr, userinfo_refuse(cr, NGX_HTTP_UNAUTHORIZED,
                                             "invalid_token"));
        return;
    }

    claims = json_loadb((char *) text.data, text.len, 0, NULL);

    carmen_oauth_reply(cr, NGX_HTTP_OK, claims);
}


/* RFC 6750 section 3 */

static ngx_int_t
userinfo_refuse(carmen_request_t *cr, ngx_uint_t status, const char *error)
{
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);

    if (carmen_oauth_header(r, "WWW-Authenticate",
                            error == NULL ? "Bearer realm=\"carmen\""
                            : status == NGX_HTTP_FORBIDDEN
                            ? "Bearer realm=\"carmen\", "
                              "error=\"insufficient_scope\", "
                              "scope=\"openid\""
                            : "Bearer realm=\"carmen\", "
                              "error=\"invalid_token\"")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    carmen_oauth_reply(cr, status, json_pack("{s:s}", "error",
                                             error ? error
                                                   : "invalid_token"));
    return NGX_DONE;
}
