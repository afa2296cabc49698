
#include "carmen_jwt.h"
#include "carmen_base64url.h"


/* seconds since 1970 that a double and PostgreSQL hold exactly */
#define JWT_TIME_MAX  253402300799.0     /* the end of the year 9999 */


typedef struct {
    const u_char  *data;
    size_t         len;
} jwt_part_t;


static ngx_int_t jwt_split(const u_char *token, size_t len,
    jwt_part_t parts[3]);
static json_t *jwt_object(const jwt_part_t *part);
static const carmen_jwk_t *jwt_key(const carmen_verifier_t *v,
    const jwt_part_t *part, const char **why);
static const char *jwt_claims(const carmen_verifier_t *v, time_t now,
    carmen_jwt_t *jwt);
static ngx_int_t jwt_audience(const carmen_verifier_t *v, json_t *aud);
static ngx_int_t jwt_time(json_t *claims, const char *name, time_t *t);
static ngx_int_t jwt_name(json_t *claims, const char *name, ngx_str_t *s);
static ngx_int_t jwt_scope(json_t *claims, ngx_str_t *scope);
static ngx_int_t jwt_confirmation(json_t *claims, carmen_jwt_t *jwt);
static ngx_int_t jwt_thumbprint(json_t *value, ngx_str_t *s);
static ngx_int_t jwt_equal(json_t *value, const ngx_str_t *s);


/* the refusals that pass by themselves */
static const char  jwt_future[] = "The token is from the future.";
static const char  jwt_early[] = "The token is not valid yet.";


ngx_int_t
carmen_jwt_verify(const carmen_verifier_t *v, const u_char *token, size_t len,
    time_t now, carmen_jwt_t *jwt, const char **why)
{
    u_char               sig[CARMEN_SIGNATURE_MAX];
    size_t               sig_len;
    jwt_part_t           parts[3];
    const carmen_jwk_t  *key;

    ngx_memzero(jwt, sizeof(carmen_jwt_t));

    if (len > CARMEN_JWT_MAX) {
        *why = "The token is too long.";
        return NGX_ABORT;
    }

    sig_len = 0;

    if (jwt_split(token, len, parts) == NGX_OK) {
        sig_len = carmen_base64url_decoded_len(parts[2].len);
    }

    if (sig_len == 0 || sig_len > sizeof(sig)
        || carmen_base64url_decode(sig, parts[2].data, parts[2].len)
           != NGX_OK)
    {
        *why = "The token is malformed.";
        return NGX_ABORT;
    }

    key = jwt_key(v, &parts[0], why);
    if (key == NULL) {
        return NGX_ABORT;
    }

    jwt->claims = jwt_object(&parts[1]);

    /*
     * The claims come before the signature: an expired token, the common
     * refusal, then costs little.  Nothing is believed before the end.
     */

    *why = jwt->claims ? jwt_claims(v, now, jwt)
                       : "The claims of the token are malformed.";

    if (*why == NULL
        && carmen_jwk_verify(key, token, parts[0].len + 1 + parts[1].len, sig,
                             sig_len)
           != NGX_OK)
    {
        *why = "The signature of the token does not fit.";
    }

    if (*why == NULL) {
        return NGX_OK;
    }

    carmen_jwt_release(jwt);

    return *why == jwt_future || *why == jwt_early ? NGX_DECLINED : NGX_ABORT;
}


void
carmen_jwt_release(carmen_jwt_t *jwt)
{
    json_decref(jwt->claims);
    ngx_memzero(jwt, sizeof(carmen_jwt_t));
}


static ngx_int_t
jwt_split(const u_char *token, size_t len, jwt_part_t parts[3])
{
    size_t         n;
    ngx_uint_t     i;
    const u_char  *p, *last, *dot;

    p = token;
    last = token + len;

    for (i = 0; i < 3; i++) {
        dot = memchr(p, '.', last - p);

        if ((dot == NULL) != (i == 2)) {
            return NGX_DECLINED;
        }

        n = (dot ? dot : last) - p;

        if (n == 0) {
            return NGX_DECLINED;
        }

        parts[i].data = p;
        parts[i].len = n;
        p += n + 1;
    }

    return NGX_OK;
}


static json_t *
jwt_object(const jwt_part_t *part)
{
    u_char   buf[carmen_base64url_decoded_len(CARMEN_JWT_MAX)];
    json_t  *object;

    if (carmen_base64url_decode(buf, part->data, part->len) != NGX_OK) {
        return NULL;
    }

    object = json_loadb((char *) buf, carmen_base64url_decoded_len(part->len),
                        JSON_REJECT_DUPLICATES, NULL);

    if (object && !json_is_object(object)) {
        json_decref(object);
        return NULL;
    }

    return object;
}


