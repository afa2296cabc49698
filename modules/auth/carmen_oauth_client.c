
/* Who a client is, and how it proves it. */

#include "carmen_oauth_parts.h"
#include "carmen_proofs.h"
#include "auth_statements.h"

#include <openssl/crypto.h>


#define ASSERTION_AHEAD  3600                /* seconds from now to exp */


typedef struct {
    carmen_oauth_client_pt    next;
    void                     *data;
    const char               *method;        /* that was used; NULL: by
                                                client_id alone */
    ngx_str_t                 id;
    ngx_str_t                 secret;
    ngx_str_t                 assertion;
    carmen_jws_t              jws;
} client_ctx_t;


static ngx_int_t client_basic(carmen_request_t *cr, client_ctx_t *ctx,
    ngx_str_t *header);
static ngx_int_t client_unescape(ngx_pool_t *pool, u_char *p, u_char *last,
    ngx_str_t *s);
static ngx_int_t client_assertion(carmen_request_t *cr, client_ctx_t *ctx,
    json_t *form);
static void client_found(carmen_request_t *cr, json_t *client, void *data);
static const char *client_proved(carmen_request_t *cr, json_t *client,
    client_ctx_t *ctx);
static const char *client_secret(ngx_pool_t *pool, json_t *client,
    ngx_str_t *secret);
static const char *client_jwt(carmen_request_t *cr, json_t *client,
    client_ctx_t *ctx);
static ngx_int_t client_audience(carmen_request_t *cr, json_t *aud);
static const char *client_self_signed(carmen_request_t *cr, json_t *client);
static void client_row(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void client_refuse(carmen_request_t *cr, const char *why);


ngx_int_t
carmen_oauth_client(carmen_request_t *cr, json_t *form,
    carmen_oauth_client_pt next, void *data)
{
    ngx_int_t            rc;
    ngx_str_t            id, secret;
    ngx_uint_t           n;
    client_ctx_t        *ctx;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);

    ctx = ngx_pcalloc(r->pool, sizeof(client_ctx_t));
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->next = next;
    ctx->data = data;

    id = carmen_oauth_param(form, "client_id");
    secret = carmen_oauth_param(form, "client_secret");
    ctx->assertion = carmen_oauth_param(form, "client_assertion");

    /* RFC 6749 section 2.3: one method a request */

    n = (r->headers_in.authorization != NULL) + (secret.data != NULL)
        + (ctx->assertion.data != NULL);

    if (n > 1) {
        carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST, "invalid_request",
                            "The client uses several methods at once.");
        return NGX_DONE;
    }

    rc = NGX_OK;

    if (r->headers_in.authorization) {
        rc = client_basic(cr, ctx, &r->headers_in.authorization->value);

    } else if (ctx->assertion.data) {
        rc = client_assertion(cr, ctx, form);

    } else {
        ctx->id = id;
        ctx->secret = secret;
        ctx->method = secret.data ? "client_secret_post" : NULL;
    }

    if (rc == NGX_ERROR) {
        return rc;
    }

    if (rc == NGX_OK && id.data
        && (id.len != ctx->id.len
            || ngx_memcmp(id.data, ctx->id.data, id.len) != 0))
    {
        rc = NGX_DECLINED;
    }

    if (rc != NGX_OK || ctx->id.len == 0 || ctx->id.len > 128) {
        client_refuse(cr, "malformed");
        return NGX_DONE;
    }

    return carmen_oauth_client_find(cr, &ctx->id, client_found, ctx);
}


static ngx_int_t
client_basic(carmen_request_t *cr, client_ctx_t *ctx, ngx_str_t *header)
{
    u_char      *p, *colon, *last;
    ngx_str_t    text, plain;
    ngx_pool_t  *pool;

    pool = carmen_request_http(cr)->pool;

    if (header->len < 6
        || ngx_strncasecmp(header->data, (u_char *) "Basic ", 6) != 0)
    {
        return NGX_DECLINED;
    }

    text.data = header->data + 6;
    text.len = header->len - 6;

    plain.data = ngx_pnalloc(pool, ngx_base64_decoded_length(text.len) + 1);
    if (plain.data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_decode_base64(&plain, &text) != NGX_OK) {
        return NGX_DECLINED;
    }

    p = plain.data;
    last = p + plain.len;
    colon = ngx_strlchr(p, last, ':');
    ctx->method = "client_secret_basic";

    if (colon == NULL) {
        return NGX_DECLINED;
    }

    if (client_unescape(pool, p, colon, &ctx->id) != NGX_OK) {
        return NGX_DECLINED;
    }

    return client_unescape(pool, colon + 1, last, &ctx->secret);
}


