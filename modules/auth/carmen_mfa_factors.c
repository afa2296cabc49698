
/* TOTP and recovery codes of the caller, and step-up. */

#include "carmen_mfa.h"
#include "auth_statements.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>


typedef struct {
    ngx_str_t                 token;
    ngx_str_t                 secret;        /* as the database has it */
    ngx_str_t                 base32;
    carmen_mfa_codes_t        codes;
} factors_ctx_t;


static void step_up_done(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void totp_begun(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void totp_pending(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void totp_confirmed(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void recovery_renewed(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void factors_codes(carmen_request_t *cr, ngx_str_t *codes);
static ngx_str_t factors_session(carmen_request_t *cr);
static ngx_str_t factors_age(carmen_request_t *cr);


ngx_int_t
carmen_mfa_step_up(carmen_request_t *cr)
{
    ngx_str_t       hash;
    ngx_pool_t     *pool;
    factors_ctx_t  *ctx;

    pool = carmen_request_http(cr)->pool;
    ctx = ngx_pcalloc(pool, sizeof(factors_ctx_t));

    if (ctx == NULL
        || carmen_refresh_create(pool, &carmen_identity(
                                     carmen_request_http(cr))->tenant,
                                 &ctx->token, &hash)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    carmen_pair_t  values[] = {
        { "session", factors_session(cr) },
        { "token", hash },
        { NULL, ngx_null_string }
    };

    carmen_mfa_run(cr, carmen_query(cr, &auth_step_up, values, step_up_done,
                                    ctx));

    return NGX_DONE;
}


static void
step_up_done(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    factors_ctx_t  *ctx = data;

    size_t      len;
    ngx_str_t   body, methods;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    methods = carmen_result_value(result, 0, "methods");
    len = ctx->token.len + methods.len + 128;
    body.data = ngx_pnalloc(carmen_request_http(cr)->pool, len);

    if (body.data == NULL) {
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    body.len = ngx_snprintf(body.data, len, "{\"challenge_token\":\"%V\","
                            "\"methods\":%V,\"expires_in\":%d}", &ctx->token,
                            &methods, CARMEN_MFA_PATIENCE)
               - body.data;

    carmen_reply_json(cr, NGX_HTTP_OK, &body, NULL, NULL);
}


ngx_int_t
carmen_totp_begin(carmen_request_t *cr)
{
    u_char          bytes[CARMEN_TOTP_SECRET];
    ngx_str_t       secret;
    ngx_pool_t     *pool;
    factors_ctx_t  *ctx;

    pool = carmen_request_http(cr)->pool;
    ctx = ngx_pcalloc(pool, sizeof(factors_ctx_t));

    if (ctx == NULL || RAND_bytes(bytes, sizeof(bytes)) != 1) {
        return NGX_ERROR;
    }

    secret.data = bytes;
    secret.len = sizeof(bytes);
    ctx->secret = carmen_mfa_encode(pool, secret);
    ctx->base32.len = carmen_base32_len(sizeof(bytes));
    ctx->base32.data = ngx_pnalloc(pool, ctx->base32.len);

    if (ctx->secret.data == NULL || ctx->base32.data == NULL) {
        return NGX_ERROR;
    }

    (void) carmen_base32_encode(ctx->base32.data, bytes, sizeof(bytes));
    OPENSSL_cleanse(bytes, sizeof(bytes));

    carmen_pair_t  values[] = {
        { "session", factors_session(cr) },
        { "age", factors_age(cr) },
        { "secret", ctx->secret },
        { NULL, ngx_null_string }
    };

    carmen_mfa_run(cr, carmen_query(cr, &auth_totp_begin, values, totp_begun,
                                    ctx));

    return NGX_DONE;
}


/* otpauth://totp/ISSUER:LOGIN?secret=...&issuer=ISSUER */

static void
totp_begun(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    factors_ctx_t  *ctx = data;

    u_char              *p;
    size_t               len;
    ngx_str_t            login, uri;
    carmen_auth_conf_t  *acf;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    acf = ngx_http_get_module_loc_conf(carmen_request_http(cr),
                                       ngx_http_carmen_auth_module);

    login = carmen_result_value(result, 0, "login");
    len = 3 * login.len + 6 * acf->rp.name.len + ctx->base32.len + 128;
    uri.data = ngx_pnalloc(carmen_request_http(cr)->pool, len);

    if (uri.data == NULL) {
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    p = ngx_cpymem(uri.data, "otpauth://totp/", sizeof("otpauth://totp/") - 1);
    p = (u_char *) ngx_escape_uri(p, acf->rp.name.data, acf->rp.name.len,
                                  NGX_ESCAPE_URI_COMPONENT);
    p = ngx_cpymem(p, "%3A", 3);
    p = (u_char *) ngx_escape_uri(p, login.data, login.len,
                                  NGX_ESCAPE_URI_COMPONENT);
    p = ngx_sprintf(p, "?secret=%V&issuer=", &ctx->base32);
    p = (u_char *) ngx_escape_uri(p, acf->rp.name.data, acf->rp.name.len,
                                  NGX_ESCAPE_URI_COMPONENT);
    p = ngx_sprintf(p, "&algorithm=SHA1&digits=%d&period=%d",
                    CARMEN_TOTP_DIGITS, CARMEN_TOTP_PERIOD);
    uri.len = p - uri.data;

    carmen_mfa_reply(cr, NGX_HTTP_OK,
                     json_pack("{s:s%,s:s%}", "secret", ctx->base32.data,
                               ctx->base32.len, "uri", uri.data, uri.len));
}


ngx_int_t
carmen_totp_confirm(carmen_request_t *cr)
{
    factors_ctx_t  *ctx;

    ctx = ngx_pcalloc(carmen_request_http(cr)->pool, sizeof(factors_ctx_t));
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    carmen_mfa_run(cr, carmen_query(cr, &auth_totp_pending, NULL,
                                    totp_pending, ctx));

    return NGX_DONE;
}


static void
totp_pending(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    factors_ctx_t  *ctx = data;

    uint64_t     step;
    ngx_int_t    rc;
    ngx_str_t    stored, secret, code;
    ngx_pool_t  *pool;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    pool = carmen_request_http(cr)->pool;
    stored = carmen_result_value(result, 0, "secret");

    if (stored.data == NULL) {
        carmen_problem_reply(cr, "nothing-to-confirm", NULL, NULL);
        return;
    }

    ctx->secret = carmen_mfa_copy(pool, stored);

    if (ctx->secret.data == NULL
        || carmen_mfa_decode(pool, ctx->secret, &secret) != NGX_OK
        || carmen_mfa_codes(pool, &ctx->codes) != NGX_OK)
    {
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    code = carmen_mfa_field(cr, "code");
    rc = carmen_totp_check(secret.data, secret.len, &code, ngx_time(),
                           &step);
    OPENSSL_cleanse(secret.data, secret.len);

    if (rc != NGX_OK) {
        if (rc == NGX_DECLINED) {
            carmen_mfa_invalid(cr, "/code", "The code is not the one of "
                               "this moment.");
        } else {
            carmen_mfa_run(cr, NGX_ERROR);
        }

        return;
    }

    carmen_pair_t  values[] = {
        { "session", factors_session(cr) },
        { "age", factors_age(cr) },
        { "secret", ctx->secret },
        { "step", carmen_mfa_number(pool, step) },
        { "codes", ctx->codes.hashes },
        { NULL, ngx_null_string }
    };

    carmen_mfa_run(cr, carmen_query(cr, &auth_totp_confirm, values,
                                    totp_confirmed, ctx));
}


static void
totp_confirmed(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    factors_ctx_t  *ctx = data;

    ngx_str_t         taken;
    static ngx_str_t  none = ngx_string("[]");

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    taken = carmen_result_value(result, 0, "codes");

    if (taken.data == NULL) {
        carmen_problem_reply(cr, "nothing-to-confirm", NULL, NULL);
        return;
    }

    factors_codes(cr, taken.data[0] == 't' ? &ctx->codes.codes : &none);
}


ngx_int_t
carmen_totp_remove(carmen_request_t *cr)
{
    carmen_pair_t  values[] = {
        { "session", factors_session(cr) },
        { "age", factors_age(cr) },
        { NULL, ngx_null_string }
    };

    carmen_mfa_run(cr, carmen_query(cr, &auth_totp_remove, values, NULL,
                                    NULL));

    return NGX_DONE;
}


ngx_int_t
carmen_passkey_remove(carmen_request_t *cr)
{
    carmen_pair_t  values[] = {
        { "session", factors_session(cr) },
        { "age", factors_age(cr) },
        { NULL, ngx_null_string }
    };

    carmen_mfa_run(cr, carmen_query(cr, &auth_passkey_remove, values, NULL,
                                    NULL));

    return NGX_DONE;
}


ngx_int_t
carmen_recovery_renew(carmen_request_t *cr)
{
    factors_ctx_t  *ctx;

    ctx = ngx_pcalloc(carmen_request_http(cr)->pool, sizeof(factors_ctx_t));

    if (ctx == NULL
        || carmen_mfa_codes(carmen_request_http(cr)->pool, &ctx->codes)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    carmen_pair_t  values[] = {
        { "session", factors_session(cr) },
        { "age", factors_age(cr) },
        { "codes", ctx->codes.hashes },
        { NULL, ngx_null_string }
    };

    carmen_mfa_run(cr, carmen_query(cr, &auth_recovery_renew, values,
                                    recovery_renewed, ctx));

    return NGX_DONE;
}


static void
recovery_renewed(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    factors_ctx_t  *ctx = data;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    factors_codes(cr, &ctx->codes.codes);
}


static void
factors_codes(carmen_request_t *cr, ngx_str_t *codes)
{
    ngx_str_t  body;

    body.data = ngx_pnalloc(carmen_request_http(cr)->pool, codes->len + 32);

    if (body.data == NULL) {
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    body.len = ngx_sprintf(body.data, "{\"recoveryCodes\":%V}", codes)
               - body.data;

    carmen_reply_json(cr, NGX_HTTP_OK, &body, NULL, NULL);
}


static ngx_str_t
factors_session(carmen_request_t *cr)
{
    return carmen_identity(carmen_request_http(cr))->session;
}


static ngx_str_t
factors_age(carmen_request_t *cr)
{
    ngx_http_request_t  *r;
    carmen_auth_conf_t  *acf;

    r = carmen_request_http(cr);
    acf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_auth_module);

    return carmen_mfa_number(r->pool, acf->step_up_age);
}
