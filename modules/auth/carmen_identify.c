
/*
 * The identify hook.  A token that was seen before costs a digest and a
 * look-up.
 */

#include "carmen_auth.h"

#include <openssl/evp.h>


static ngx_int_t identify_bearer(ngx_str_t *value, ngx_str_t *token);
static ngx_int_t identify_digest(ngx_str_t *token, u_char *digest);
static ngx_int_t identify_new(ngx_http_request_t *r,
    const carmen_verifier_t *verifier, ngx_str_t *token, u_char *digest,
    carmen_token_t **found);
static ngx_int_t identify_none(ngx_http_request_t *r,
    carmen_auth_conf_t *acf);


/* of this worker */
static carmen_token_cache_t  *identify_cache;
static EVP_MD                *identify_sha256;
static EVP_MD_CTX            *identify_ctx;


ngx_int_t
carmen_auth_identify(ngx_http_request_t *r, carmen_identity_t **identity)
{
    u_char               digest[CARMEN_TOKEN_DIGEST];
    ngx_int_t            rc;
    ngx_str_t            bearer;
    carmen_token_t      *token;
    ngx_table_elt_t     *h;
    ngx_pool_cleanup_t  *cln;
    carmen_auth_conf_t  *acf;

    acf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_auth_module);

    if (acf->mode != CARMEN_AUTH_JWT) {
        return NGX_DECLINED;
    }

    h = r->headers_in.authorization;

    if (h == NULL) {
        return identify_none(r, acf);
    }

#if (nginx_version >= 1023000)
    if (h->next) {
        return carmen_identity_refuse(r, "invalid_request",
                                      "There are two Authorization headers.");
    }
#endif

    if (identify_bearer(&h->value, &bearer) != NGX_OK) {
        return carmen_identity_refuse(r, NULL,
                                      "The scheme of Authorization must be "
                                      "Bearer.");
    }

    if (bearer.len == 0 || bearer.len > CARMEN_JWT_MAX) {
        return carmen_identity_refuse(r, "invalid_token",
                                      bearer.len ? "The token is too long."
                                                 : "The token is malformed.");
    }

    if (identify_digest(&bearer, digest) != NGX_OK) {
        return carmen_identity_refuse(r, "invalid_token", NULL);
    }

    token = identify_cache
            ? carmen_token_cache_find(identify_cache, digest, acf->verifier,
                                      ngx_time())
            : NULL;

    if (token == NULL) {
        rc = identify_new(r, acf->verifier, &bearer, digest, &token);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (cln == NULL) {
        carmen_token_release(token);
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    cln->handler = carmen_token_release;
    cln->data = token;

    *identity = &token->identity;

    return NGX_OK;
}


/* RFC 9110 section 11.1: the scheme in any case, then spaces */

static ngx_int_t
identify_bearer(ngx_str_t *value, ngx_str_t *token)
{
    u_char  *p, *last;

    p = value->data;
    last = p + value->len;

    if (value->len < sizeof("Bearer") - 1
        || ngx_strncasecmp(p, (u_char *) "Bearer", sizeof("Bearer") - 1) != 0)
    {
        return NGX_DECLINED;
    }

    p += sizeof("Bearer") - 1;

    if (p < last && *p != ' ') {
        return NGX_DECLINED;
    }

    while (p < last && *p == ' ') {
        p++;
    }

    token->data = p;
    token->len = last - p;

    return NGX_OK;
}


static ngx_int_t
identify_digest(ngx_str_t *token, u_char *digest)
{
    return EVP_DigestInit_ex2(identify_ctx, identify_sha256, NULL) == 1
           && EVP_DigestUpdate(identify_ctx, token->data, token->len) == 1
           && EVP_DigestFinal_ex(identify_ctx, digest, NULL) == 1
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
identify_new(ngx_http_request_t *r, const carmen_verifier_t *verifier,
    ngx_str_t *token, u_char *digest, carmen_token_t **found)
{
    ngx_int_t     rc;
    const char   *why;
    carmen_jwt_t  jwt;

    why = identify_cache
          ? carmen_token_cache_refused(identify_cache, digest, verifier)
          : NULL;

    if (why) {
        rc = NGX_ABORT;

    } else {
        rc = carmen_jwt_verify(verifier, token->data, token->len, ngx_time(),
                               &jwt, &why);

        if (rc == NGX_ABORT && identify_cache) {
            carmen_token_cache_refuse(identify_cache, digest, verifier, why);
        }
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "carmen: token refused: %s", why);
        return carmen_identity_refuse(r, "invalid_token", why);
    }

    *found = carmen_token_create(&jwt, digest, verifier, r->connection->log);
    carmen_jwt_release(&jwt);

    if (*found == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    if (identify_cache && ngx_time() < (*found)->identity.exp) {
        carmen_token_cache_add(identify_cache, *found);
    }

    return NGX_OK;
}


/*
 * No credentials.  The routes of a Carmen location say themselves whether
 * they are public, and Carmen's own pages are; anything else is behind a
 * token as a whole.
 */

static ngx_int_t
identify_none(ngx_http_request_t *r, carmen_auth_conf_t *acf)
{
    if (acf->jwks || carmen_location(r)) {
        return NGX_DECLINED;
    }

    return carmen_identity_refuse(r, NULL, NULL);
}


ngx_int_t
carmen_auth_init_process(ngx_cycle_t *cycle)
{
    carmen_auth_main_conf_t  *amcf;

    /* a single process goes through here with every configuration */

    carmen_auth_exit_process(cycle);

    amcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_carmen_auth_module);
    if (amcf == NULL) {
        return NGX_OK;
    }

    identify_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    identify_ctx = EVP_MD_CTX_new();

    if (identify_sha256 == NULL || identify_ctx == NULL) {
        return NGX_ERROR;
    }

    if (amcf->cache == 0) {
        return NGX_OK;
    }

    identify_cache = carmen_token_cache_create(amcf->cache, cycle->log);

    return identify_cache ? NGX_OK : NGX_ERROR;
}


void
carmen_auth_exit_process(ngx_cycle_t *cycle)
{
    carmen_social_exit_process(cycle);

    if (identify_cache) {
        carmen_token_cache_destroy(identify_cache);
        identify_cache = NULL;
    }

    EVP_MD_CTX_free(identify_ctx);
    identify_ctx = NULL;

    EVP_MD_free(identify_sha256);
    identify_sha256 = NULL;
}
