
/*
 * POST /auth/mfa and /auth/passkey: a factor is proved.  The challenge with
 * what it is checked against, the brakes, the arithmetic, the session.
 */

#include "carmen_mfa.h"
#include "auth_statements.h"

#include <openssl/crypto.h>


typedef enum {
    CHECK_TOTP = 0,
    CHECK_RECOVERY,
    CHECK_WEBAUTHN
} check_method_e;


typedef struct {
    carmen_request_t         *request;
    check_method_e            method;
    ngx_str_t                 tenant;
    ngx_str_t                 token;         /* hash */
    ngx_str_t                 user;          /* data NULL: not known */
    ngx_str_t                 refresh;
    carmen_attempt_t          attempt;
    ngx_event_t               delay;

    /* of the challenge */
    ngx_str_t                 secret;
    ngx_str_t                 webauthn;
    ngx_str_t                 key;
    carmen_alg_e              alg;
    unsigned                  alone:1;       /* purpose passkey */
} check_ctx_t;


static ngx_int_t check_body(carmen_request_t *cr, check_ctx_t *ctx,
    ngx_str_t *credential);
static void check_cleanup(void *data);
static void check_opened(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static ngx_int_t check_keep(carmen_request_t *cr, carmen_result_t *result,
    check_ctx_t *ctx);
static void check_brake(carmen_request_t *cr, check_ctx_t *ctx);
static void check_delayed(ngx_event_t *ev);
static void check_factor(carmen_request_t *cr, check_ctx_t *ctx);
static ngx_int_t check_totp(carmen_request_t *cr, check_ctx_t *ctx,
    ngx_str_t *proof);
static ngx_int_t check_recovery(carmen_request_t *cr, check_ctx_t *ctx,
    ngx_str_t *proof);
static ngx_int_t check_webauthn(carmen_request_t *cr, check_ctx_t *ctx,
    carmen_webauthn_data_t *data, const char **why);
static void check_finish(carmen_request_t *cr, check_ctx_t *ctx,
    ngx_str_t *proof, carmen_webauthn_data_t *data);
static void check_finished(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void check_fail(carmen_request_t *cr, check_ctx_t *ctx,
    const char *why);
static void check_failed(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static ngx_shm_zone_t *check_zone(carmen_request_t *cr);


static const char *const  check_names[] = { "totp", "recovery", "webauthn" };


ngx_int_t
carmen_mfa_check(carmen_request_t *cr)
{
    ngx_int_t            rc;
    ngx_str_t            credential;
    check_ctx_t         *ctx;
    ngx_pool_cleanup_t  *cln;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);

    ctx = ngx_pcalloc(r->pool, sizeof(check_ctx_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (ctx == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    ctx->request = cr;
    cln->handler = check_cleanup;
    cln->data = ctx;

    rc = check_body(cr, ctx, &credential);
    if (rc != NGX_OK) {
        return rc;
    }

    carmen_pair_t  values[] = {
        { "tenant", ctx->tenant },
        { "token", ctx->token },
        { "credential", credential },
        { NULL, ngx_null_string }
    };

    carmen_mfa_run(cr, carmen_query(cr, &auth_mfa_open, values, check_opened,
                                    ctx));

    return NGX_DONE;
}


static ngx_int_t
check_body(carmen_request_t *cr, check_ctx_t *ctx, ngx_str_t *credential)
{
    json_t      *object;
    ngx_int_t    rc;
    ngx_str_t    token, method;
    ngx_pool_t  *pool;

    pool = carmen_request_http(cr)->pool;
    ngx_str_null(credential);

    method = carmen_mfa_field(cr, "method");
    object = json_object_get(carmen_request_body(cr), "credential");

    ctx->method = method.data == NULL || method.data[0] == 'w'
                  ? CHECK_WEBAUTHN
                  : method.data[0] == 't' ? CHECK_TOTP : CHECK_RECOVERY;

    if (ctx->method == CHECK_WEBAUTHN) {
        *credential = carmen_mfa_member(object, "id");

        if (credential->data == NULL) {
            carmen_mfa_invalid(cr, "/credential", "It must be the "
                               "credential of a passkey.");
            return NGX_DONE;
        }

    } else if (carmen_mfa_field(cr, "code").data == NULL) {
        carmen_mfa_invalid(cr, "/code", "The method needs a code.");
        return NGX_DONE;
    }

    token = carmen_mfa_field(cr, "challenge_token");
    rc = carmen_refresh_parse(pool, &token, &ctx->tenant, &ctx->token);

    if (rc == NGX_DECLINED) {
        carmen_mfa_refuse(cr, "invalid-challenge", NULL, NULL);
        return NGX_DONE;
    }

    ctx->tenant = carmen_mfa_copy(pool, ctx->tenant);

    return rc == NGX_OK && ctx->tenant.data ? NGX_OK : NGX_ERROR;
}


static void
check_cleanup(void *data)
{
    check_ctx_t  *ctx = data;

    if (ctx->refresh.data) {
        OPENSSL_cleanse(ctx->refresh.data, ctx->refresh.len);
    }

    if (ctx->secret.data) {
        OPENSSL_cleanse(ctx->secret.data, ctx->secret.len);
    }

    if (ctx->delay.timer_set) {
        ngx_del_timer(&ctx->delay);
    }
}


static void
check_opened(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    check_ctx_t  *ctx = data;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    if (carmen_result_rows(result) == 0) {
        carmen_mfa_refuse(cr, "invalid-challenge", NULL, NULL);
        return;
    }

    if (check_keep(cr, result, ctx) != NGX_OK) {
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    check_brake(cr, ctx);
}


/* what the result holds is gone when the handler returns */

static ngx_int_t
check_keep(carmen_request_t *cr, carmen_result_t *result, check_ctx_t *ctx)
{
    ngx_str_t    value;
    ngx_uint_t   i;
    ngx_pool_t  *pool;

    struct {
        const char  *name;
        ngx_str_t   *to;
    } columns[] = {
        { "secret", &ctx->secret },
        { "webauthn", &ctx->webauthn },
        { "public_key", &ctx->key },
        { "passkey_user", &ctx->user },
        { "user_id", &ctx->user },
    };

    pool = carmen_request_http(cr)->pool;

    for (i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        value = carmen_result_value(result, 0, columns[i].name);

        if (value.data) {
            *columns[i].to = carmen_mfa_copy(pool, value);

            if (columns[i].to->data == NULL) {
                return NGX_ERROR;
            }
        }
    }

    value = carmen_result_value(result, 0, "alg");
    ctx->alg = carmen_alg_find((char *) value.data, value.len);

    value = carmen_result_value(result, 0, "purpose");
    ctx->alone = value.len == 7 && ngx_memcmp(value.data, "passkey", 7) == 0;

    return NGX_OK;
}


static void
check_brake(carmen_request_t *cr, check_ctx_t *ctx)
{
    time_t               wait;
    u_char               buf[64];
    ngx_int_t            rc;
    ngx_str_t            name;
    ngx_msec_t           delay;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);

    name.data = buf;
    name.len = ngx_snprintf(buf, sizeof(buf), "mfa:%V", &ctx->user) - buf;

    rc = carmen_attempt_open(check_zone(cr), &ctx->attempt, &ctx->tenant,
                             &name, r->connection->sockaddr, &delay, &wait);

    if (rc == NGX_ERROR) {
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    if (rc == NGX_BUSY) {
        carmen_mfa_wait(cr, wait);
        return;
    }

    if (delay == 0) {
        check_factor(cr, ctx);
        return;
    }

    ctx->delay.handler = check_delayed;
    ctx->delay.data = ctx;
    ctx->delay.log = r->connection->log;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_add_timer(&ctx->delay, delay);
}


static void
check_delayed(ngx_event_t *ev)
{
    check_ctx_t       *ctx = ev->data;
    ngx_connection_t  *c;

    c = carmen_request_http(ctx->request)->connection;

    check_factor(ctx->request, ctx);
    ngx_http_run_posted_requests(c);
}


static void
check_factor(carmen_request_t *cr, check_ctx_t *ctx)
{
    ngx_int_t                rc;
    ngx_str_t                proof;
    const char              *why;
    carmen_webauthn_data_t   data;

    why = NULL;
    ngx_memzero(&data, sizeof(carmen_webauthn_data_t));

    if (ctx->method == CHECK_WEBAUTHN) {
        proof = carmen_mfa_member(json_object_get(carmen_request_body(cr),
                                                  "credential"), "id");
        rc = check_webauthn(cr, ctx, &data, &why);

    } else if (ctx->alone) {
        rc = NGX_DECLINED;

    } else {
        rc = ctx->method == CHECK_TOTP ? check_totp(cr, ctx, &proof)
                                       : check_recovery(cr, ctx, &proof);
    }

    if (rc == NGX_ERROR) {
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    if (rc != NGX_OK) {
        check_fail(cr, ctx, why);
        return;
    }

    check_finish(cr, ctx, &proof, &data);
}


static ngx_int_t
check_totp(carmen_request_t *cr, check_ctx_t *ctx, ngx_str_t *proof)
{
    uint64_t     step;
    ngx_int_t    rc;
    ngx_str_t    secret, code;
    ngx_pool_t  *pool;

    pool = carmen_request_http(cr)->pool;

    if (ctx->secret.data == NULL) {
        return NGX_DECLINED;
    }

    if (carmen_mfa_decode(pool, ctx->secret, &secret) != NGX_OK) {
        return NGX_ERROR;
    }

    code = carmen_mfa_field(cr, "code");
    rc = carmen_totp_check(secret.data, secret.len, &code, ngx_time(),
                           &step);
    OPENSSL_cleanse(secret.data, secret.len);

    if (rc == NGX_OK) {
        *proof = carmen_mfa_number(pool, step);
    }

    return rc;
}


static ngx_int_t
check_recovery(carmen_request_t *cr, check_ctx_t *ctx, ngx_str_t *proof)
{
    ngx_str_t  code;

    code = carmen_mfa_field(cr, "code");

    proof->len = CARMEN_RECOVERY_HASH;
    proof->data = ngx_pnalloc(carmen_request_http(cr)->pool, proof->len);

    return proof->data ? carmen_recovery_hash(&code, proof->data)
                       : NGX_ERROR;
}


static ngx_int_t
check_webauthn(carmen_request_t *cr, check_ctx_t *ctx,
    carmen_webauthn_data_t *data, const char **why)
{
    json_t                 *response;
    ngx_int_t               rc;
    ngx_str_t               client, authenticator, signature, handle, der;
    ngx_pool_t             *pool;
    carmen_auth_conf_t     *acf;
    carmen_webauthn_key_t   key;

    pool = carmen_request_http(cr)->pool;
    acf = ngx_http_get_module_loc_conf(carmen_request_http(cr),
                                       ngx_http_carmen_auth_module);

    if (ctx->key.data == NULL || ctx->webauthn.data == NULL) {
        *why = ctx->key.data ? "No WebAuthn challenge is open."
                             : "The passkey is not known.";
        return NGX_DECLINED;
    }

    response = json_object_get(json_object_get(carmen_request_body(cr),
                                               "credential"), "response");

    *why = "The credential is malformed.";

    if (carmen_mfa_decode(pool, carmen_mfa_member(response,
                                                  "clientDataJSON"), &client)
        != NGX_OK
        || carmen_mfa_decode(pool, carmen_mfa_member(response,
                                                     "authenticatorData"),
                             &authenticator)
           != NGX_OK
        || carmen_mfa_decode(pool, carmen_mfa_member(response, "signature"),
                             &signature)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    /* section 7.2 step 6: the user that the authenticator thinks it is */

    handle = carmen_mfa_member(response, "userHandle");

    if (handle.data && handle.len) {
        if (carmen_mfa_decode(pool, handle, &handle) != NGX_OK
            || handle.len != ctx->user.len
            || ngx_memcmp(handle.data, ctx->user.data, handle.len) != 0)
        {
            return NGX_DECLINED;
        }

    } else if (ctx->alone) {
        return NGX_DECLINED;
    }

    if (carmen_mfa_decode(pool, ctx->key, &der) != NGX_OK
        || carmen_webauthn_import(&der, ctx->alg, &key) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = carmen_webauthn_assert(&acf->rp, &ctx->webauthn, &client,
                                &authenticator, &signature, &key, ctx->alone,
                                data, why);
    EVP_PKEY_free(key.pkey);

    return rc;
}


static void
check_finish(carmen_request_t *cr, check_ctx_t *ctx, ngx_str_t *proof,
    carmen_webauthn_data_t *data)
{
    ngx_str_t            hash, method;
    ngx_pool_t          *pool;
    ngx_http_request_t  *r;
    carmen_auth_conf_t  *acf;
    static ngx_str_t     yes = ngx_string("true"), no = ngx_string("false");

    r = carmen_request_http(cr);
    pool = r->pool;
    acf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_auth_module);

    if (carmen_refresh_create(pool, &ctx->tenant, &ctx->refresh, &hash)
        != NGX_OK)
    {
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    method.data = (u_char *) check_names[ctx->method];
    method.len = ngx_strlen(method.data);

    carmen_pair_t  values[] = {
        { "tenant", ctx->tenant },
        { "token", ctx->token },
        { "method", method },
        { "proof", *proof },
        { "count", carmen_mfa_number(pool, data->count) },
        { "backed_up", data->flags & CARMEN_WEBAUTHN_BS ? yes : no },
        { "verified", data->flags & CARMEN_WEBAUTHN_UV ? yes : no },
        { "refresh", hash },
        { "lifetime", carmen_mfa_number(pool, acf->refresh_lifetime) },
        { "address", r->connection->addr_text },
        { NULL, ngx_null_string }
    };

    carmen_mfa_run(cr, carmen_query(cr, &auth_mfa_finish, values,
                                    check_finished, ctx));
}


static void
check_finished(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    check_ctx_t  *ctx = data;

    time_t               left;
    ngx_str_t            outcome, expires;
    carmen_grant_t       grant;
    ngx_http_request_t  *r;
    carmen_auth_conf_t  *acf;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    outcome = carmen_result_value(result, 0, "outcome");

    if (outcome.len == 4 && ngx_memcmp(outcome.data, "over", 4) == 0) {
        carmen_mfa_refuse(cr, "invalid-challenge", NULL, NULL);
        return;
    }

    if (outcome.len != 4 || ngx_memcmp(outcome.data, "done", 4) != 0) {
        check_fail(cr, ctx, ctx->method == CHECK_WEBAUTHN
                   ? "The counter went back, or the passkey is not yours."
                   : NULL);
        return;
    }

    carmen_attempt_close(check_zone(cr), &ctx->attempt, 1);

    r = carmen_request_http(cr);
    acf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_auth_module);

    expires = carmen_result_value(result, 0, "expires_in");
    left = ngx_atotm(expires.data, expires.len);

    ngx_memzero(&grant, sizeof(carmen_grant_t));

    grant.tenant = ctx->tenant;
    grant.subject = carmen_result_value(result, 0, "user_id");
    ngx_str_set(&grant.client, CARMEN_AUTH_CLIENT);
    grant.session = carmen_result_value(result, 0, "session_id");
    grant.scope = carmen_result_value(result, 0, "scope");
    grant.roles = carmen_result_value(result, 0, "roles");
    grant.lifetime = left < 1 ? 1 : ngx_min(acf->token_lifetime, left);
    carmen_auth_assurance(r->pool, result, &grant);

    carmen_auth_reply(cr, &grant, &ctx->refresh);
}


static void
check_fail(carmen_request_t *cr, check_ctx_t *ctx, const char *why)
{
    ngx_str_t            method;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);

    carmen_attempt_close(check_zone(cr), &ctx->attempt, 0);

    if (why) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "carmen: passkey refused: %s", why);
    }

    /* the answer is made when it is on record */

    method.data = (u_char *) check_names[ctx->method];
    method.len = ngx_strlen(method.data);

    carmen_pair_t  values[] = {
        { "tenant", ctx->tenant },
        { "user", ctx->user },
        { "method", method },
        { "address", r->connection->addr_text },
        { NULL, ngx_null_string }
    };

    carmen_mfa_run(cr, carmen_query(cr, &auth_mfa_failed, values,
                                    check_failed, (void *) why));
}


static void
check_failed(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    const char  *why = data;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    carmen_mfa_refuse(cr, "invalid-factor", why, NULL);
}


static ngx_shm_zone_t *
check_zone(carmen_request_t *cr)
{
    carmen_auth_main_conf_t  *amcf;

    amcf = ngx_http_get_module_main_conf(carmen_request_http(cr),
                                         ngx_http_carmen_auth_module);

    return amcf->zone;
}
