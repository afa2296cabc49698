
/*
 * Authorization requests: RFC 6749 section 4.1.1, RFC 7636, RFC 9126 (pushed),
 * and what RFC 9700 asks for: PKCE always, redirect URIs exactly.
 */

#include "carmen_oauth_parts.h"
#include "auth_statements.h"


#define REQUEST_LIFETIME  90                 /* seconds of a pushed request */
#define CODE_LIFETIME     60

/* a parameter that no form has: the request was pushed */
#define REQUEST_PUSHED    " pushed"


typedef struct {
    json_t                   *form;
    json_t                   *client;
    carmen_oauth_request_pt   next;
    void                     *data;
} authorize_ctx_t;


typedef struct {
    carmen_oauth_code_pt      next;
    void                     *data;
    ngx_str_t                 code;
} code_ctx_t;


static void authorize_client(carmen_request_t *cr, json_t *client,
    void *data);
static void authorize_pushed(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void authorize_check(carmen_request_t *cr, authorize_ctx_t *ctx);
static void authorize_abort(carmen_request_t *cr, authorize_ctx_t *ctx,
    const char *description);
static ngx_uint_t request_redirect(json_t *client, const char *uri);
static size_t request_loopback(const char *uri);
static const char *request_check(json_t *client, json_t *form,
    ngx_uint_t pushed, carmen_oauth_request_t *request,
    const char **description);
static ngx_uint_t request_prompt(const char *prompt);
static ngx_uint_t request_challenge(ngx_str_t *challenge);
static void push_client(carmen_request_t *cr, json_t *client, void *data);
static void push_done(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void code_done(carmen_request_t *cr, carmen_result_t *result,
    void *data);


ngx_int_t
carmen_oauth_authorize(carmen_request_t *cr, json_t *form,
    carmen_oauth_request_pt next, void *data)
{
    ngx_str_t         id;
    authorize_ctx_t  *ctx;

    ctx = ngx_pcalloc(carmen_request_http(cr)->pool, sizeof(authorize_ctx_t));
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->form = form;
    ctx->next = next;
    ctx->data = data;

    id = carmen_oauth_param(form, "client_id");

    if (id.data == NULL) {
        authorize_abort(cr, ctx, "The parameter client_id is missing.");
        return NGX_DONE;
    }

    return carmen_oauth_client_find(cr, &id, authorize_client, ctx);
}


static void
authorize_client(carmen_request_t *cr, json_t *client, void *data)
{
    authorize_ctx_t  *ctx = data;

    size_t     len;
    ngx_str_t  uri, hash;

    if (client == NULL) {
        authorize_abort(cr, ctx, "The client is not known.");
        return;
    }

    ctx->client = client;
    uri = carmen_oauth_param(ctx->form, "request_uri");

    if (uri.data == NULL) {
        authorize_check(cr, ctx);
        return;
    }

    len = sizeof(CARMEN_OAUTH_REQUEST_URN) - 1;

    if (uri.len <= len
        || ngx_memcmp(uri.data, CARMEN_OAUTH_REQUEST_URN, len) != 0)
    {
        authorize_abort(cr, ctx, "The request_uri was not given out here.");
        return;
    }

    if (carmen_auth_hash(carmen_request_http(cr)->pool, &uri, &hash)
        != NGX_OK)
    {
        carmen_oauth_run(cr, NGX_ERROR);
        return;
    }

    carmen_pair_t  values[] = {
        { "hash", hash },
        { "client", carmen_oauth_text(client, "client_id") },
        { NULL, ngx_null_string }
    };

    carmen_oauth_run(cr, carmen_query(cr, &auth_oauth_request_take, values,
                                      authorize_pushed, ctx));
}


static void
authorize_pushed(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    authorize_ctx_t  *ctx = data;

    json_t     *form;
    ngx_str_t   text;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    text = carmen_result_value(result, 0, "parameters");

    if (text.data == NULL) {
        authorize_abort(cr, ctx, "The request has expired or was used "
                        "before: begin again at the application.");
        return;
    }

    form = carmen_json_keep(carmen_request_http(cr)->pool,
                            json_loadb((char *) text.data, text.len, 0,
                                       NULL));

    if (form == NULL
        || json_object_set_new(form, REQUEST_PUSHED, json_string("1")) != 0)
    {
        carmen_oauth_run(cr, NGX_ERROR);
        return;
    }

    ctx->form = form;
    authorize_check(cr, ctx);
}


static void
authorize_check(carmen_request_t *cr, authorize_ctx_t *ctx)
{
    ngx_int_t                rc;
    const char              *error, *description;
    carmen_oauth_request_t  *request;

    request = ngx_pcalloc(carmen_request_http(cr)->pool,
                          sizeof(carmen_oauth_request_t));
    if (request == NULL) {
        carmen_oauth_run(cr, NGX_ERROR);
        return;
    }

    rc = carmen_oauth_request(carmen_request_http(cr)->pool, ctx->client,
                              ctx->form,
                              json_object_get(ctx->form, REQUEST_PUSHED)
                              != NULL,
                              request, &error, &description);

    if (rc == NGX_ERROR) {
        carmen_oauth_run(cr, NGX_ERROR);
        return;
    }

    ctx->next(cr, rc, rc == NGX_ABORT ? NULL : request, error, description,
              ctx->data);
}


static void
authorize_abort(carmen_request_t *cr, authorize_ctx_t *ctx,
    const char *description)
{
    ctx->next(cr, NGX_ABORT, NULL, "invalid_request", description, ctx->data);
}


ngx_int_t
carmen_oauth_request(ngx_pool_t *pool, json_t *client, json_t *form,
    ngx_uint_t pushed, carmen_oauth_request_t *request, const char **error,
    const char **description)
{
    json_t     *metadata;
    ngx_str_t   text;

    *error = "invalid_request";
    *description = "The parameter redirect_uri is missing, or is none of "
                   "those that the client is registered with.";

    request->redirect_uri = carmen_oauth_param(form, "redirect_uri");

    if (request->redirect_uri.data == NULL
        || !request_redirect(client, (char *) request->redirect_uri.data))
    {
        return NGX_ABORT;
    }

    metadata = json_object_get(client, "metadata");

    request->client = carmen_oauth_text(client, "client_id");
    request->client_name = carmen_oauth_text(client, "name");
    request->client_uri = carmen_oauth_text(metadata, "client_uri");
    request->logo_uri = carmen_oauth_text(metadata, "logo_uri");
    request->policy_uri = carmen_oauth_text(metadata, "policy_uri");
    request->tos_uri = carmen_oauth_text(metadata, "tos_uri");
    request->trusted = json_is_true(json_object_get(client, "trusted"));
    request->parameters = form;
    request->state = carmen_oauth_param(form, "state");
    request->nonce = carmen_oauth_param(form, "nonce");
    request->challenge = carmen_oauth_param(form, "code_challenge");
    request->dpop_jkt = carmen_oauth_param(form, "dpop_jkt");
    request->prompt = carmen_oauth_param(form, "prompt");
    request->login_hint = carmen_oauth_param(form, "login_hint");
    request->acr_values = carmen_oauth_param(form, "acr_values");
    request->ui_locales = carmen_oauth_param(form, "ui_locales");
    request->id_token_hint = carmen_oauth_param(form, "id_token_hint");
    request->max_age = -1;

    text = carmen_oauth_param(form, "response_mode");
    request->form_post = text.data
                         && ngx_strcmp(text.data, "form_post") == 0;

    *error = request_check(client, form, pushed, request, description);

    if (*error) {
        return NGX_DECLINED;
    }

    text = carmen_oauth_param(form, "scope");

    if (text.data == NULL) {
        ngx_str_set(&text, "");
    }

    request->scope = carmen_oauth_narrow(pool, client, &text);

    if (request->scope.data == NULL) {
        return NGX_ERROR;
    }

    if (request->scope.len == 0) {
        *error = "invalid_scope";
        *description = "The client may have none of these scopes.";
        return NGX_DECLINED;
    }

    request->offline = ngx_strstr(request->scope.data, "offline_access")
                       != NULL;

    return NGX_OK;
}


/* exactly; but a native application may listen on any port (RFC 8252, 7.3) */

static ngx_uint_t
request_redirect(json_t *client, const char *uri)
{
    size_t       i, len;
    json_t      *item;
    const char  *known, *path;

    if (carmen_oauth_has(client, "redirect_uris", uri)) {
        return 1;
    }

    len = request_loopback(uri);

    if (len == 0) {
        return 0;
    }

    path = uri + len;

    if (*path == ':') {
        path++;
        path += strspn(path, "0123456789");
    }

    json_array_foreach(json_object_get(client, "redirect_uris"), i, item) {
        known = json_string_value(item);

        if (known == NULL || request_loopback(known) != len
            || ngx_memcmp(known, uri, len) != 0)
        {
            continue;
        }

        known += len;

        if (*known == ':') {
            known++;
            known += strspn(known, "0123456789");
        }

        if ((*path == '/' || *path == '\0') && ngx_strcmp(known, path) == 0) {
            return 1;
        }
    }

    return 0;
}


/* how much of it is http and a loopback address; 0: it is not */

static size_t
request_loopback(const char *uri)
{
    size_t       i, len;

    static const char *const  loopback[] = {
        "http://127.0.0.1", "http://[::1]"
    };

    for (i = 0; i < 2; i++) {
        len = ngx_strlen(loopback[i]);

        if (ngx_strncmp(uri, loopback[i], len) == 0
            && (uri[len] == ':' || uri[len] == '/' || uri[len] == '\0'))
        {
            return len;
        }
    }

    return 0;
}


static const char *
request_check(json_t *client, json_t *form, ngx_uint_t pushed,
    carmen_oauth_request_t *request, const char **description)
{
    ngx_str_t  type, method, mode, age;

    type = carmen_oauth_param(form, "response_type");
    method = carmen_oauth_param(form, "code_challenge_method");
    mode = carmen_oauth_param(form, "response_mode");
    age = carmen_oauth_param(form, "max_age");

    if (type.data == NULL) {
        *description = "The parameter response_type is missing.";
        return "invalid_request";
    }

    if (ngx_strcmp(type.data, "code") != 0) {
        *description = "The response_type must be code.";
        return "unsupported_response_type";
    }

    if (!carmen_oauth_has(client, "grants", "authorization_code")) {
        *description = "The client is not registered for codes.";
        return "unauthorized_client";
    }

    if (json_object_get(form, "request")) {
        *description = "Signed requests are not supported: push them.";
        return "request_not_supported";
    }

    if (!pushed && json_is_true(json_object_get(client, "par_required"))) {
        *description = "The client must push its requests.";
        return "invalid_request";
    }

    if (method.data == NULL || ngx_strcmp(method.data, "S256") != 0
        || !request_challenge(&request->challenge))
    {
        *description = "A code_challenge with the method S256 is needed.";
        return "invalid_request";
    }

    if (mode.data && !request->form_post
        && ngx_strcmp(mode.data, "query") != 0)
    {
        *description = "The response_mode must be query or form_post.";
        return "invalid_request";
    }

    if (request->prompt.data
        && !request_prompt((char *) request->prompt.data))
    {
        *description = "The prompt is none, or of login, consent and "
                       "select_account.";
        return "invalid_request";
    }

    if (age.data) {
        request->max_age = ngx_atotm(age.data, age.len);

        if (request->max_age == NGX_ERROR) {
            *description = "The max_age is not a number of seconds.";
            return "invalid_request";
        }
    }

    if (request->dpop_jkt.data
        && !request_challenge(&request->dpop_jkt))
    {
        *description = "The dpop_jkt is not a thumbprint.";
        return "invalid_request";
    }

    if (request->state.len > 1024 || request->nonce.len > 512) {
        *description = "The state or the nonce is too long.";
        return "invalid_request";
    }

    return NULL;
}


static ngx_uint_t
request_prompt(const char *prompt)
{
    size_t       i, len;
    ngx_uint_t   known;

    static const char *const  words[] = {
        "login", "consent", "select_account"
    };

    if (ngx_strcmp(prompt, "none") == 0) {
        return 1;
    }

    while (*prompt) {
        len = strcspn(prompt, " ");
        known = 0;

        for (i = 0; i < 3; i++) {
            known |= ngx_strlen(words[i]) == len
                     && ngx_strncmp(words[i], prompt, len) == 0;
        }

        if (!known) {
            return 0;
        }

        prompt += len + (prompt[len] == ' ');
    }

    return 1;
}


/* base64url of a SHA-256 */

static ngx_uint_t
request_challenge(ngx_str_t *challenge)
{
    return challenge->len == CARMEN_THUMBPRINT
           && strspn((char *) challenge->data, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                     "abcdefghijklmnopqrstuvwxyz0123456789-_")
              == CARMEN_THUMBPRINT;
}


ngx_int_t
carmen_oauth_push(carmen_request_t *cr)
{
    json_t  *form;

    form = carmen_oauth_post(cr);

    return form ? carmen_oauth_client(cr, form, push_client, form) : NGX_DONE;
}


static void
push_client(carmen_request_t *cr, json_t *client, void *data)
{
    json_t  *form = data;

    char                    *text;
    ngx_int_t                rc;
    ngx_str_t                jkt, x5t, hash, s, parameters;
    ngx_str_t               *uri;
    ngx_uint_t               i;
    ngx_pool_t              *pool;
    const char              *error, *description;
    carmen_oauth_request_t   request;

    static const char *const  secrets[] = {
        "client_secret", "client_assertion", "client_assertion_type", NULL
    };

    pool = carmen_request_http(cr)->pool;

    if (json_object_get(form, "request_uri")) {
        carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST, "invalid_request",
                            "A pushed request has no request_uri.");
        return;
    }

    /* a proof is welcome, but only the token needs one */

    if (carmen_oauth_bind(cr, NULL, &jkt, &x5t) != NGX_OK) {
        return;
    }

    /* RFC 9449 section 10.1 */

    if (jkt.len) {
        s = carmen_oauth_param(form, "dpop_jkt");

        if (s.data && (s.len != jkt.len
                       || ngx_memcmp(s.data, jkt.data, s.len) != 0))
        {
            carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST,
                                "invalid_dpop_proof",
                                "The proof is of another key than "
                                "dpop_jkt.");
            return;
        }

        if (json_object_set_new(form, "dpop_jkt",
                                json_stringn((char *) jkt.data, jkt.len))
            != 0)
        {
            carmen_oauth_run(cr, NGX_ERROR);
            return;
        }
    }

    for (i = 0; secrets[i]; i++) {
        (void) json_object_del(form, secrets[i]);
    }

    ngx_memzero(&request, sizeof(carmen_oauth_request_t));

    rc = carmen_oauth_request(pool, client, form, 1, &request, &error,
                              &description);

    if (rc == NGX_DECLINED || rc == NGX_ABORT) {
        carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST, error, description);
        return;
    }

    if (rc == NGX_OK
        && json_object_set(form, "client_id",
                           json_object_get(client, "client_id"))
           != 0)
    {
        rc = NGX_ERROR;
    }

    uri = ngx_palloc(pool, sizeof(ngx_str_t));
    text = rc == NGX_OK ? json_dumps(form, JSON_COMPACT) : NULL;

    if (text == NULL || uri == NULL) {
        free(text);
        carmen_oauth_run(cr, NGX_ERROR);
        return;
    }

    s.data = (u_char *) text;
    s.len = ngx_strlen(text);
    parameters = carmen_oauth_copy(pool, s);
    free(text);

    if (parameters.data == NULL
        || carmen_oauth_random(pool, CARMEN_OAUTH_REQUEST_URN, uri, &hash)
           != NGX_OK)
    {
        carmen_oauth_run(cr, NGX_ERROR);
        return;
    }

    carmen_pair_t  values[] = {
        { "hash", hash },
        { "client", request.client },
        { "parameters", parameters },
        { "lifetime", carmen_oauth_number(pool, REQUEST_LIFETIME) },
        { NULL, ngx_null_string }
    };

    carmen_oauth_run(cr, carmen_query(cr, &auth_oauth_request_push, values,
                                      push_done, uri));
}