/* both are form-encoded before they are base64: RFC 6749 section 2.3.1 */

static ngx_int_t
client_unescape(ngx_pool_t *pool, u_char *p, u_char *last, ngx_str_t *s)
{
    u_char     *d;
    ngx_int_t   c;

    d = ngx_pnalloc(pool, last - p + 1);
    if (d == NULL) {
        return NGX_ERROR;
    }

    s->data = d;

    for ( /* void */ ; p < last; p++) {
        c = *p == '+' ? ' ' : *p;

        if (c == '%') {
            c = last - p < 3 ? -1 : ngx_hextoi(p + 1, 2);
            p += 2;
        }

        if (c < 0x20 || c > 0x7e) {
            return NGX_DECLINED;
        }

        *d++ = (u_char) c;
    }

    *d = '\0';
    s->len = d - s->data;

    return NGX_OK;
}


/* RFC 7523 section 3: the client names itself in the assertion */

static ngx_int_t
client_assertion(carmen_request_t *cr, client_ctx_t *ctx, json_t *form)
{
    ngx_int_t    rc;
    ngx_str_t    type, sub;
    const char  *why;

    type = carmen_oauth_param(form, "client_assertion_type");
    ctx->method = "private_key_jwt";

    if (type.data == NULL
        || ngx_strcmp(type.data, CARMEN_OAUTH_ASSERTION) != 0)
    {
        return NGX_DECLINED;
    }

    rc = carmen_jws_read(carmen_request_http(cr)->pool, &ctx->assertion, 0,
                         &ctx->jws, &why);
    if (rc != NGX_OK) {
        return rc;
    }

    sub = carmen_oauth_text(ctx->jws.claims, "sub");

    if (sub.data == NULL
        || !json_equal(json_object_get(ctx->jws.claims, "iss"),
                       json_object_get(ctx->jws.claims, "sub")))
    {
        return NGX_DECLINED;
    }

    ctx->id = sub;

    return NGX_OK;
}


static void
client_found(carmen_request_t *cr, json_t *client, void *data)
{
    client_ctx_t  *ctx = data;

    const char  *why;

    why = client ? client_proved(cr, client, ctx) : "unknown";

    if (why) {
        client_refuse(cr, why);
        return;
    }

    ctx->next(cr, client, ctx->data);
}


/* NULL: it is who it says it is */

static const char *
client_proved(carmen_request_t *cr, json_t *client, client_ctx_t *ctx)
{
    ngx_str_t    method, subject, dn;

    method = carmen_oauth_text(client, "auth_method");

    if (ctx->method && ngx_strcmp(method.data, ctx->method) != 0) {
        return "not the method that is registered";
    }

    if (ngx_strncmp(method.data, "client_secret", 13) == 0) {
        return ctx->method ? client_secret(carmen_request_http(cr)->pool,
                                           client, &ctx->secret)
                           : "no secret";
    }

    if (ngx_strcmp(method.data, "private_key_jwt") == 0) {
        return ctx->method ? client_jwt(cr, client, ctx) : "no assertion";
    }

    if (ngx_strcmp(method.data, "self_signed_tls_client_auth") == 0) {
        return client_self_signed(cr, client);
    }

    if (ngx_strcmp(method.data, "tls_client_auth") == 0) {
        subject = carmen_oauth_text(client, "tls_subject");

        return carmen_certificate_subject(carmen_request_http(cr), &dn)
               == NGX_OK
               && dn.len == subject.len
               && ngx_memcmp(dn.data, subject.data, dn.len) == 0
               ? NULL : "another certificate";
    }

    return NULL;
}


static const char *
client_secret(ngx_pool_t *pool, json_t *client, ngx_str_t *secret)
{
    ngx_str_t  hash, stored;

    stored = carmen_oauth_text(client, "secret_hash");

    return carmen_auth_hash(pool, secret, &hash) == NGX_OK
           && stored.len == hash.len
           && CRYPTO_memcmp(stored.data, hash.data, hash.len) == 0
           ? NULL : "wrong secret";
}


