
/*
 * Login and refresh.  A login is: a look at the brakes, the hash from the
 * database, bcrypt in a thread, a session in the database, the tokens.  An
 * unknown account, a disabled one and a wrong password cannot be told apart,
 * neither by the words nor by the work done.
 */

#include "carmen_mfa.h"
#include "auth_statements.h"

#include <openssl/crypto.h>


typedef struct {
    carmen_request_t         *request;
    ngx_str_t                 tenant;
    ngx_str_t                 login;
    ngx_str_t                 user;          /* data NULL: not known */
    ngx_str_t                 client;
    carmen_password_t         password;
    carmen_attempt_t          attempt;
    ngx_str_t                 refresh;
    ngx_event_t               delay;
    unsigned                  disabled:1;
} login_ctx_t;


static ngx_int_t login_body(carmen_request_t *cr, login_ctx_t *ctx);
static ngx_int_t login_incomplete(carmen_request_t *cr, const char *pointer,
    const char *detail);
static void login_cleanup(void *data);
static void login_delayed(ngx_event_t *ev);
static void login_find(carmen_request_t *cr, login_ctx_t *ctx);
static void login_found(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void login_verified(carmen_request_t *cr, void *data);
static void login_start(carmen_request_t *cr, login_ctx_t *ctx,
    carmen_password_t *pw);
static void login_started(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void login_fail(carmen_request_t *cr, login_ctx_t *ctx);
static void login_failed(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void login_refuse(carmen_request_t *cr);
static void login_wait(carmen_request_t *cr, time_t wait);
static void refresh_done(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static ngx_int_t refresh_agent(ngx_http_request_t *r, ngx_str_t *agent);
static void refresh_refuse(carmen_request_t *cr);
static ngx_str_t login_copy(ngx_pool_t *pool, ngx_str_t value);
static ngx_str_t login_number(ngx_pool_t *pool, time_t n);
static ngx_int_t login_challenge(ngx_http_request_t *r);
static ngx_shm_zone_t *login_zone(ngx_http_request_t *r);
static void login_run(carmen_request_t *cr, ngx_int_t rc);


ngx_int_t
carmen_auth_login(carmen_request_t *cr)
{
    time_t               wait;
    ngx_int_t            rc;
    ngx_msec_t           delay;
    login_ctx_t         *ctx;
    ngx_pool_cleanup_t  *cln;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);

    ctx = ngx_pcalloc(r->pool, sizeof(login_ctx_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (ctx == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    ctx->request = cr;
    cln->handler = login_cleanup;
    cln->data = ctx;

    rc = login_body(cr, ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = carmen_attempt_open(login_zone(r), &ctx->attempt, &ctx->tenant,
                             &ctx->login, r->connection->sockaddr, &delay,
                             &wait);
    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_BUSY) {
        login_wait(cr, wait);
        return NGX_DONE;
    }

    if (delay == 0) {
        login_find(cr, ctx);
        return NGX_DONE;
    }

    ctx->delay.handler = login_delayed;
    ctx->delay.data = ctx;
    ctx->delay.log = r->connection->log;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_add_timer(&ctx->delay, delay);

    return NGX_DONE;
}


/* NGX_OK; NGX_DONE: answered; NGX_ERROR */

static ngx_int_t
login_body(carmen_request_t *cr, login_ctx_t *ctx)
{
    size_t               i;
    json_t              *body, *name, *password, *tenant;
    ngx_str_t            text;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);
    body = carmen_request_body(cr);

    name = json_object_get(body, "username");

    if (name == NULL) {
        name = json_object_get(body, "email");

    } else if (json_object_get(body, "email")) {
        return login_incomplete(cr, "/email", "Give username or email, not "
                                "both.");
    }

    if (name == NULL) {
        return login_incomplete(cr, "/username",
                                "Give username or email.");
    }

    text.data = (u_char *) json_string_value(name);
    text.len = json_string_length(name);
    ctx->login = login_copy(r->pool, text);

    tenant = json_object_get(body, "tenant");

    if (tenant) {
        text.data = (u_char *) json_string_value(tenant);
        text.len = json_string_length(tenant);
        ctx->tenant = login_copy(r->pool, text);

    } else {
        ctx->tenant = carmen_request_tenant(cr);
    }

    if (ctx->login.data == NULL || ctx->tenant.data == NULL) {
        return NGX_ERROR;
    }

    /* as the database does it: ASCII only */

    for (i = 0; i < ctx->login.len; i++) {
        ctx->login.data[i] = ngx_tolower(ctx->login.data[i]);
    }

    password = json_object_get(body, "password");
    text.data = (u_char *) json_string_value(password);
    text.len = json_string_length(password);

    if (carmen_password_set(&ctx->password, &text) != NGX_OK) {
        return login_incomplete(cr, "/password", "The password is too long.");
    }

    OPENSSL_cleanse(text.data, text.len);

    return NGX_OK;
}


static ngx_int_t
login_incomplete(carmen_request_t *cr, const char *pointer,
    const char *detail)
{
    u_char     *p;
    ngx_str_t   members;

    p = ngx_pnalloc(carmen_request_http(cr)->pool, 256);
    if (p == NULL) {
        return NGX_ERROR;
    }

    members.data = p;
    members.len = ngx_snprintf(p, 256,
                               "\"errors\":[{\"pointer\":\"%s\","
                               "\"code\":\"required\",\"detail\":\"%s\"}]",
                               pointer, detail)
                  - p;

    carmen_problem_reply(cr, "validation-failed", NULL, &members);

    return NGX_DONE;
}


static void
login_cleanup(void *data)
{
    login_ctx_t  *ctx = data;

    OPENSSL_cleanse(&ctx->password, sizeof(carmen_password_t));

    if (ctx->refresh.len) {
        OPENSSL_cleanse(ctx->refresh.data, ctx->refresh.len);
    }

    if (ctx->delay.timer_set) {
        ngx_del_timer(&ctx->delay);
    }
}


static void
login_delayed(ngx_event_t *ev)
{
    login_ctx_t       *ctx = ev->data;
    ngx_connection_t  *c;

    c = carmen_request_http(ctx->request)->connection;

    login_find(ctx->request, ctx);
    ngx_http_run_posted_requests(c);
}


static void
login_find(carmen_request_t *cr, login_ctx_t *ctx)
{
    carmen_pair_t  values[] = {
        { "tenant", ctx->tenant },
        { "login", ctx->login },
        { NULL, ngx_null_string }
    };

    login_run(cr, carmen_query(cr, &auth_login_find, values, login_found,
                               ctx));
}


static void
login_found(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    login_ctx_t  *ctx = data;

    ngx_str_t            hash, disabled;
    carmen_password_t   *pw;
    ngx_http_request_t  *r;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    r = carmen_request_http(cr);
    pw = &ctx->password;

    hash = carmen_result_value(result, 0, "password_hash");

    if (hash.data && hash.len < CARMEN_PASSWORD_HASH) {
        ngx_memcpy(pw->hash, hash.data, hash.len);
        pw->hash[hash.len] = '\0';

        disabled = carmen_result_value(result, 0, "disabled");
        ctx->disabled = disabled.len == 1 && disabled.data[0] == 't';

        ctx->user = login_copy(r->pool,
                               carmen_result_value(result, 0, "user_id"));
        if (ctx->user.data == NULL) {
            login_run(cr, NGX_ERROR);
            return;
        }
    }

    ngx_http_set_ctx(r, ctx, ngx_http_carmen_auth_module);

    if (carmen_password_verify(cr, pw, login_verified) != NGX_OK) {
        /* answered: the request may be gone */
        return;
    }

    /* the thread has its own copy */

    OPENSSL_cleanse(pw->password, sizeof(pw->password));
    pw->len = 0;
}


static void
login_verified(carmen_request_t *cr, void *data)
{
    carmen_password_t  *pw = data;

    login_ctx_t         *ctx;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);
    ctx = ngx_http_get_module_ctx(r, ngx_http_carmen_auth_module);

    if (pw->rc == NGX_ERROR) {
        login_run(cr, NGX_ERROR);
        return;
    }

    if (pw->rc != NGX_OK || ctx->user.data == NULL || ctx->disabled) {
        carmen_attempt_close(login_zone(r), &ctx->attempt, 0);
        login_fail(cr, ctx);
        return;
    }

    carmen_attempt_close(login_zone(r), &ctx->attempt, 1);
    login_start(cr, ctx, pw);
}


static void
login_start(carmen_request_t *cr, login_ctx_t *ctx, carmen_password_t *pw)
{
    ngx_str_t            token, fresh;
    ngx_pool_t          *pool;
    ngx_http_request_t  *r;
    carmen_auth_conf_t  *acf;
    carmen_pair_t        values[9];

    r = carmen_request_http(cr);
    pool = r->pool;
    acf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_auth_module);

    ngx_str_set(&ctx->client, CARMEN_AUTH_CLIENT);

    if (carmen_refresh_create(pool, &ctx->tenant, &ctx->refresh, &token)
        != NGX_OK)
    {
        login_run(cr, NGX_ERROR);
        return;
    }

    ngx_str_null(&fresh);

    if (pw->fresh[0]) {
        fresh.data = (u_char *) pw->fresh;
        fresh.len = ngx_strlen(pw->fresh);
    }

    ngx_memzero(values, sizeof(values));

    values[0].name = "tenant";
    values[0].value = ctx->tenant;
    values[1].name = "user";
    values[1].value = ctx->user;
    values[2].name = "checked";
    values[2].value.data = (u_char *) ctx->password.hash;
    values[2].value.len = ngx_strlen(ctx->password.hash);
    values[3].name = "rehashed";
    values[3].value = fresh;
    values[4].name = "client";
    values[4].value = ctx->client;
    values[5].name = "token";
    values[5].value = token;
    values[6].name = "lifetime";
    values[6].value = login_number(pool, acf->refresh_lifetime);
    values[7].name = "address";
    values[7].value = r->connection->addr_text;

    login_run(cr, carmen_query(cr, &auth_mfa_login, values, login_started,
                               ctx));
}


static void
login_started(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    login_ctx_t  *ctx = data;

    ngx_str_t            methods;
    carmen_grant_t       grant;
    carmen_auth_conf_t  *acf;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    /* the password was changed, or the user disabled, in this second */

    if (carmen_result_rows(result) == 0) {
        login_fail(cr, ctx);
        return;
    }

    methods = carmen_result_value(result, 0, "methods");

    if (methods.data) {
        carmen_mfa_required(cr, &ctx->refresh, &methods);
        return;
    }

    acf = ngx_http_get_module_loc_conf(carmen_request_http(cr),
                                       ngx_http_carmen_auth_module);

    grant.tenant = ctx->tenant;
    grant.subject = ctx->user;
    grant.client = ctx->client;
    grant.session = carmen_result_value(result, 0, "session_id");
    grant.scope = carmen_result_value(result, 0, "scope");
    grant.roles = carmen_result_value(result, 0, "roles");
    grant.lifetime = ngx_min(acf->token_lifetime, acf->refresh_lifetime);
    carmen_auth_assurance(carmen_request_http(cr)->pool, result, &grant);

    carmen_auth_reply(cr, &grant, &ctx->refresh);
}


static void
login_fail(carmen_request_t *cr, login_ctx_t *ctx)
{
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);

    carmen_pair_t  values[] = {
        { "tenant", ctx->tenant },
        { "user", ctx->user },
        { "address", r->connection->addr_text },
        { NULL, ngx_null_string }
    };

    login_run(cr, carmen_query(cr, &auth_login_failed, values, login_failed,
                               ctx));
}


static void
login_failed(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    login_refuse(cr);
}


static void
login_refuse(carmen_request_t *cr)
{
    if (login_challenge(carmen_request_http(cr)) != NGX_OK) {
        login_run(cr, NGX_ERROR);
        return;
    }

    carmen_problem_reply(cr, "invalid-credentials", NULL, NULL);
}


static void
login_wait(carmen_request_t *cr, time_t wait)
{
    ngx_str_t            detail;
    ngx_table_elt_t     *h;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        login_run(cr, NGX_ERROR);
        return;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    ngx_str_set(&h->key, "Retry-After");
    h->value = login_number(r->pool, wait);

    ngx_str_set(&detail, "Too many attempts on this account from your "
                "address.");

    carmen_problem_reply(cr, "too-many-requests", &detail, NULL);
}


ngx_int_t
carmen_auth_refresh(carmen_request_t *cr)
{
    json_t              *field;
    ngx_int_t            rc;
    ngx_str_t            token, hash, next, agent;
    login_ctx_t         *ctx;
    ngx_pool_cleanup_t  *cln;
    ngx_http_request_t  *r;
    carmen_auth_conf_t  *acf;

    r = carmen_request_http(cr);
    acf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_auth_module);

    ctx = ngx_pcalloc(r->pool, sizeof(login_ctx_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (ctx == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = login_cleanup;
    cln->data = ctx;

    field = json_object_get(carmen_request_body(cr), "refresh_token");
    token.data = (u_char *) json_string_value(field);
    token.len = json_string_length(field);

    rc = carmen_refresh_parse(r->pool, &token, &ctx->tenant, &hash);

    if (rc == NGX_DECLINED) {
        refresh_refuse(cr);
        return NGX_DONE;
    }

    ctx->tenant = login_copy(r->pool, ctx->tenant);
    ngx_str_set(&ctx->client, CARMEN_AUTH_CLIENT);

    if (rc != NGX_OK || ctx->tenant.data == NULL
        || carmen_refresh_create(r->pool, &ctx->tenant, &ctx->refresh, &next)
           != NGX_OK
        || refresh_agent(r, &agent) != NGX_OK)
    {
        return NGX_ERROR;
    }

    OPENSSL_cleanse(token.data, token.len);

    carmen_pair_t  values[] = {
        { "tenant", ctx->tenant },
        { "token", hash },
        { "next", next },
        { "client", ctx->client },
        { "agent", agent },
        { "grace", login_number(r->pool, acf->refresh_grace) },
        { NULL, ngx_null_string }
    };

    login_run(cr, carmen_query(cr, &auth_session_refresh, values,
                               refresh_done, ctx));

    return NGX_DONE;
}


static void
refresh_done(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    login_ctx_t  *ctx = data;

    time_t               left;
    ngx_str_t            outcome, expires;
    carmen_grant_t       grant;
    ngx_http_request_t  *r;
    carmen_auth_conf_t  *acf;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    r = carmen_request_http(cr);
    acf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_auth_module);

    grant.subject = carmen_result_value(result, 0, "user_id");

    if (grant.subject.data == NULL) {
        outcome = carmen_result_value(result, 0, "outcome");

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "carmen: refresh refused: %V", &outcome);
        refresh_refuse(cr);
        return;
    }

    expires = carmen_result_value(result, 0, "expires_in");
    left = ngx_atotm(expires.data, expires.len);

    grant.tenant = ctx->tenant;
    grant.client = ctx->client;
    grant.session = carmen_result_value(result, 0, "session_id");
    grant.scope = carmen_result_value(result, 0, "scope");
    grant.roles = carmen_result_value(result, 0, "roles");
    grant.lifetime = left < 1 ? 1 : ngx_min(acf->token_lifetime, left);
    carmen_auth_assurance(r->pool, result, &grant);

    carmen_auth_reply(cr, &grant, &ctx->refresh);
}


/* what of the client a repeated refresh must share: see auth:sessions */

static ngx_int_t
refresh_agent(ngx_http_request_t *r, ngx_str_t *agent)
{
    u_char     md[32];
    ngx_str_t  name;

    ngx_str_set(&name, "");

    if (r->headers_in.user_agent) {
        name = r->headers_in.user_agent->value;
    }

    agent->len = 2 * sizeof(md);
    agent->data = ngx_pnalloc(r->pool, agent->len);

    if (agent->data == NULL
        || EVP_Digest(name.data, name.len, md, NULL, EVP_sha256(), NULL) != 1)
    {
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(agent->data, md, sizeof(md));

    return NGX_OK;
}


static void
refresh_refuse(carmen_request_t *cr)
{
    if (login_challenge(carmen_request_http(cr)) != NGX_OK) {
        login_run(cr, NGX_ERROR);
        return;
    }

    carmen_problem_reply(cr, "invalid-refresh-token", NULL, NULL);
}


ngx_int_t
carmen_auth_logout(carmen_request_t *cr)
{
    carmen_identity_t  *identity;

    identity = carmen_identity(carmen_request_http(cr));

    carmen_pair_t  values[] = {
        { "session", identity->session },
        { NULL, ngx_null_string }
    };

    login_run(cr, carmen_query(cr, &auth_logout, values, NULL, NULL));

    return NGX_DONE;
}


/* ends with NUL; data NULL: no memory */

static ngx_str_t
login_copy(ngx_pool_t *pool, ngx_str_t value)
{
    ngx_str_t  copy;

    copy.len = value.len;
    copy.data = ngx_pnalloc(pool, value.len + 1);

    if (copy.data) {
        ngx_memcpy(copy.data, value.data, value.len);
        copy.data[value.len] = '\0';
    }

    return copy;
}


static ngx_str_t
login_number(ngx_pool_t *pool, time_t n)
{
    u_char     buf[NGX_TIME_T_LEN + 1];
    ngx_str_t  text;

    text.data = buf;
    text.len = ngx_sprintf(buf, "%T", n) - buf;

    return login_copy(pool, text);
}


/* RFC 9110 section 15.5.2: a 401 has a challenge */

static ngx_int_t
login_challenge(ngx_http_request_t *r)
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
    ngx_str_set(&h->key, "WWW-Authenticate");
    ngx_str_set(&h->value, "Bearer realm=\"carmen\"");
    r->headers_out.www_authenticate = h;

    return NGX_OK;
}


static ngx_shm_zone_t *
login_zone(ngx_http_request_t *r)
{
    carmen_auth_main_conf_t  *amcf;

    amcf = ngx_http_get_module_main_conf(r, ngx_http_carmen_auth_module);

    return amcf->zone;
}


/* carmen_query() has answered, or will, unless it returns NGX_ERROR */

static void
login_run(carmen_request_t *cr, ngx_int_t rc)
{
    if (rc == NGX_ERROR) {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
    }
}
