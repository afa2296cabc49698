
/* WebAuthn: options for the browser, and the registration of passkeys. */

#include "carmen_mfa.h"
#include "auth_statements.h"

#include <openssl/crypto.h>


typedef struct {
    ngx_str_t                 token;
    ngx_str_t                 challenge;
    carmen_mfa_codes_t        codes;
} passkey_ctx_t;


static passkey_ctx_t *passkey_ctx(carmen_request_t *cr);
static ngx_int_t passkey_off(carmen_request_t *cr);
static void options_ready(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void options_begun(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void options_send(carmen_request_t *cr, passkey_ctx_t *ctx,
    json_t *allowed, const char *verification);
static void enrol_begun(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void enrol_taken(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static json_t *enrol_verify(carmen_request_t *cr, ngx_str_t *challenge,
    const char **why);
static json_t *enrol_passkey(carmen_request_t *cr,
    const carmen_webauthn_data_t *data, const carmen_webauthn_key_t *key,
    const char *attestation);
static void enrol_done(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static carmen_auth_conf_t *passkey_conf(carmen_request_t *cr);
static json_t *passkey_text(const ngx_str_t *text);


static passkey_ctx_t *
passkey_ctx(carmen_request_t *cr)
{
    passkey_ctx_t  *ctx;

    ctx = ngx_pcalloc(carmen_request_http(cr)->pool, sizeof(passkey_ctx_t));

    if (ctx) {
        ctx->challenge = carmen_mfa_random(carmen_request_http(cr)->pool);
    }

    return ctx && ctx->challenge.data ? ctx : NULL;
}


/* NGX_DONE: there is no relying party, and the request was answered */

static ngx_int_t
passkey_off(carmen_request_t *cr)
{
    if (passkey_conf(cr)->rp.id.len) {
        return NGX_OK;
    }

    carmen_problem_reply(cr, "not-found", NULL, NULL);

    return NGX_DONE;
}


/* POST /auth/mfa/passkey: for a login or a step-up under way */

ngx_int_t
carmen_mfa_options(carmen_request_t *cr)
{
    ngx_int_t       rc;
    ngx_str_t       token, tenant, hash;
    ngx_pool_t     *pool;
    passkey_ctx_t  *ctx;

    if (passkey_off(cr) != NGX_OK) {
        return NGX_DONE;
    }

    pool = carmen_request_http(cr)->pool;
    ctx = passkey_ctx(cr);

    if (ctx == NULL) {
        return NGX_ERROR;
    }

    token = carmen_mfa_field(cr, "challenge_token");
    rc = carmen_refresh_parse(pool, &token, &tenant, &hash);

    if (rc == NGX_DECLINED) {
        carmen_mfa_refuse(cr, "invalid-challenge", NULL, NULL);
        return NGX_DONE;
    }

    ctx->token = carmen_mfa_copy(pool, token);
    tenant = carmen_mfa_copy(pool, tenant);

    if (rc != NGX_OK || ctx->token.data == NULL || tenant.data == NULL) {
        return NGX_ERROR;
    }

    carmen_pair_t  values[] = {
        { "tenant", tenant },
        { "token", hash },
        { "webauthn", ctx->challenge },
        { NULL, ngx_null_string }
    };

    carmen_mfa_run(cr, carmen_query(cr, &auth_mfa_webauthn, values,
                                    options_ready, ctx));

    return NGX_DONE;
}


static void
options_ready(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    json_t     *allowed;
    ngx_str_t   text;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    text = carmen_result_value(result, 0, "passkeys");

    if (text.data == NULL) {
        carmen_mfa_refuse(cr, "invalid-challenge", NULL, NULL);
        return;
    }

    allowed = json_loadb((char *) text.data, text.len, 0, NULL);

    options_send(cr, data, allowed, "preferred");
}


/* POST /auth/passkey/options: for whoever has a passkey */

ngx_int_t
carmen_passkey_options(carmen_request_t *cr)
{
    ngx_str_t       tenant, hash, client;
    ngx_pool_t     *pool;
    passkey_ctx_t  *ctx;

    if (passkey_off(cr) != NGX_OK) {
        return NGX_DONE;
    }

    pool = carmen_request_http(cr)->pool;
    ctx = passkey_ctx(cr);
    tenant = carmen_mfa_field(cr, "tenant");

    if (tenant.data == NULL) {
        tenant = carmen_request_tenant(cr);
    }

    tenant = carmen_mfa_copy(pool, tenant);
    ngx_str_set(&client, CARMEN_AUTH_CLIENT);

    if (ctx == NULL || tenant.data == NULL
        || carmen_refresh_create(pool, &tenant, &ctx->token, &hash)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    carmen_pair_t  values[] = {
        { "tenant", tenant },
        { "token", hash },
        { "client", client },
        { "webauthn", ctx->challenge },
        { NULL, ngx_null_string }
    };

    carmen_mfa_run(cr, carmen_query(cr, &auth_passkey_begin, values,
                                    options_begun, ctx));

    return NGX_DONE;
}


static void
options_begun(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    options_send(cr, data, json_array(), "required");
}


/* PublicKeyCredentialRequestOptionsJSON */

static void
options_send(carmen_request_t *cr, passkey_ctx_t *ctx, json_t *allowed,
    const char *verification)
{
    carmen_auth_conf_t  *acf;

    acf = passkey_conf(cr);

    carmen_mfa_reply(cr, NGX_HTTP_OK,
        json_pack("{s:o,s:{s:o,s:o,s:o,s:s,s:i}}",
                  "challenge_token", passkey_text(&ctx->token),
                  "publicKey",
                  "challenge", passkey_text(&ctx->challenge),
                  "rpId", passkey_text(&acf->rp.id),
                  "allowCredentials", allowed,
                  "userVerification", verification,
                  "timeout", CARMEN_MFA_PATIENCE * 1000));
}


/* POST /users/me/mfa/passkeys/options */

ngx_int_t
carmen_passkey_enrol(carmen_request_t *cr)
{
    ngx_str_t           hash;
    ngx_pool_t         *pool;
    passkey_ctx_t      *ctx;
    carmen_identity_t  *identity;

    if (passkey_off(cr) != NGX_OK) {
        return NGX_DONE;
    }

    pool = carmen_request_http(cr)->pool;
    ctx = passkey_ctx(cr);
    identity = carmen_identity(carmen_request_http(cr));

    if (ctx == NULL
        || carmen_refresh_create(pool, &identity->tenant, &ctx->token, &hash)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    carmen_pair_t  values[] = {
        { "session", identity->session },
        { "age", carmen_mfa_number(pool, passkey_conf(cr)->step_up_age) },
        { "token", hash },
        { "webauthn", ctx->challenge },
        { NULL, ngx_null_string }
    };

    carmen_mfa_run(cr, carmen_query(cr, &auth_passkey_enrol, values,
                                    enrol_begun, ctx));

    return NGX_DONE;
}


/* PublicKeyCredentialCreationOptionsJSON */

static void
enrol_begun(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    passkey_ctx_t  *ctx = data;

    json_t              *known;
    ngx_str_t            user, login, text;
    carmen_auth_conf_t  *acf;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    acf = passkey_conf(cr);

    user = carmen_mfa_encode(carmen_request_http(cr)->pool,
                             carmen_result_value(result, 0, "user_id"));
    login = carmen_result_value(result, 0, "login");
    text = carmen_result_value(result, 0, "passkeys");
    known = json_loadb((char *) text.data, text.len, 0, NULL);

    if (user.data == NULL) {
        json_decref(known);
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    carmen_mfa_reply(cr, NGX_HTTP_OK,
        json_pack("{s:o,s:{s:{s:o,s:o},s:{s:o,s:o,s:o},s:o,"
                  "s:[{s:s,s:i},{s:s,s:i},{s:s,s:i}],s:o,s:{s:s,s:s},s:s,"
                  "s:i}}",
                  "challenge_token", passkey_text(&ctx->token),
                  "publicKey",
                  "rp", "id", passkey_text(&acf->rp.id),
                  "name", passkey_text(&acf->rp.name),
                  "user", "id", passkey_text(&user),
                  "name", passkey_text(&login),
                  "displayName", passkey_text(&login),
                  "challenge", passkey_text(&ctx->challenge),
                  "pubKeyCredParams", "type", "public-key", "alg", -7,
                  "type", "public-key", "alg", -8,
                  "type", "public-key", "alg", -257,
                  "excludeCredentials", known,
                  "authenticatorSelection", "residentKey", "preferred",
                  "userVerification", "preferred",
                  "attestation", "none",
                  "timeout", CARMEN_MFA_PATIENCE * 1000));
}


/* POST /users/me/mfa/passkeys */

ngx_int_t
carmen_passkey_add(carmen_request_t *cr)
{
    ngx_int_t       rc;
    ngx_str_t       token, tenant, hash;
    ngx_pool_t     *pool;
    passkey_ctx_t  *ctx;

    if (passkey_off(cr) != NGX_OK) {
        return NGX_DONE;
    }

    pool = carmen_request_http(cr)->pool;
    ctx = ngx_pcalloc(pool, sizeof(passkey_ctx_t));

    if (ctx == NULL) {
        return NGX_ERROR;
    }

    token = carmen_mfa_field(cr, "challenge_token");
    rc = carmen_refresh_parse(pool, &token, &tenant, &hash);

    if (rc == NGX_DECLINED) {
        carmen_mfa_refuse(cr, "invalid-challenge", NULL, NULL);
        return NGX_DONE;
    }

    if (rc != NGX_OK || carmen_mfa_codes(pool, &ctx->codes) != NGX_OK) {
        return NGX_ERROR;
    }

    carmen_pair_t  values[] = {
        { "session", carmen_identity(carmen_request_http(cr))->session },
        { "token", hash },
        { NULL, ngx_null_string }
    };

    carmen_mfa_run(cr, carmen_query(cr, &auth_passkey_take, values,
                                    enrol_taken, ctx));

    return NGX_DONE;
}


static void
enrol_taken(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    passkey_ctx_t  *ctx = data;

    char        *text;
    json_t      *passkey;
    ngx_str_t    value, challenge;
    ngx_pool_t  *pool;
    const char  *why;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    pool = carmen_request_http(cr)->pool;
    challenge = carmen_result_value(result, 0, "webauthn");

    if (challenge.data == NULL) {
        carmen_mfa_refuse(cr, "invalid-challenge", NULL, NULL);
        return;
    }

    why = NULL;
    passkey = enrol_verify(cr, &challenge, &why);

    if (passkey == NULL && why) {
        carmen_mfa_invalid(cr, "/credential", why);
        return;
    }

    text = passkey ? json_dumps(passkey, JSON_COMPACT) : NULL;
    json_decref(passkey);

    if (text == NULL) {
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    value.data = (u_char *) text;
    value.len = ngx_strlen(text);
    value = carmen_mfa_copy(pool, value);
    free(text);

    carmen_pair_t  values[] = {
        { "session", carmen_identity(carmen_request_http(cr))->session },
        { "age", carmen_mfa_number(pool, passkey_conf(cr)->step_up_age) },
        { "passkey", value },
        { "codes", ctx->codes.hashes },
        { NULL, ngx_null_string }
    };

    carmen_mfa_run(cr, value.data
                   ? carmen_query(cr, &auth_passkey_add, values, enrol_done,
                                  ctx)
                   : NGX_ERROR);
}


/* what to keep of it; NULL: *why says what is wrong, or failed */

static json_t *
enrol_verify(carmen_request_t *cr, ngx_str_t *challenge, const char **why)
{
    json_t                  *passkey, *response;
    ngx_int_t                rc;
    ngx_str_t                client, object, id;
    ngx_pool_t              *pool;
    const char              *attestation;
    carmen_webauthn_key_t    key;
    carmen_webauthn_data_t   data;

    pool = carmen_request_http(cr)->pool;
    response = json_object_get(carmen_request_body(cr), "credential");

    *why = "The credential is malformed.";

    if (carmen_mfa_decode(pool, carmen_mfa_member(response, "id"), &id)
        != NGX_OK)
    {
        return NULL;
    }

    response = json_object_get(response, "response");

    if (carmen_mfa_decode(pool, carmen_mfa_member(response,
                                                  "clientDataJSON"), &client)
        != NGX_OK
        || carmen_mfa_decode(pool, carmen_mfa_member(response,
                                                     "attestationObject"),
                             &object)
           != NGX_OK)
    {
        return NULL;
    }

    rc = carmen_webauthn_register(&passkey_conf(cr)->rp, challenge, &client,
                                  &object, 0, &data, &key, &attestation,
                                  why);
    if (rc != NGX_OK) {
        *why = rc == NGX_ERROR ? NULL : *why;
        return NULL;
    }

    if (id.len != data.id.len || ngx_memcmp(id.data, data.id.data, id.len)) {
        EVP_PKEY_free(key.pkey);
        return NULL;
    }

    passkey = enrol_passkey(cr, &data, &key, attestation);
    EVP_PKEY_free(key.pkey);
    *why = NULL;

    return passkey;
}


static json_t *
enrol_passkey(carmen_request_t *cr, const carmen_webauthn_data_t *data,
    const carmen_webauthn_key_t *key, const char *attestation)
{
    u_char        aaguid[32];
    size_t        i;
    json_t       *list, *value, *transports;
    ngx_str_t     der, id, text, name;
    const char   *transport;

    if (carmen_webauthn_export(key, &der) != NGX_OK) {
        return NULL;
    }

    text = carmen_mfa_encode(carmen_request_http(cr)->pool, der);
    OPENSSL_free(der.data);
    id = carmen_mfa_encode(carmen_request_http(cr)->pool, data->id);
    (void) ngx_hex_dump(aaguid, (u_char *) data->aaguid, 16);

    if (text.data == NULL || id.data == NULL) {
        return NULL;
    }

    name = carmen_mfa_field(cr, "name");

    if (name.data == NULL) {
        ngx_str_set(&name, "Passkey");
    }

    /* hints of the browser: kept if they look like any */

    transports = json_array();
    list = json_object_get(json_object_get(
               json_object_get(carmen_request_body(cr), "credential"),
               "response"), "transports");

    json_array_foreach(list, i, value) {
        transport = json_string_value(value);

        if (transport && json_string_length(value) < 20 && i < 8
            && strspn(transport, "abcdefghijklmnopqrstuvwxyz-")
               == json_string_length(value))
        {
            (void) json_array_append(transports, value);
        }
    }

    return json_pack("{s:o,s:o,s:s,s:I,s:o,s:s%,s:o,s:b,s:b,s:s}",
                     "id", passkey_text(&id), "key", passkey_text(&text),
                     "alg", carmen_alg_name(key->alg),
                     "count", (json_int_t) data->count,
                     "name", passkey_text(&name),
                     "aaguid", aaguid, sizeof(aaguid),
                     "transports", transports,
                     "eligible", (data->flags & CARMEN_WEBAUTHN_BE) != 0,
                     "backedUp", (data->flags & CARMEN_WEBAUTHN_BS) != 0,
                     "attestation", attestation);
}


static void
enrol_done(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    passkey_ctx_t  *ctx = data;

    size_t            len;
    ngx_str_t         body, id, taken, *codes;
    static ngx_str_t  none = ngx_string("[]");

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    id = carmen_result_value(result, 0, "passkey_id");
    taken = carmen_result_value(result, 0, "codes");
    codes = taken.len && taken.data[0] == 't' ? &ctx->codes.codes : &none;

    len = id.len + codes->len + 64;
    body.data = ngx_pnalloc(carmen_request_http(cr)->pool, len);

    if (body.data == NULL) {
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    body.len = ngx_snprintf(body.data, len, "{\"passkeyId\":\"%V\","
                            "\"recoveryCodes\":%V}", &id, codes)
               - body.data;

    carmen_reply_json(cr, NGX_HTTP_CREATED, &body, NULL, NULL);
}


static carmen_auth_conf_t *
passkey_conf(carmen_request_t *cr)
{
    return ngx_http_get_module_loc_conf(carmen_request_http(cr),
                                        ngx_http_carmen_auth_module);
}


static json_t *
passkey_text(const ngx_str_t *text)
{
    return json_stringn((char *) text->data, text->len);
}
