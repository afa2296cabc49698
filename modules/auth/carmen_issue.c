
/* Tokens on their way out: access tokens (RFC 9068) and refresh tokens. */

#include "carmen_auth.h"
#include "carmen_base64url.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>


#define REFRESH_BYTES  32


static json_t *issue_text(const ngx_str_t *s);
static json_t *issue_jti(void);
static json_t *issue_claims(carmen_auth_conf_t *acf, carmen_grant_t *grant);
static ngx_int_t issue_assurance(json_t *claims, carmen_grant_t *grant);
static ngx_int_t issue_sign(ngx_pool_t *pool, const carmen_jwk_t *key,
    json_t *claims, ngx_str_t *token);
static ngx_int_t refresh_hash(ngx_pool_t *pool, ngx_str_t *token,
    ngx_str_t *hash);


ngx_int_t
carmen_auth_issue(ngx_pool_t *pool, carmen_auth_conf_t *acf,
    carmen_grant_t *grant, ngx_str_t *token)
{
    json_t     *claims;
    ngx_int_t   rc;

    claims = issue_claims(acf, grant);
    if (claims == NULL) {
        return NGX_ERROR;
    }

    rc = issue_sign(pool, acf->signing->elts, claims, token);

    json_decref(claims);

    return rc;
}


static json_t *
issue_text(const ngx_str_t *s)
{
    return json_stringn((char *) s->data, s->len);
}


static json_t *
issue_jti(void)
{
    u_char  bytes[16], text[carmen_base64url_len(16)];

    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
        return NULL;
    }

    (void) carmen_base64url_encode(text, bytes, sizeof(bytes));

    return json_stringn((char *) text, sizeof(text));
}


static json_t *
issue_claims(carmen_auth_conf_t *acf, carmen_grant_t *grant)
{
    time_t   now;
    json_t  *claims, *roles;

    now = ngx_time();
    claims = json_object();
    roles = json_loadb((char *) grant->roles.data, grant->roles.len, 0, NULL);

    /* json_object_set_new() fails on a value NULL, and takes all others */

    if (json_object_set_new(claims, "iss", issue_text(&acf->issuer)) == 0
        && json_object_set_new(claims, "sub", issue_text(&grant->subject))
           == 0
        && json_object_set_new(claims, "aud",
                               issue_text(acf->audiences->elts)) == 0
        && json_object_set_new(claims, "exp",
                               json_integer(now + grant->lifetime)) == 0
        && json_object_set_new(claims, "iat", json_integer(now)) == 0
        && json_object_set_new(claims, "jti", issue_jti()) == 0
        && json_object_set_new(claims, "client_id",
                               issue_text(&grant->client)) == 0
        && json_object_set_new(claims, "scope", issue_text(&grant->scope))
           == 0
        && json_object_set_new(claims, "tenant", issue_text(&grant->tenant))
           == 0
        && json_object_set_new(claims, "sid", issue_text(&grant->session))
           == 0
        && json_object_set(claims, "roles", roles) == 0
        && issue_assurance(claims, grant) == NGX_OK)
    {
        json_decref(roles);
        return claims;
    }

    json_decref(roles);
    json_decref(claims);

    return NULL;
}


/* OpenID Connect Core section 2: how, and when, the user was authenticated */

