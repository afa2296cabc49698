
#include "carmen_credential.h"
#include "carmen_revocation.h"
#include "auth_statements.h"
#include "carmen_base64url.h"

#include <openssl/ssl.h>


#define CREDENTIAL_SECONDS  60           /* how long an answer is kept */
#define CREDENTIAL_NOBODY   5            /* the same, when it is no one's */
#define CREDENTIAL_RANDOM   32           /* bytes in a key */


/* of a request that waits for the database, or has waited */

typedef struct {
    ngx_http_request_t       *request;   /* NULL: it has gone */
    carmen_token_t           *token;
    unsigned                  done:1;
} credential_ctx_t;


typedef struct {
    credential_ctx_t         *ctx;       /* NULL: the request has gone */
    const carmen_verifier_t  *verifier;
    carmen_token_e            kind;
    ngx_str_t                 tenant;
    u_char                    digest[CARMEN_TOKEN_DIGEST];
    u_char                    name[CARMEN_TENANT_MAX];
} credential_job_t;


static credential_ctx_t *credential_ctx(ngx_http_request_t *r,
    const u_char *digest);
static ngx_int_t credential_find(ngx_http_request_t *r,
    carmen_auth_conf_t *acf, const u_char *digest, carmen_token_t **token);
static ngx_int_t credential_ask(ngx_http_request_t *r,
    carmen_auth_conf_t *acf, carmen_token_e kind, ngx_str_t *tenant,
    ngx_str_t *hash, const u_char *digest);
static void credential_answer(carmen_result_t *result, void *data);
static carmen_token_t *credential_token(credential_job_t *job,
    carmen_result_t *result);
static void credential_used(credential_job_t *job, ngx_str_t *id);
static void credential_resume(credential_ctx_t *ctx);
static void credential_left(void *data);
static ngx_int_t credential_fingerprint(ngx_http_request_t *r,
    u_char *digest);


ngx_str_t
carmen_key_header(ngx_http_request_t *r)
{
    ngx_str_t         value;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    static ngx_str_t  name = ngx_string("x-api-key");

    ngx_str_null(&value);

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == name.len
                && ngx_strncasecmp(h[i].key.data, name.data, name.len) == 0)
            {
                return h[i].value;
            }
        }
    }

    return value;
}


ngx_int_t
carmen_key_identify(ngx_http_request_t *r, carmen_auth_conf_t *acf,
    ngx_str_t *key, carmen_token_t **token)
{
    u_char       digest[CARMEN_TOKEN_DIGEST], hex[2 * CARMEN_TOKEN_DIGEST];
    u_char       bytes[CREDENTIAL_RANDOM], *p, *dot, *last;
    ngx_int_t    rc;
    ngx_str_t    tenant, hash;

    last = key->data + key->len;
    p = key->data + sizeof(CARMEN_KEY_PREFIX) - 1;
    dot = carmen_key_looks(key) ? ngx_strlchr(p, last, '.') : NULL;

    if (dot == NULL || !carmen_tenant_valid(p, dot - p)
        || last - dot - 1 != carmen_base64url_len(CREDENTIAL_RANDOM)
        || carmen_base64url_decode(bytes, dot + 1, last - dot - 1) != NGX_OK)
    {
        return carmen_identity_refuse(r, "invalid_token",
                                      "The API key is malformed.");
    }

    if (carmen_identify_digest(key, digest) != NGX_OK) {
        return carmen_identity_refuse(r, "invalid_token", NULL);
    }

    rc = credential_find(r, acf, digest, token);

    if (rc == NGX_OK && (*token)->identity.subject.len == 0) {
        carmen_token_release(*token);

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "carmen: API key refused");
        return carmen_identity_refuse(r, "invalid_token",
                                      "The API key is not valid.");
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

    tenant.data = p;
    tenant.len = dot - p;

    hash.data = hex;
    hash.len = ngx_hex_dump(hex, digest, CARMEN_TOKEN_DIGEST) - hex;

    return credential_ask(r, acf, CARMEN_TOKEN_KEY, &tenant, &hash, digest);
}


