
/*
 * The identify hook.  A token that was seen before costs a digest and a
 * look-up.
 */

#include "carmen_auth.h"
#include "carmen_binding.h"
#include "carmen_credential.h"
#include "carmen_revocation.h"

#include <openssl/evp.h>


static ngx_int_t identify_scheme(ngx_str_t *value, ngx_str_t *token,
    ngx_uint_t *dpop);
static ngx_int_t identify_new(ngx_http_request_t *r,
    const carmen_verifier_t *verifier, ngx_str_t *token, u_char *digest,
    carmen_token_t **found);
static ngx_int_t identify_as(ngx_http_request_t *r, carmen_token_t *token,
    carmen_identity_t **identity);
static ngx_int_t identify_other(ngx_http_request_t *r,
    carmen_auth_conf_t *acf, carmen_token_t **token);
static ngx_int_t identify_revoked(ngx_http_request_t *r,
    carmen_token_t *token);
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
    ngx_uint_t           dpop;
    const char          *why;
    carmen_token_t      *token;
    ngx_table_elt_t     *h;
    carmen_auth_conf_t  *acf;

    acf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_auth_module);

    if (acf->mode != CARMEN_AUTH_JWT) {
        return NGX_DECLINED;
    }

    h = r->headers_in.authorization;

    if (h == NULL) {
        rc = identify_other(r, acf, &token);

        if (rc == NGX_DECLINED) {
            return identify_none(r, acf);
        }

        return rc == NGX_OK ? identify_as(r, token, identity) : rc;
    }

#if (nginx_version >= 1023000)
    if (h->next) {
        return carmen_identity_refuse(r, "invalid_request",
                                      "There are two Authorization headers.");
    }
#endif

    if (identify_scheme(&h->value, &bearer, &dpop) != NGX_OK) {

        if (acf->provider) {
            /* how clients prove who they are */
            return NGX_DECLINED;
        }

        return carmen_identity_refuse(r, NULL,
                                      "The scheme of Authorization must be "
                                      "Bearer or DPoP.");
    }

    if (acf->provider
        && ngx_strlchr(bearer.data, bearer.data + bearer.len, '.') == NULL)
    {
        /* of a registration, which is no JWT */
        return NGX_DECLINED;
    }

    if (bearer.len == 0 || bearer.len > CARMEN_JWT_MAX) {
        return carmen_identity_refuse(r, "invalid_token",
                                      bearer.len ? "The token is too long."
                                                 : "The token is malformed.");
    }

    if (carmen_key_looks(&bearer)) {
        rc = carmen_key_identify(r, acf, &bearer, &token);
        return rc == NGX_OK ? identify_as(r, token, identity) : rc;
    }

    if (carmen_identify_digest(&bearer, digest) != NGX_OK) {
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

    if (dpop || token->jkt.len || token->x5t.len) {
        why = carmen_binding_refuses(r, acf, &bearer, dpop, &token->jkt,
                                     &token->x5t);
        if (why) {
            carmen_token_release(token);
            ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                          "carmen: token refused: %s", why);
            return carmen_identity_refuse(r, "invalid_token", why);
        }
    }

    return identify_as(r, token, identity);
}


/* the token is let go of with the request, or at once when it is refused */

static ngx_int_t
identify_as(ngx_http_request_t *r, carmen_token_t *token,
    carmen_identity_t **identity)
{
    ngx_int_t            rc;
    ngx_pool_cleanup_t  *cln;

    if (!carmen_revocation_passed(token)) {
        rc = identify_revoked(r, token);

        if (rc != NGX_OK) {
            carmen_token_release(token);
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
identify_scheme(ngx_str_t *value, ngx_str_t *token, ngx_uint_t *dpop)
{
    u_char  *p, *last;

    p = value->data;
    last = p + value->len;
    *dpop = 0;

    if (value->len >= sizeof("Bearer") - 1
        && ngx_strncasecmp(p, (u_char *) "Bearer", sizeof("Bearer") - 1) == 0)
    {
        p += sizeof("Bearer") - 1;

    } else if (value->len >= sizeof("DPoP") - 1
               && ngx_strncasecmp(p, (u_char *) "DPoP", sizeof("DPoP") - 1)
                  == 0)
    {
        p += sizeof("DPoP") - 1;
        *dpop = 1;

    } else {
        return NGX_DECLINED;
    }

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


ngx_int_t
carmen_identify_digest(ngx_str_t *token, u_char *digest)
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


/* a token that was not checked against the revocations of now */

static ngx_int_t
identify_revoked(ngx_http_request_t *r, carmen_token_t *token)
{
    switch (carmen_revocation_check(token)) {

    case NGX_OK:
        return NGX_OK;

    case NGX_AGAIN:
        return carmen_revocation_wait(r);

    case NGX_DECLINED:
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "carmen: token refused: it is revoked");
        return carmen_identity_refuse(r, "invalid_token",
                                      "The token has been revoked.");

    default: /* NGX_BUSY */
        return carmen_identify_unknown(r, "It is not known what has been "
                                       "revoked.");
    }
}


ngx_int_t
carmen_identify_unknown(ngx_http_request_t *r, const char *why)
{
    ngx_str_t  detail;

    detail.data = (u_char *) why;
    detail.len = ngx_strlen(why);

    ngx_http_finalize_request(r, carmen_problem_send(r,
                                     "database-unavailable", &detail, NULL));
    return NGX_ERROR;
}


carmen_token_cache_t *
carmen_identify_cache(void)
{
    return identify_cache;
}


/* without Authorization */

static ngx_int_t
identify_other(ngx_http_request_t *r, carmen_auth_conf_t *acf,
    carmen_token_t **token)
{
    ngx_str_t  key;

    key = carmen_key_header(r);

    return key.data ? carmen_key_identify(r, acf, &key, token)
                    : carmen_certificate_identify(r, acf, token);
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

    if (carmen_revocation_start(cycle, amcf->feed ? amcf->marks : NULL,
                                amcf->bound)
        != NGX_OK)
    {
        return NGX_ERROR;
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

    carmen_revocation_stop();

    EVP_MD_CTX_free(identify_ctx);
    identify_ctx = NULL;

    EVP_MD_free(identify_sha256);
    identify_sha256 = NULL;
}