/* the key that the header points to, if the header is acceptable at all */

static const carmen_jwk_t *
jwt_key(const carmen_verifier_t *v, const jwt_part_t *part, const char **why)
{
    json_t              *header, *kid;
    ngx_uint_t           i, n;
    const char          *text;
    carmen_alg_e         alg;
    const carmen_jwk_t  *key;

    static const char *const  refused[] = {
        "crit", "jku", "jwk", "x5u", "x5c", "b64", "zip", "enc", NULL
    };

    header = jwt_object(part);
    key = NULL;

    if (header == NULL) {
        *why = "The header of the token is malformed.";
        return NULL;
    }

    /* RFC 9068 section 4; RFC 7515 section 4.1.9: a media type, any case */

    text = json_string_value(json_object_get(header, "typ"));

    if (text == NULL
        || (strcasecmp(text, "at+jwt") != 0
            && strcasecmp(text, "application/at+jwt") != 0))
    {
        *why = "The token is not an access token (typ at+jwt).";
        goto done;
    }

    for (i = 0; refused[i]; i++) {
        if (json_object_get(header, refused[i])) {
            *why = "The header of the token asks for what is not supported.";
            goto done;
        }
    }

    text = json_string_value(json_object_get(header, "alg"));
    alg = text ? carmen_alg_find(text, ngx_strlen(text)) : CARMEN_ALG_ANY;

    if (alg == CARMEN_ALG_ANY) {
        *why = "The algorithm of the token is not accepted.";
        goto done;
    }

    kid = json_object_get(header, "kid");

    if (kid && !json_is_string(kid)) {
        *why = "The header of the token is malformed.";
        goto done;
    }

    /* without a kid there must be one key only that it could be */

    for (i = 0, n = 0; i < v->nkeys; i++) {
        if (kid ? jwt_equal(kid, &v->keys[i].kid) : v->keys[i].alg == alg) {
            key = &v->keys[i];
            n++;
        }
    }

    if (n != 1) {
        *why = "The key of the token is not known.";
        key = NULL;

    } else if (key->alg != alg) {
        *why = "The algorithm of the token is not that of its key.";
        key = NULL;
    }

done:

    json_decref(header);

    return key;
}


static const char *
jwt_claims(const carmen_verifier_t *v, time_t now, carmen_jwt_t *jwt)
{
    time_t   nbf;
    json_t  *claims;

    claims = jwt->claims;

    if (!jwt_equal(json_object_get(claims, "iss"), &v->issuer)) {
        return "The token is from another issuer.";
    }

    if (jwt_audience(v, json_object_get(claims, "aud")) != NGX_OK) {
        return "The token is for another audience.";
    }

    if (jwt_time(claims, "exp", &jwt->exp) != NGX_OK
        || jwt_time(claims, "iat", &jwt->issued) != NGX_OK)
    {
        return "The token has no valid exp and iat.";
    }

    if (now >= jwt->exp + v->leeway) {
        return "The token has expired.";
    }

    if (jwt->issued > now + v->leeway) {
        return jwt_future;
    }

    if (jwt->issued >= jwt->exp) {
        return "The token has expired before it was issued.";
    }

    if (json_object_get(claims, "nbf")) {
        if (jwt_time(claims, "nbf", &nbf) != NGX_OK) {
            return "The token has no valid nbf.";
        }

        if (nbf > now + v->leeway) {
            return jwt_early;
        }
    }

    if (jwt_name(claims, "sub", &jwt->subject) != NGX_OK
        || jwt_name(claims, "client_id", &jwt->client) != NGX_OK
        || jwt_name(claims, "jti", &jwt->jti) != NGX_OK)
    {
        return "The token has no valid sub, client_id and jti.";
    }

    if (json_object_get(claims, "sid")
        && jwt_name(claims, "sid", &jwt->session) != NGX_OK)
    {
        return "The token has no valid sid.";
    }

    if (jwt_name(claims, "tenant", &jwt->tenant) != NGX_OK
        || !carmen_tenant_valid(jwt->tenant.data, jwt->tenant.len))
    {
        return "The token has no valid tenant.";
    }

    if (jwt_scope(claims, &jwt->scope) != NGX_OK) {
        return "The token has no valid scope.";
    }

    if (json_object_get(claims, "cnf")
        && jwt_confirmation(claims, jwt) != NGX_OK)
    {
        return "The token is bound in a way that is not supported.";
    }

    return NULL;
}