ngx_int_t
carmen_certificate_identify(ngx_http_request_t *r, carmen_auth_conf_t *acf,
    carmen_token_t **token)
{
    u_char     fingerprint[CARMEN_TOKEN_DIGEST], digest[CARMEN_TOKEN_DIGEST];
    u_char     hex[2 * CARMEN_TOKEN_DIGEST], *p;
    u_char     text[CARMEN_TENANT_MAX + 1 + 2 * CARMEN_TOKEN_DIGEST];
    ngx_int_t  rc;
    ngx_str_t  tenant, hash, named;

    if (acf->mtls == NULL || credential_fingerprint(r, fingerprint) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (ngx_http_complex_value(r, acf->mtls, &tenant) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    if (!carmen_tenant_valid(tenant.data, tenant.len)) {
        return NGX_DECLINED;
    }

    hash.data = hex;
    hash.len = ngx_hex_dump(hex, fingerprint, CARMEN_TOKEN_DIGEST) - hex;

    /* a blank is in no token, so that none has this digest */

    p = ngx_cpymem(text, tenant.data, tenant.len);
    *p++ = ' ';
    p = ngx_cpymem(p, hash.data, hash.len);

    named.data = text;
    named.len = p - text;

    if (carmen_identify_digest(&named, digest) != NGX_OK) {
        return NGX_DECLINED;
    }

    rc = credential_find(r, acf, digest, token);

    if (rc == NGX_OK && (*token)->identity.subject.len == 0) {
        carmen_token_release(*token);
        *token = NULL;
        return NGX_DECLINED;
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return credential_ask(r, acf, CARMEN_TOKEN_CERTIFICATE, &tenant, &hash,
                          digest);
}


/*
 * The SHA-256 of a certificate that nginx has verified.  "ssl_verify_client
 * optional_no_ca" lets others in, who prove nothing.
 */

static ngx_int_t
credential_fingerprint(ngx_http_request_t *r, u_char *digest)
{
#if (NGX_HTTP_SSL)
    X509            *cert;
    ngx_int_t        rc;
    unsigned int     len;
    ngx_ssl_conn_t  *ssl;

    if (r->connection->ssl == NULL) {
        return NGX_DECLINED;
    }

    ssl = r->connection->ssl->connection;

    if (SSL_get_verify_result(ssl) != X509_V_OK) {
        return NGX_DECLINED;
    }

    cert = SSL_get1_peer_certificate(ssl);
    if (cert == NULL) {
        return NGX_DECLINED;
    }

    len = 0;
    rc = X509_digest(cert, EVP_sha256(), digest, &len) == 1
         && len == CARMEN_TOKEN_DIGEST ? NGX_OK : NGX_DECLINED;

    X509_free(cert);

    return rc;
#else
    return NGX_DECLINED;
#endif
}


/* what this request has asked for, or NULL */

static credential_ctx_t *
credential_ctx(ngx_http_request_t *r, const u_char *digest)
{
    credential_job_t    *job;
    ngx_pool_cleanup_t  *cln;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler != credential_left) {
            continue;
        }

        job = cln->data;

        if (ngx_memcmp(job->digest, digest, CARMEN_TOKEN_DIGEST) == 0) {
            return job->ctx;
        }
    }

    return NULL;
}


/* what is known already; NGX_DECLINED: the database must be asked */

static ngx_int_t
credential_find(ngx_http_request_t *r, carmen_auth_conf_t *acf,
    const u_char *digest, carmen_token_t **token)
{
    carmen_token_t        *t;
    credential_ctx_t      *ctx;
    carmen_token_cache_t  *cache;

    ctx = credential_ctx(r, digest);

    if (ctx) {
        if (ctx->token == NULL) {
            return carmen_identify_unknown(r, "It is not known who this is.");
        }

        *token = ctx->token;
        ctx->token->refs++;
        return NGX_OK;
    }

    cache = carmen_identify_cache();

    t = cache ? carmen_token_cache_find(cache, digest, acf->verifier,
                                        ngx_time())
              : NULL;

    if (t == NULL) {
        return NGX_DECLINED;
    }

    /* its owner may have been revoked and be back: the database knows */

    if (!carmen_revocation_passed(t)
        && carmen_revocation_check(t) == NGX_DECLINED)
    {
        carmen_token_cache_remove(cache, t);
        carmen_token_release(t);
        return NGX_DECLINED;
    }

    *token = t;

    return NGX_OK;
}


static ngx_int_t
credential_ask(ngx_http_request_t *r, carmen_auth_conf_t *acf,
    carmen_token_e kind, ngx_str_t *tenant, ngx_str_t *hash,
    const u_char *digest)
{
    carmen_database_t   *db;
    credential_ctx_t    *ctx;
    credential_job_t    *job;
    ngx_pool_cleanup_t  *cln;

    db = carmen_revocation_database();

    if (db == NULL) {
        return carmen_revocation_starting()
               ? carmen_revocation_wait(r)
               : carmen_identify_unknown(r, "It is not known who this is.");
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(credential_ctx_t));
    job = ngx_alloc(sizeof(credential_job_t), r->connection->log);

    if (cln == NULL || job == NULL) {
        if (job) {
            ngx_free(job);
        }

        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(credential_ctx_t));
    ctx->request = r;

    job->ctx = ctx;
    job->verifier = acf->verifier;
    job->kind = kind;
    job->tenant.data = job->name;
    job->tenant.len = tenant->len;
    ngx_memcpy(job->name, tenant->data, tenant->len);
    ngx_memcpy(job->digest, digest, CARMEN_TOKEN_DIGEST);

    carmen_pair_t  values[] = {
        { "tenant", *tenant },
        { "hash", *hash },
        { NULL, ngx_null_string }
    };

    if (carmen_background(db, kind == CARMEN_TOKEN_KEY
                              ? &auth_api_key_find : &auth_certificate_find,
                          NULL, values, credential_answer, job)
        != NGX_OK)
    {
        ngx_free(job);
        return carmen_identify_unknown(r, "It is not known who this is.");
    }

    cln->handler = credential_left;
    cln->data = job;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_AGAIN;
}


static void
credential_left(void *data)
{
    credential_job_t  *job = data;

    credential_ctx_t  *ctx = job->ctx;

    if (!ctx->done) {
        job->ctx = NULL;             /* the answer will free it */
        return;
    }

    if (ctx->token) {
        carmen_token_release(ctx->token);
    }

    ngx_free(job);
}


static void
credential_answer(carmen_result_t *result, void *data)
{
    credential_job_t      *job = data;

    carmen_token_t        *token;
    carmen_token_cache_t  *cache;

    cache = carmen_identify_cache();
    token = NULL;

    if (result && !carmen_result_failed(result)) {
        token = credential_token(job, result);

        if (token && cache && ngx_time() < token->identity.exp) {
            carmen_token_cache_add(cache, token);
        }
    }

    if (job->ctx == NULL) {

        if (token) {
            carmen_token_release(token);
        }

        ngx_free(job);
        return;
    }

    job->ctx->token = token;
    job->ctx->done = 1;

    credential_resume(job->ctx);
}


/* of nobody, when no row was found; NULL: no memory */

static carmen_token_t *
credential_token(credential_job_t *job, carmen_result_t *result)
{
    time_t           expires;
    ngx_str_t        value;
    carmen_jwt_t     jwt;
    carmen_token_t  *token;

    ngx_memzero(&jwt, sizeof(carmen_jwt_t));

    jwt.tenant = job->tenant;
    jwt.issued = ngx_time();

    if (carmen_result_rows(result) == 0) {

        /* so that a stranger does not ask each time */

        jwt.exp = ngx_time() + CREDENTIAL_NOBODY;

    } else {
        jwt.jti = carmen_result_value(result, 0, "id");
        jwt.subject = carmen_result_value(result, 0, "user_id");
        jwt.scope = carmen_result_value(result, 0, "scope");
        jwt.exp = ngx_time() + CREDENTIAL_SECONDS;

        if (job->kind == CARMEN_TOKEN_KEY) {
            ngx_str_set(&jwt.client, "api-key");

        } else {
            ngx_str_set(&jwt.client, "certificate");
        }

        value = carmen_result_value(result, 0, "expires");

        if (value.data) {
            expires = ngx_atotm(value.data, value.len);
            jwt.exp = ngx_min(jwt.exp, expires);
        }

        credential_used(job, &jwt.jti);
    }

    token = carmen_token_create(&jwt, job->digest, job->verifier,
                                ngx_cycle->log);
    if (token) {
        token->kind = job->kind;
    }

    return token;
}


static void
credential_used(credential_job_t *job, ngx_str_t *id)
{
    carmen_pair_t  values[] = {
        { "tenant", job->tenant },
        { "id", *id },
        { NULL, ngx_null_string }
    };

    (void) carmen_background(carmen_revocation_database(), &auth_key_used,
                             NULL, values, NULL, NULL);
}


static void
credential_resume(credential_ctx_t *ctx)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    r->read_event_handler = ngx_http_block_reading;
    carmen_identify_done(r);
    ngx_http_run_posted_requests(c);
}