static const char *
client_jwt(carmen_request_t *cr, json_t *client, client_ctx_t *ctx)
{
    u_char                    md[CARMEN_PROOF_DIGEST], *buf, *p;
    time_t                    now, exp, nbf;
    ngx_int_t                 rc;
    ngx_str_t                 jti, tenant;
    ngx_pool_t               *pool;
    carmen_jwk_t             *key;
    carmen_jws_t             *jws;
    carmen_auth_conf_t       *acf;
    carmen_auth_main_conf_t  *amcf;

    jws = &ctx->jws;
    acf = carmen_oauth_conf(cr);
    pool = carmen_request_http(cr)->pool;
    now = ngx_time();

    if (json_object_get(jws->header, "typ") && !carmen_jws_is(jws, "JWT")
        && !carmen_jws_is(jws, "client-authentication+jwt"))
    {
        return "the assertion is of another type";
    }

    key = carmen_jws_key(pool, jws, json_object_get(client, "jwks"));

    if (key == NULL || carmen_jws_verify(jws, key) != NGX_OK) {
        return "the assertion's signature does not fit";
    }

    if (client_audience(cr, json_object_get(jws->claims, "aud")) != NGX_OK) {
        return "the assertion is for another audience";
    }

    if (carmen_jws_time(jws->claims, "exp", &exp) != NGX_OK
        || exp + acf->leeway <= now || exp > now + ASSERTION_AHEAD
        || (json_object_get(jws->claims, "nbf")
            && (carmen_jws_time(jws->claims, "nbf", &nbf) != NGX_OK
                || nbf > now + acf->leeway)))
    {
        return "the assertion's time is not now";
    }

    jti = carmen_oauth_text(jws->claims, "jti");

    if (jti.len == 0 || jti.len > 256) {
        return "the assertion has no jti";
    }

    /* a client may be of the same name in two tenants */

    tenant = carmen_request_tenant(cr);

    buf = ngx_pnalloc(pool, tenant.len + ctx->id.len + jti.len + 2);
    if (buf == NULL) {
        return "no memory";
    }

    p = ngx_sprintf(buf, "%V %V ", &tenant, &ctx->id);
    p = ngx_cpymem(p, jti.data, jti.len);

    if (EVP_Digest(buf, p - buf, md, NULL, EVP_sha256(), NULL) != 1) {
        return "no digest";
    }

    amcf = ngx_http_get_module_main_conf(carmen_request_http(cr),
                                         ngx_http_carmen_auth_module);

    rc = carmen_proof_use(amcf->proofs_zone, md, exp + acf->leeway);

    return rc == NGX_OK ? NULL : "the assertion was used before";
}


/* the issuer, or the endpoint that is asked */

static ngx_int_t
client_audience(carmen_request_t *cr, json_t *aud)
{
    size_t       i;
    json_t      *item;
    ngx_str_t    uri, urls[3];
    ngx_uint_t   n;
    const char  *text;

    uri = carmen_oauth_copy(carmen_request_http(cr)->pool,
                            carmen_request_http(cr)->uri);
    if (uri.data == NULL) {
        return NGX_ERROR;
    }

    urls[0] = carmen_oauth_copy(carmen_request_http(cr)->pool,
                                carmen_oauth_conf(cr)->issuer);
    urls[1] = carmen_oauth_url(cr, "/oauth/token");
    urls[2] = carmen_oauth_url(cr, (char *) uri.data);

    for (i = 0; i < (json_is_array(aud) ? json_array_size(aud) : 1); i++) {
        item = json_is_array(aud) ? json_array_get(aud, i) : aud;
        text = json_string_value(item);

        for (n = 0; text && n < 3; n++) {
            if (urls[n].data && ngx_strcmp(text, urls[n].data) == 0) {
                return NGX_OK;
            }
        }
    }

    return NGX_DECLINED;
}


/* RFC 8705 section 2.2: the certificate's key is one of the client's */

static const char *
client_self_signed(carmen_request_t *cr, json_t *client)
{
    size_t         i;
    json_t        *jwk;
    EVP_PKEY      *pkey;
    const char    *why;
    carmen_jwk_t  *key;

    pkey = carmen_certificate_key(carmen_request_http(cr));

    if (pkey == NULL) {
        return "no certificate";
    }

    why = "another certificate";

    json_array_foreach(json_object_get(json_object_get(client, "jwks"),
                                       "keys"), i, jwk)
    {
        key = carmen_jws_jwk(carmen_request_http(cr)->pool, jwk);

        if (key && EVP_PKEY_eq(key->pkey, pkey) == 1) {
            why = NULL;
            break;
        }
    }

    EVP_PKEY_free(pkey);

    return why;
}


