
#include "carmen_jws.h"
#include "carmen_base64url.h"


static json_t *jws_object(ngx_pool_t *pool, u_char *p, size_t len);
static ngx_int_t jws_header(carmen_jws_t *jws, ngx_uint_t brings_key,
    const char **why);
static void jws_json_release(void *data);
static void jws_key_release(void *data);


ngx_int_t
carmen_jws_read(ngx_pool_t *pool, ngx_str_t *text, ngx_uint_t brings_key,
    carmen_jws_t *jws, const char **why)
{
    u_char  *dot, *last, *second;

    ngx_memzero(jws, sizeof(carmen_jws_t));
    *why = "It is not a signed JWT.";

    if (text->len == 0 || text->len > CARMEN_JWS_MAX) {
        return NGX_DECLINED;
    }

    last = text->data + text->len;
    dot = ngx_strlchr(text->data, last, '.');
    second = dot ? ngx_strlchr(dot + 1, last, '.') : NULL;

    if (second == NULL || ngx_strlchr(second + 1, last, '.')) {
        return NGX_DECLINED;
    }

    jws->header = jws_object(pool, text->data, dot - text->data);
    jws->claims = jws_object(pool, dot + 1, second - dot - 1);

    if (jws->header == NULL || jws->claims == NULL) {
        return NGX_DECLINED;
    }

    if (jws_header(jws, brings_key, why) != NGX_OK) {
        return NGX_DECLINED;
    }

    jws->input.data = text->data;
    jws->input.len = second - text->data;
    second++;
    jws->sig_len = carmen_base64url_decoded_len((size_t) (last - second));

    if (jws->sig_len == 0 || jws->sig_len > sizeof(jws->sig)
        || carmen_base64url_decode(jws->sig, second, last - second) != NGX_OK)
    {
        *why = "Its signature is malformed.";
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static json_t *
jws_object(ngx_pool_t *pool, u_char *p, size_t len)
{
    u_char   buf[carmen_base64url_decoded_len(CARMEN_JWS_MAX)];
    json_t  *object;

    if (len == 0 || carmen_base64url_decode(buf, p, len) != NGX_OK) {
        return NULL;
    }

    object = json_loadb((char *) buf, carmen_base64url_decoded_len(len),
                        JSON_REJECT_DUPLICATES, NULL);

    if (!json_is_object(object)) {
        json_decref(object);
        return NULL;
    }

    return carmen_json_keep(pool, object);
}


static ngx_int_t
jws_header(carmen_jws_t *jws, ngx_uint_t brings_key, const char **why)
{
    ngx_uint_t   i;
    const char  *alg;

    static const char *const  refused[] = {
        "crit", "jku", "x5u", "x5c", "b64", "zip", "enc", "jwk", NULL
    };

    for (i = 0; refused[i]; i++) {
        if (json_object_get(jws->header, refused[i])
            && !(brings_key && ngx_strcmp(refused[i], "jwk") == 0))
        {
            *why = "Its header asks for what is not supported.";
            return NGX_DECLINED;
        }
    }

    alg = json_string_value(json_object_get(jws->header, "alg"));
    jws->alg = alg ? carmen_alg_find(alg, ngx_strlen(alg)) : CARMEN_ALG_ANY;

    if (jws->alg == CARMEN_ALG_ANY || jws->alg == CARMEN_ALG_HS256) {
        *why = "Its algorithm must be ES256, EdDSA or RS256.";
        return NGX_DECLINED;
    }

    return NGX_OK;
}


carmen_jwk_t *
carmen_jws_key(ngx_pool_t *pool, carmen_jws_t *jws, json_t *set)
{
    size_t         i, n;
    json_t        *jwk, *kid;
    carmen_jwk_t  *key, *found;

    kid = json_object_get(jws->header, "kid");
    found = NULL;
    n = 0;

    json_array_foreach(json_object_get(set, "keys"), i, jwk) {

        if (kid && !json_equal(kid, json_object_get(jwk, "kid"))) {
            continue;
        }

        key = carmen_jws_jwk(pool, jwk);

        if (key && key->alg == jws->alg) {
            found = key;
            n++;
        }
    }

    return n == 1 ? found : NULL;
}


carmen_jwk_t *
carmen_jws_jwk(ngx_pool_t *pool, json_t *jwk)
{
    char                *text;
    ngx_str_t            s;
    const char          *why;
    ngx_array_t         *keys;
    carmen_jwk_t        *key;
    ngx_pool_cleanup_t  *cln;

    if (!json_is_object(jwk) || json_object_get(jwk, "d")
        || json_object_get(jwk, "k"))
    {
        return NULL;
    }

    keys = ngx_array_create(pool, 1, sizeof(carmen_jwk_t));
    cln = ngx_pool_cleanup_add(pool, 0);

    if (keys == NULL || cln == NULL) {
        return NULL;
    }

    cln->handler = jws_key_release;
    cln->data = keys;

    text = json_dumps(jwk, JSON_COMPACT);
    if (text == NULL) {
        return NULL;
    }

    s.data = (u_char *) text;
    s.len = ngx_strlen(text);

    if (carmen_jwk_read(pool, &s, NULL, CARMEN_ALG_ANY, keys, &why) != NGX_OK
        || keys->nelts != 1)
    {
        free(text);
        return NULL;
    }

    free(text);
    key = keys->elts;

    return key->alg == CARMEN_ALG_HS256 || key->private ? NULL : key;
}


ngx_int_t
carmen_jws_verify(carmen_jws_t *jws, const carmen_jwk_t *key)
{
    return key->alg == jws->alg
           ? carmen_jwk_verify(key, jws->input.data, jws->input.len, jws->sig,
                               jws->sig_len)
           : NGX_DECLINED;
}


ngx_uint_t
carmen_jws_is(carmen_jws_t *jws, const char *typ)
{
    const char  *text;

    text = json_string_value(json_object_get(jws->header, "typ"));

    if (text == NULL) {
        return 0;
    }

    if (ngx_strncasecmp((u_char *) text, (u_char *) "application/", 12) == 0) {
        text += 12;
    }

    return strcasecmp(text, typ) == 0;
}


ngx_int_t
carmen_jws_time(json_t *claims, const char *name, time_t *t)
{
    double   value;
    json_t  *claim;

    claim = json_object_get(claims, name);

    if (!json_is_number(claim)) {
        return NGX_DECLINED;
    }

    value = json_number_value(claim);

    if (!(value >= 0 && value <= 253402300799.0)) {
        return NGX_DECLINED;
    }

    *t = (time_t) value;

    return NGX_OK;
}


json_t *
carmen_json_keep(ngx_pool_t *pool, json_t *value)
{
    ngx_pool_cleanup_t  *cln;

    if (value == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(pool, 0);

    if (cln == NULL) {
        json_decref(value);
        return NULL;
    }

    cln->handler = jws_json_release;
    cln->data = value;

    return value;
}


static void
jws_json_release(void *data)
{
    json_decref(data);
}


static void
jws_key_release(void *data)
{
    ngx_array_t  *keys = data;

    ngx_uint_t     i;
    carmen_jwk_t  *key;

    key = keys->elts;

    for (i = 0; i < keys->nelts; i++) {
        carmen_jwk_free(&key[i]);
    }
}
