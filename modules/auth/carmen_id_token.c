
/*
 * ID tokens of other issuers: OpenID Connect Core 1.0 section 3.1.3.7, with
 * the advice of RFC 8725.  HS256 is not for keys of others.
 */

#include "carmen_federation.h"
#include "carmen_base64url.h"


#define ID_TOKEN_MAX     16384
#define ID_TOKEN_LEEWAY  60              /* seconds */
#define ID_TOKEN_AGE     600             /* since iat: it was made just now */


static json_t *id_token_part(const u_char *p, size_t len);
static const carmen_jwk_t *id_token_key(carmen_key_set_t *set,
    json_t *header, ngx_int_t *rc, const char **why);
static const char *id_token_claims(json_t *claims, ngx_str_t *issuer,
    ngx_str_t *client, ngx_str_t *nonce, time_t now);
static const char *id_token_audience(json_t *claims, ngx_str_t *client);
static ngx_uint_t id_token_is(json_t *value, ngx_str_t *s);


ngx_int_t
carmen_id_token_verify(carmen_key_set_t *set, ngx_str_t *token,
    ngx_str_t *issuer, ngx_str_t *client, ngx_str_t *nonce, time_t now,
    json_t **claims, const char **why)
{
    u_char              *p, *end, *dot, *second, sig[CARMEN_SIGNATURE_MAX];
    size_t               len;
    json_t              *header;
    ngx_int_t            rc;
    const carmen_jwk_t  *key;

    *claims = NULL;
    *why = "it is malformed";

    p = token->data;
    end = p + token->len;
    dot = ngx_strlchr(p, end, '.');
    second = dot ? ngx_strlchr(dot + 1, end, '.') : NULL;

    if (token->len > ID_TOKEN_MAX || second == NULL) {
        return NGX_DECLINED;
    }

    len = carmen_base64url_decoded_len(end - second - 1);

    if (len == 0 || len > sizeof(sig)
        || carmen_base64url_decode(sig, second + 1, end - second - 1)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    header = id_token_part(p, dot - p);
    if (header == NULL) {
        return NGX_DECLINED;
    }

    key = id_token_key(set, header, &rc, why);
    json_decref(header);

    if (key == NULL) {
        return rc;
    }

    if (carmen_jwk_verify(key, p, second - p, sig, len) != NGX_OK) {
        *why = "its signature does not fit";
        return NGX_DECLINED;
    }

    *claims = id_token_part(dot + 1, second - dot - 1);
    *why = *claims ? id_token_claims(*claims, issuer, client, nonce, now)
                   : "its claims are malformed";

    if (*why) {
        json_decref(*claims);
        *claims = NULL;
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static json_t *
id_token_part(const u_char *p, size_t len)
{
    u_char   buf[carmen_base64url_decoded_len(ID_TOKEN_MAX)];
    json_t  *object;

    if (carmen_base64url_decode(buf, p, len) != NGX_OK) {
        return NULL;
    }

    object = json_loadb((char *) buf, carmen_base64url_decoded_len(len),
                        JSON_REJECT_DUPLICATES, NULL);

    if (object && !json_is_object(object)) {
        json_decref(object);
        return NULL;
    }

    return object;
}


static const carmen_jwk_t *
id_token_key(carmen_key_set_t *set, json_t *header, ngx_int_t *rc,
    const char **why)
{
    ngx_uint_t           i, n;
    json_t              *kid;
    const char          *text;
    carmen_alg_e         alg;
    const carmen_jwk_t  *key, *keys;

    *rc = NGX_DECLINED;

    if (json_object_get(header, "crit")) {
        *why = "its header asks for what is not supported";
        return NULL;
    }

    text = json_string_value(json_object_get(header, "alg"));
    alg = text ? carmen_alg_find(text, ngx_strlen(text)) : CARMEN_ALG_ANY;

    if (alg == CARMEN_ALG_ANY || alg == CARMEN_ALG_HS256) {
        *why = "its algorithm is not accepted";
        return NULL;
    }

    kid = json_object_get(header, "kid");

    if (kid && !json_is_string(kid)) {
        *why = "its header is malformed";
        return NULL;
    }

    keys = set->keys.elts;
    key = NULL;

    for (i = 0, n = 0; i < set->keys.nelts; i++) {
        if (keys[i].alg == alg
            && (kid == NULL || id_token_is(kid, (ngx_str_t *) &keys[i].kid)))
        {
            key = &keys[i];
            n++;
        }
    }

    if (n == 1) {
        return key;
    }

    /* another fetch may bring it */

    *rc = n == 0 ? NGX_AGAIN : NGX_DECLINED;
    *why = "its key is not known";

    return NULL;
}


static const char *
id_token_claims(json_t *claims, ngx_str_t *issuer, ngx_str_t *client,
    ngx_str_t *nonce, time_t now)
{
    json_t      *exp, *iat, *sub;
    const char  *why;

    if (!id_token_is(json_object_get(claims, "iss"), issuer)) {
        return "it is from another issuer";
    }

    why = id_token_audience(claims, client);
    if (why) {
        return why;
    }

    exp = json_object_get(claims, "exp");
    iat = json_object_get(claims, "iat");

    if (!json_is_number(exp) || !json_is_number(iat)) {
        return "it has no exp and iat";
    }

    if (!(json_number_value(exp) > (double) now - ID_TOKEN_LEEWAY)) {
        return "it has expired";
    }

    if (!(json_number_value(iat) < (double) now + ID_TOKEN_LEEWAY
          && json_number_value(iat) > (double) now - ID_TOKEN_AGE))
    {
        return "it was not made just now";
    }

    if (!id_token_is(json_object_get(claims, "nonce"), nonce)) {
        return "its nonce is another one";
    }

    sub = json_object_get(claims, "sub");

    if (!json_is_string(sub) || json_string_length(sub) == 0
        || json_string_length(sub) > 255)
    {
        return "it has no sub";
    }

    return NULL;
}


/* with several audiences, or an azp at all, it must be ours */

static const char *
id_token_audience(json_t *claims, ngx_str_t *client)
{
    size_t      i;
    json_t     *aud, *azp, *item;
    ngx_uint_t  found;

    aud = json_object_get(claims, "aud");
    azp = json_object_get(claims, "azp");
    found = id_token_is(aud, client);

    json_array_foreach(aud, i, item) {
        found |= id_token_is(item, client);
    }

    if (!found) {
        return "it is for another audience";
    }

    if ((azp || json_array_size(aud) > 1) && !id_token_is(azp, client)) {
        return "it is for another party";
    }

    return NULL;
}


static ngx_uint_t
id_token_is(json_t *value, ngx_str_t *s)
{
    return json_is_string(value) && json_string_length(value) == s->len
           && ngx_memcmp(json_string_value(value), s->data, s->len) == 0;
}