ngx_int_t
carmen_oauth_client_find(carmen_request_t *cr, ngx_str_t *id,
    carmen_oauth_client_pt next, void *data)
{
    ngx_int_t      rc;
    client_ctx_t  *ctx;

    ctx = ngx_pcalloc(carmen_request_http(cr)->pool, sizeof(client_ctx_t));
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->next = next;
    ctx->data = data;

    carmen_pair_t  values[] = {
        { "client", *id },
        { NULL, ngx_null_string }
    };

    rc = carmen_query(cr, &auth_oauth_client_find, values, client_row, ctx);

    return rc == NGX_ERROR ? rc : NGX_DONE;
}


static void
client_row(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    client_ctx_t  *ctx = data;

    json_t     *client;
    ngx_str_t   text;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    text = carmen_result_value(result, 0, "client");
    client = NULL;

    if (text.data) {
        client = carmen_json_keep(carmen_request_http(cr)->pool,
                                  json_loadb((char *) text.data, text.len, 0,
                                             NULL));
        if (client == NULL) {
            carmen_oauth_run(cr, NGX_ERROR);
            return;
        }
    }

    ctx->next(cr, client, ctx->data);
}


static void
client_refuse(carmen_request_t *cr, const char *why)
{
    ngx_log_error(NGX_LOG_INFO,
                  carmen_request_http(cr)->connection->log, 0,
                  "carmen: oauth client refused: %s", why);

    carmen_oauth_refuse(cr, NGX_HTTP_UNAUTHORIZED, "invalid_client",
                        "The client is not known, or has not proved who it "
                        "is as it is registered.");
}


ngx_uint_t
carmen_oauth_has(json_t *client, const char *list, const char *value)
{
    size_t   i;
    json_t  *item;

    json_array_foreach(json_object_get(client, list), i, item) {
        if (json_is_string(item)
            && ngx_strcmp(json_string_value(item), value) == 0)
        {
            return 1;
        }
    }

    return 0;
}


ngx_str_t
carmen_oauth_narrow(ngx_pool_t *pool, json_t *client, ngx_str_t *asked)
{
    u_char     *p, *d, *last, *end;
    ngx_str_t   scope, word;

    scope.len = 0;
    scope.data = ngx_pnalloc(pool, asked->len + 1);
    word.data = ngx_pnalloc(pool, asked->len + 1);

    if (scope.data == NULL || word.data == NULL) {
        scope.data = NULL;
        return scope;
    }

    d = scope.data;
    p = asked->data;
    last = p + asked->len;

    for ( /* void */ ; p < last; p = end + 1) {
        end = ngx_strlchr(p, last, ' ');

        if (end == NULL) {
            end = last;
        }

        word.len = end - p;
        ngx_memcpy(word.data, p, word.len);
        word.data[word.len] = '\0';

        if (word.len == 0
            || !carmen_oauth_has(client, "scopes", (char *) word.data))
        {
            continue;
        }

        if (d > scope.data) {
            *d++ = ' ';
        }

        d = ngx_cpymem(d, word.data, word.len);
    }

    *d = '\0';
    scope.len = d - scope.data;

    return scope;
}


ngx_int_t
carmen_oauth_bind(carmen_request_t *cr, json_t *client, ngx_str_t *jkt,
    ngx_str_t *x5t)
{
    ngx_int_t            rc;
    const char          *why;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);
    ngx_str_null(jkt);
    ngx_str_null(x5t);
    why = "There is no DPoP proof.";

    rc = carmen_dpop_check(r, carmen_oauth_conf(cr), NULL, jkt, &why);

    if (rc == NGX_ERROR || rc == NGX_BUSY) {
        why = "The DPoP proof cannot be checked now.";
    }

    if (rc != NGX_OK
        && (rc != NGX_AGAIN
            || json_is_true(json_object_get(client, "dpop_bound"))))
    {
        carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST, "invalid_dpop_proof",
                            why);
        return NGX_DONE;
    }

    if (rc == NGX_OK) {
        *jkt = carmen_oauth_copy(r->pool, *jkt);
    }

    if (json_is_true(json_object_get(client, "tls_bound"))
        && carmen_certificate(r, x5t) != NGX_OK)
    {
        carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST, "invalid_request",
                            "The client has to show its certificate.");
        return NGX_DONE;
    }

    return NGX_OK;
}