static ngx_int_t
issue_assurance(json_t *claims, carmen_grant_t *grant)
{
    if (grant->acr.len
        && json_object_set_new(claims, "acr", issue_text(&grant->acr)) != 0)
    {
        return NGX_ERROR;
    }

    if (grant->amr.len
        && json_object_set_new(claims, "amr",
                               json_loadb((char *) grant->amr.data,
                                          grant->amr.len, 0, NULL))
           != 0)
    {
        return NGX_ERROR;
    }

    if (grant->auth_time
        && json_object_set_new(claims, "auth_time",
                               json_integer(grant->auth_time))
           != 0)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
issue_sign(ngx_pool_t *pool, const carmen_jwk_t *key, json_t *claims,
    ngx_str_t *token)
{
    char    *text;
    u_char  *p, sig[CARMEN_SIGNATURE_MAX], header[CARMEN_JWK_KID_MAX + 64];
    size_t   len, header_len, sig_len;

    text = json_dumps(claims, JSON_COMPACT);
    if (text == NULL) {
        return NGX_ERROR;
    }

    len = ngx_strlen(text);
    header_len = ngx_sprintf(header,
                             "{\"typ\":\"at+jwt\",\"alg\":\"%s\","
                             "\"kid\":\"%V\"}",
                             carmen_alg_name(key->alg), &key->kid)
                 - header;

    token->data = ngx_pnalloc(pool, carmen_base64url_len(header_len) + 1
                                    + carmen_base64url_len(len) + 1
                                    + carmen_base64url_len(sizeof(sig)));
    if (token->data == NULL) {
        free(text);
        return NGX_ERROR;
    }

    p = carmen_base64url_encode(token->data, header, header_len);
    *p++ = '.';
    p = carmen_base64url_encode(p, (u_char *) text, len);
    free(text);

    if (carmen_jwk_sign(key, token->data, p - token->data, sig, &sig_len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    *p++ = '.';
    p = carmen_base64url_encode(p, sig, sig_len);
    token->len = p - token->data;

    return NGX_OK;
}


ngx_int_t
carmen_refresh_create(ngx_pool_t *pool, ngx_str_t *tenant, ngx_str_t *token,
    ngx_str_t *hash)
{
    u_char  *p, bytes[REFRESH_BYTES];

    token->data = ngx_pnalloc(pool, tenant->len + 1
                                    + carmen_base64url_len(sizeof(bytes)));

    if (token->data == NULL || RAND_bytes(bytes, sizeof(bytes)) != 1) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(token->data, tenant->data, tenant->len);
    *p++ = '.';
    p = carmen_base64url_encode(p, bytes, sizeof(bytes));
    token->len = p - token->data;

    OPENSSL_cleanse(bytes, sizeof(bytes));

    return refresh_hash(pool, token, hash);
}


ngx_int_t
carmen_refresh_parse(ngx_pool_t *pool, ngx_str_t *token, ngx_str_t *tenant,
    ngx_str_t *hash)
{
    u_char  *dot, bytes[REFRESH_BYTES];

    dot = ngx_strlchr(token->data, token->data + token->len, '.');

    if (dot == NULL) {
        return NGX_DECLINED;
    }

    tenant->data = token->data;
    tenant->len = dot - token->data;
    dot++;

    if (!carmen_tenant_valid(tenant->data, tenant->len)
        || token->data + token->len - dot
           != carmen_base64url_len(REFRESH_BYTES)
        || carmen_base64url_decode(bytes, dot,
                                   carmen_base64url_len(REFRESH_BYTES))
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    OPENSSL_cleanse(bytes, sizeof(bytes));

    return refresh_hash(pool, token, hash);
}


static ngx_int_t
refresh_hash(ngx_pool_t *pool, ngx_str_t *token, ngx_str_t *hash)
{
    u_char  md[32];

    hash->len = 2 * sizeof(md);
    hash->data = ngx_pnalloc(pool, hash->len);

    if (hash->data == NULL
        || EVP_Digest(token->data, token->len, md, NULL, EVP_sha256(), NULL)
           != 1)
    {
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(hash->data, md, sizeof(md));

    return NGX_OK;
}


void
carmen_auth_reply(carmen_request_t *cr, carmen_grant_t *grant,
    ngx_str_t *refresh)
{
    ngx_str_t            body, token;
    ngx_http_request_t  *r;
    carmen_auth_conf_t  *acf;

    r = carmen_request_http(cr);
    acf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_auth_module);

    if (carmen_auth_issue(r->pool, acf, grant, &token) != NGX_OK) {
        goto failed;
    }

    /* none of the texts holds what JSON would escape */

    body.data = ngx_pnalloc(r->pool, token.len + refresh->len
                                     + grant->scope.len + NGX_TIME_T_LEN
                                     + 128);
    if (body.data == NULL) {
        goto failed;
    }

    body.len = ngx_sprintf(body.data,
                           "{\"access_token\":\"%V\","
                           "\"token_type\":\"Bearer\",\"expires_in\":%T,"
                           "\"refresh_token\":\"%V\",\"scope\":\"%V\"}",
                           &token, grant->lifetime, refresh, &grant->scope)
               - body.data;

    carmen_reply_json(cr, NGX_HTTP_OK, &body, NULL, NULL);
    return;

failed:

    carmen_problem_reply(cr, "internal-error", NULL, NULL);
}