static void
push_done(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    ngx_str_t  *uri = data;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    carmen_oauth_reply(cr, NGX_HTTP_CREATED,
                       json_pack("{s:s, s:i}", "request_uri", uri->data,
                                 "expires_in", REQUEST_LIFETIME));
}


ngx_int_t
carmen_oauth_code(carmen_request_t *cr, carmen_oauth_request_t *request,
    carmen_oauth_consent_t *consent, carmen_oauth_code_pt next, void *data)
{
    ngx_int_t    rc;
    ngx_str_t    hash;
    ngx_pool_t  *pool;
    code_ctx_t  *ctx;

    pool = carmen_request_http(cr)->pool;

    ctx = ngx_palloc(pool, sizeof(code_ctx_t));
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->next = next;
    ctx->data = data;

    if (carmen_oauth_random(pool, "", &ctx->code, &hash) != NGX_OK) {
        return NGX_ERROR;
    }

    carmen_pair_t  values[] = {
        { "hash", hash },
        { "client", request->client },
        { "redirect_uri", request->redirect_uri },
        { "challenge", request->challenge },
        { "nonce", request->nonce },
        { "jkt", request->dpop_jkt },
        { "scope", consent->scope },
        { "user", consent->user },
        { "browser", consent->browser },
        { "auth_time", carmen_oauth_number(pool, consent->auth_time) },
        { "acr", consent->acr },
        { "amr", consent->amr },
        { "lifetime", carmen_oauth_number(pool, CODE_LIFETIME) },
        { NULL, ngx_null_string }
    };

    rc = carmen_query(cr, &auth_oauth_code_issue, values, code_done, ctx);

    return rc == NGX_ERROR ? rc : NGX_DONE;
}


static void
code_done(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    code_ctx_t  *ctx = data;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    ctx->next(cr, &ctx->code, ctx->data);
}
