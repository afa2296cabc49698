
/*
 * Change, reset, verification.  Whether an account exists shows in nothing:
 * who forgot a password is answered before the database is.
 */

#include "carmen_passwords.h"
#include "auth_statements.h"

#include <openssl/crypto.h>


typedef struct {
    ngx_str_t                 tenant;
    ngx_str_t                 token;         /* hash */
    ngx_str_t                 checked;       /* the hash that fitted */
    carmen_attempt_t          attempt;
} passwords_ctx_t;


static void change_found(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void change_verified(carmen_request_t *cr, void *data);
static void change_hashed(carmen_request_t *cr, void *data);
static void change_done(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void reset_found(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void reset_hashed(carmen_request_t *cr, void *data);
static void token_spent(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void verification_asked(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void passwords_hash(carmen_request_t *cr, const char *name,
    carmen_done_pt done);
static ngx_int_t passwords_token(carmen_request_t *cr, passwords_ctx_t *ctx);
static passwords_ctx_t *passwords_ctx(carmen_request_t *cr);
static ngx_shm_zone_t *passwords_zone(carmen_request_t *cr);


ngx_int_t
carmen_passwords_change(carmen_request_t *cr)
{
    passwords_ctx_t  *ctx;

    ctx = ngx_pcalloc(carmen_request_http(cr)->pool,
                      sizeof(passwords_ctx_t));
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_http_set_ctx(carmen_request_http(cr), ctx,
                     ngx_http_carmen_auth_module);

    carmen_pair_t  values[] = {
        { "session", carmen_identity(carmen_request_http(cr))->session },
        { NULL, ngx_null_string }
    };

    carmen_mfa_run(cr, carmen_query(cr, &auth_password_current, values,
                                    change_found, ctx));

    return NGX_DONE;
}


static void
change_found(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    passwords_ctx_t  *ctx = data;

    time_t               wait;
    ngx_int_t            rc;
    ngx_str_t            login, hash, fresh, text;
    ngx_msec_t           delay;
    carmen_password_t    pw;
    ngx_http_request_t  *r;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    r = carmen_request_http(cr);
    login = carmen_result_value(result, 0, "login");
    hash = carmen_result_value(result, 0, "password_hash");
    fresh = carmen_mfa_field(cr, "newPassword");
    text = carmen_mfa_field(cr, "currentPassword");

    if (carmen_password_check(r, &fresh, &login) != NGX_OK) {
        carmen_problem_reply(cr, "weak-password", NULL, NULL);
        return;
    }

    /* a stolen session is not to be used for guessing: no delay, a limit */

    rc = carmen_attempt_open(passwords_zone(cr), &ctx->attempt,
                             &carmen_identity(r)->tenant, &login,
                             r->connection->sockaddr, &delay, &wait);
    if (rc == NGX_BUSY) {
        carmen_mfa_wait(cr, wait);
        return;
    }

    if (rc != NGX_OK || hash.len >= CARMEN_PASSWORD_HASH
        || carmen_password_set(&pw, &text) != NGX_OK)
    {
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    ngx_memcpy(pw.hash, hash.data, hash.len);
    pw.hash[hash.len] = '\0';
    ctx->checked = carmen_mfa_copy(r->pool, hash);

    /* NGX_BUSY has been answered */
    (void) carmen_password_verify(cr, &pw, change_verified);

    OPENSSL_cleanse(&pw, sizeof(carmen_password_t));
}


static void
change_verified(carmen_request_t *cr, void *data)
{
    carmen_password_t  *pw = data;

    passwords_ctx_t  *ctx;

    ctx = passwords_ctx(cr);

    if (pw->rc == NGX_ERROR || ctx->checked.data == NULL) {
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    carmen_attempt_close(passwords_zone(cr), &ctx->attempt,
                         pw->rc == NGX_OK);

    if (pw->rc != NGX_OK) {
        carmen_mfa_refuse(cr, "invalid-credentials", NULL, NULL);
        return;
    }

    passwords_hash(cr, "newPassword", change_hashed);
}


static void
change_hashed(carmen_request_t *cr, void *data)
{
    carmen_password_t  *pw = data;

    ngx_str_t           hash;
    passwords_ctx_t    *ctx;

    ctx = passwords_ctx(cr);

    if (pw->rc != NGX_OK) {
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    hash.data = (u_char *) pw->hash;
    hash.len = ngx_strlen(pw->hash);

    carmen_pair_t  values[] = {
        { "session", carmen_identity(carmen_request_http(cr))->session },
        { "checked", ctx->checked },
        { "hash", carmen_mfa_copy(carmen_request_http(cr)->pool, hash) },
        { NULL, ngx_null_string }
    };

    carmen_mfa_run(cr, carmen_query(cr, &auth_password_change, values,
                                    change_done, NULL));
}


static void
change_done(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    ngx_str_t  done;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    done = carmen_result_value(result, 0, "done");

    if (done.len == 0 || done.data[0] != 't') {
        carmen_mfa_refuse(cr, "invalid-credentials", NULL, NULL);
        return;
    }

    carmen_reply_json(cr, NGX_HTTP_NO_CONTENT, NULL, NULL, NULL);
}


ngx_int_t
carmen_passwords_forgot(carmen_request_t *cr)
{
    ngx_str_t            tenant, own, token, hash;
    ngx_pool_t          *pool;
    carmen_database_t   *db;
    ngx_http_request_t  *r;

    static ngx_str_t  body = ngx_string("{\"status\":\"accepted\"}");

    r = carmen_request_http(cr);
    pool = r->pool;
    db = carmen_request_database(r);
    own = carmen_request_tenant(cr);
    tenant = carmen_mfa_field(cr, "tenant");

    if (tenant.data == NULL) {
        tenant = own;
    }

    if (db == NULL
        || carmen_refresh_create(pool, &tenant, &token, &hash) != NGX_OK)
    {
        return NGX_ERROR;
    }

    carmen_pair_t  values[] = {
        { "tenant", tenant },
        { "login", carmen_mfa_field(cr, "email") },
        { "hash", hash },
        { "token", token },
        { NULL, ngx_null_string }
    };

    if (carmen_background(db, &auth_password_forgot, &own, values, NULL,
                          NULL)
        != NGX_OK)
    {
        carmen_problem_reply(cr, "overloaded", NULL, NULL);

    } else {
        carmen_reply_json(cr, NGX_HTTP_ACCEPTED, &body, NULL, NULL);
    }

    OPENSSL_cleanse(token.data, token.len);

    return NGX_DONE;
}


ngx_int_t
carmen_passwords_reset(carmen_request_t *cr)
{
    ngx_int_t         rc;
    passwords_ctx_t  *ctx;

    ctx = ngx_pcalloc(carmen_request_http(cr)->pool,
                      sizeof(passwords_ctx_t));
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_http_set_ctx(carmen_request_http(cr), ctx,
                     ngx_http_carmen_auth_module);

    rc = passwords_token(cr, ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    carmen_pair_t  values[] = {
        { "tenant", ctx->tenant },
        { "token", ctx->token },
        { NULL, ngx_null_string }
    };

    /* nothing is hashed for a token that is not good */

    carmen_mfa_run(cr, carmen_query(cr, &auth_password_reset_find, values,
                                    reset_found, ctx));

    return NGX_DONE;
}


static void
reset_found(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    ngx_str_t  login, password;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    login = carmen_result_value(result, 0, "login");

    if (login.data == NULL) {
        carmen_problem_reply(cr, "invalid-mail-token", NULL, NULL);
        return;
    }

    password = carmen_mfa_field(cr, "password");

    if (carmen_password_check(carmen_request_http(cr), &password, &login)
        != NGX_OK)
    {
        carmen_problem_reply(cr, "weak-password", NULL, NULL);
        return;
    }

    passwords_hash(cr, "password", reset_hashed);
}


static void
reset_hashed(carmen_request_t *cr, void *data)
{
    carmen_password_t  *pw = data;

    ngx_str_t         hash;
    passwords_ctx_t  *ctx;

    ctx = passwords_ctx(cr);

    if (pw->rc != NGX_OK) {
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    hash.data = (u_char *) pw->hash;
    hash.len = ngx_strlen(pw->hash);

    carmen_pair_t  values[] = {
        { "tenant", ctx->tenant },
        { "token", ctx->token },
        { "hash", carmen_mfa_copy(carmen_request_http(cr)->pool, hash) },
        { NULL, ngx_null_string }
    };

    carmen_mfa_run(cr, carmen_query(cr, &auth_password_reset, values,
                                    token_spent, NULL));
}


static void
token_spent(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    ngx_str_t  done;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    done = carmen_result_value(result, 0, "done");

    if (done.len == 0 || done.data[0] != 't') {
        carmen_problem_reply(cr, "invalid-mail-token", NULL, NULL);
        return;
    }

    carmen_reply_json(cr, NGX_HTTP_NO_CONTENT, NULL, NULL, NULL);
}


ngx_int_t
carmen_email_verification(carmen_request_t *cr)
{
    ngx_str_t            token, hash;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);

    if (carmen_refresh_create(r->pool, &carmen_identity(r)->tenant, &token,
                              &hash)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    carmen_pair_t  values[] = {
        { "hash", hash },
        { "token", token },
        { NULL, ngx_null_string }
    };

    carmen_mfa_run(cr, carmen_query(cr, &auth_email_verification, values,
                                    verification_asked, NULL));

    return NGX_DONE;
}


static void
verification_asked(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    static ngx_str_t  body = ngx_string("{\"status\":\"accepted\"}");

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    carmen_reply_json(cr, NGX_HTTP_ACCEPTED, &body, NULL, NULL);
}


ngx_int_t
carmen_email_verify(carmen_request_t *cr)
{
    ngx_int_t        rc;
    passwords_ctx_t  ctx;

    rc = passwords_token(cr, &ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    carmen_pair_t  values[] = {
        { "tenant", ctx.tenant },
        { "token", ctx.token },
        { NULL, ngx_null_string }
    };

    carmen_mfa_run(cr, carmen_query(cr, &auth_email_verify, values,
                                    token_spent, NULL));

    return NGX_DONE;
}


static void
passwords_hash(carmen_request_t *cr, const char *name, carmen_done_pt done)
{
    ngx_str_t          password;
    carmen_password_t  pw;

    password = carmen_mfa_field(cr, name);

    if (carmen_password_set(&pw, &password) != NGX_OK) {
        carmen_problem_reply(cr, "weak-password", NULL, NULL);
        return;
    }

    (void) carmen_password_hash(cr, &pw, done);

    OPENSSL_cleanse(&pw, sizeof(carmen_password_t));
}


static ngx_int_t
passwords_token(carmen_request_t *cr, passwords_ctx_t *ctx)
{
    ngx_int_t    rc;
    ngx_str_t    token;
    ngx_pool_t  *pool;

    pool = carmen_request_http(cr)->pool;
    token = carmen_mfa_field(cr, "token");
    rc = carmen_refresh_parse(pool, &token, &ctx->tenant, &ctx->token);

    if (rc == NGX_DECLINED) {
        carmen_problem_reply(cr, "invalid-mail-token", NULL, NULL);
        return NGX_DONE;
    }

    ctx->tenant = carmen_mfa_copy(pool, ctx->tenant);

    return rc == NGX_OK && ctx->tenant.data ? NGX_OK : NGX_ERROR;
}


static passwords_ctx_t *
passwords_ctx(carmen_request_t *cr)
{
    return ngx_http_get_module_ctx(carmen_request_http(cr),
                                   ngx_http_carmen_auth_module);
}


static ngx_shm_zone_t *
passwords_zone(carmen_request_t *cr)
{
    carmen_auth_main_conf_t  *amcf;

    amcf = ngx_http_get_module_main_conf(carmen_request_http(cr),
                                         ngx_http_carmen_auth_module);

    return amcf->zone;
}