static ngx_int_t
jwt_audience(const carmen_verifier_t *v, json_t *aud)
{
    size_t      n;
    json_t     *item;
    ngx_int_t   rc;
    ngx_uint_t  i;

    rc = NGX_DECLINED;

    if (json_is_string(aud)) {
        for (i = 0; i < v->naudiences; i++) {
            if (jwt_equal(aud, &v->audiences[i])) {
                return NGX_OK;
            }
        }

        return NGX_DECLINED;
    }

    json_array_foreach(aud, n, item) {
        if (!json_is_string(item)) {
            return NGX_DECLINED;
        }

        for (i = 0; i < v->naudiences; i++) {
            if (jwt_equal(item, &v->audiences[i])) {
                rc = NGX_OK;
            }
        }
    }

    return rc;
}


/* RFC 7519 section 2, NumericDate: it may have a fraction, which is cut off */

static ngx_int_t
jwt_time(json_t *claims, const char *name, time_t *t)
{
    double   value;
    json_t  *claim;

    claim = json_object_get(claims, name);

    if (!json_is_number(claim)) {
        return NGX_DECLINED;
    }

    value = json_number_value(claim);

    if (!(value >= 0 && value <= JWT_TIME_MAX)) {
        return NGX_DECLINED;
    }

    *t = (time_t) value;

    return NGX_OK;
}


/* what goes into statements, logs and cache keys: short, no control bytes */

static ngx_int_t
jwt_name(json_t *claims, const char *name, ngx_str_t *s)
{
    size_t   i;
    json_t  *claim;

    claim = json_object_get(claims, name);

    if (!json_is_string(claim)) {
        return NGX_DECLINED;
    }

    s->data = (u_char *) json_string_value(claim);
    s->len = json_string_length(claim);

    if (s->len == 0 || s->len > CARMEN_JWT_CLAIM_MAX) {
        return NGX_DECLINED;
    }

    for (i = 0; i < s->len; i++) {
        if (s->data[i] < 0x20 || s->data[i] == 0x7f) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


/* RFC 6749 section 3.3: tokens of %x21 / %x23-5B / %x5D-7E, one space apart */

static ngx_int_t
jwt_scope(json_t *claims, ngx_str_t *scope)
{
    size_t   i;
    u_char   c, before;
    json_t  *claim;

    claim = json_object_get(claims, "scope");

    if (claim == NULL) {
        return NGX_OK;
    }

    if (!json_is_string(claim)) {
        return NGX_DECLINED;
    }

    scope->data = (u_char *) json_string_value(claim);
    scope->len = json_string_length(claim);

    for (i = 0, before = ' '; i < scope->len; i++, before = c) {
        c = scope->data[i];

        if (c == ' ' ? before == ' ' || i + 1 == scope->len
                     : c < 0x21 || c > 0x7e || c == '"' || c == '\\')
        {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


/* RFC 7800: a token that is bound to what is not known here is not taken */

static ngx_int_t
jwt_confirmation(json_t *claims, carmen_jwt_t *jwt)
{
    void        *i;
    json_t      *cnf;
    ngx_int_t    rc;
    const char  *name;

    cnf = json_object_get(claims, "cnf");

    if (!json_is_object(cnf) || json_object_size(cnf) == 0) {
        return NGX_DECLINED;
    }

    for (i = json_object_iter(cnf); i; i = json_object_iter_next(cnf, i)) {
        name = json_object_iter_key(i);

        if (ngx_strcmp(name, "jkt") == 0) {
            rc = jwt_thumbprint(json_object_iter_value(i), &jwt->jkt);

        } else if (ngx_strcmp(name, "x5t#S256") == 0) {
            rc = jwt_thumbprint(json_object_iter_value(i), &jwt->x5t);

        } else {
            rc = NGX_DECLINED;
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
jwt_thumbprint(json_t *value, ngx_str_t *s)
{
    if (!json_is_string(value) || json_string_length(value) != 43) {
        return NGX_DECLINED;
    }

    s->data = (u_char *) json_string_value(value);
    s->len = 43;

    return NGX_OK;
}


static ngx_int_t
jwt_equal(json_t *value, const ngx_str_t *s)
{
    return json_is_string(value)
           && json_string_length(value) == s->len
           && ngx_memcmp(json_string_value(value), s->data, s->len) == 0;
}


ngx_uint_t
carmen_tenant_valid(const u_char *name, size_t len)
{
    size_t  i;

    if (len == 0 || len > CARMEN_TENANT_MAX) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (!((name[i] >= 'a' && name[i] <= 'z')
              || (name[i] >= '0' && name[i] <= '9')
              || (i && (name[i] == '_' || name[i] == '-'))))
        {
            return 0;
        }
    }

    return 1;
}
