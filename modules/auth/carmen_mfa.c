
/* Second factors: small things, and the configuration. */

#include "carmen_mfa.h"
#include "carmen_base64url.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>


static ngx_int_t mfa_header(ngx_http_request_t *r, const char *key,
    ngx_str_t value, ngx_table_elt_t **header);
static char *mfa_issuer(ngx_conf_t *cf, carmen_auth_conf_t *conf);


char *
carmen_mfa_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    carmen_auth_conf_t  *acf = conf;

    u_char      *p, *last;
    ngx_str_t   *value, *origin;
    ngx_uint_t   i;

    if (acf->origins == NGX_CONF_UNSET_PTR) {
        acf->origins = ngx_array_create(cf->pool, 2, sizeof(ngx_str_t));

        if (acf->origins == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        p = (u_char *) ngx_strstr(value[i].data, "://");
        last = value[i].data + value[i].len;

        if (p == NULL || p == value[i].data || p + 3 == last
            || ngx_strlchr(p + 3, last, '/'))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is no origin: it must be like "
                               "https://shop.example, without a path",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        origin = ngx_array_push(acf->origins);
        if (origin == NULL) {
            return NGX_CONF_ERROR;
        }

        *origin = value[i];
    }

    return NGX_CONF_OK;
}


char *
carmen_mfa_merge(ngx_conf_t *cf, carmen_auth_conf_t *prev,
    carmen_auth_conf_t *conf)
{
    ngx_conf_merge_str_value(conf->rp.id, prev->rp.id, "");
    ngx_conf_merge_str_value(conf->rp.name, prev->rp.name, "");
    ngx_conf_merge_ptr_value(conf->origins, prev->origins, NULL);
    ngx_conf_merge_sec_value(conf->step_up_age, prev->step_up_age, 900);

    if (conf->endpoints && mfa_issuer(cf, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (conf->rp.name.len == 0) {
        conf->rp.name = conf->rp.id;
    }

    if (conf->origins) {
        conf->rp.origins = conf->origins->elts;
        conf->rp.norigins = conf->origins->nelts;
    }

    return NGX_CONF_OK;
}


/* what is not said follows from the issuer's URL */

static char *
mfa_issuer(ngx_conf_t *cf, carmen_auth_conf_t *conf)
{
    u_char     *host, *p, *last;
    ngx_str_t  *origin;

    host = conf->issuer.len ? (u_char *) ngx_strstr(conf->issuer.data, "://")
                            : NULL;
    if (host == NULL) {
        return NGX_CONF_OK;
    }

    host += 3;
    last = conf->issuer.data + conf->issuer.len;
    p = ngx_strlchr(host, last, '/');
    last = p ? p : last;

    if (conf->origins == NULL) {
        conf->origins = ngx_array_create(cf->pool, 1, sizeof(ngx_str_t));
        origin = conf->origins ? ngx_array_push(conf->origins) : NULL;

        if (origin == NULL) {
            return NGX_CONF_ERROR;
        }

        origin->data = conf->issuer.data;
        origin->len = last - conf->issuer.data;
    }

    if (conf->rp.id.len == 0) {
        p = ngx_strlchr(host, last, ':');
        conf->rp.id.data = host;
        conf->rp.id.len = (p ? p : last) - host;
    }

    return NGX_CONF_OK;
}


ngx_str_t
carmen_mfa_field(carmen_request_t *cr, const char *name)
{
    return carmen_mfa_member(carmen_request_body(cr), name);
}


ngx_str_t
carmen_mfa_member(json_t *object, const char *name)
{
    json_t     *value;
    ngx_str_t   text;

    value = json_object_get(object, name);
    text.data = (u_char *) json_string_value(value);
    text.len = json_string_length(value);

    return text;
}


ngx_str_t
carmen_mfa_copy(ngx_pool_t *pool, ngx_str_t value)
{
    ngx_str_t  copy;

    copy.len = value.len;
    copy.data = ngx_pnalloc(pool, value.len + 1);

    if (copy.data) {
        ngx_memcpy(copy.data, value.data, value.len);
        copy.data[value.len] = '\0';
    }

    return copy;
}


ngx_str_t
carmen_mfa_number(ngx_pool_t *pool, int64_t n)
{
    u_char     buf[NGX_INT64_LEN + 1];
    ngx_str_t  text;

    text.data = buf;
    text.len = ngx_sprintf(buf, "%L", n) - buf;

    return carmen_mfa_copy(pool, text);
}


ngx_int_t
carmen_mfa_decode(ngx_pool_t *pool, ngx_str_t text, ngx_str_t *value)
{
    value->len = carmen_base64url_decoded_len(text.len);
    value->data = ngx_pnalloc(pool, value->len + 1);

    if (value->data == NULL) {
        return NGX_ERROR;
    }

    return carmen_base64url_decode(value->data, text.data, text.len);
}


ngx_str_t
carmen_mfa_encode(ngx_pool_t *pool, ngx_str_t value)
{
    ngx_str_t  text;

    text.len = carmen_base64url_len(value.len);
    text.data = ngx_pnalloc(pool, text.len + 1);

    if (text.data) {
        *carmen_base64url_encode(text.data, value.data, value.len) = '\0';
    }

    return text;
}


ngx_str_t
carmen_mfa_random(ngx_pool_t *pool)
{
    u_char     bytes[CARMEN_WEBAUTHN_CHALLENGE];
    ngx_str_t  value;

    ngx_str_null(&value);

    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
        return value;
    }

    value.data = bytes;
    value.len = sizeof(bytes);

    return carmen_mfa_encode(pool, value);
}


ngx_int_t
carmen_mfa_codes(ngx_pool_t *pool, carmen_mfa_codes_t *codes)
{
    u_char      *h, *c;
    ngx_str_t    text;
    ngx_uint_t   i;

    h = codes->hashes.data = ngx_pnalloc(pool, CARMEN_MFA_HASHES);
    c = codes->codes.data = ngx_pnalloc(pool, CARMEN_MFA_CODES);

    if (h == NULL || c == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < CARMEN_RECOVERY_CODES; i++) {
        *h++ = i ? ',' : '{';
        *c++ = i ? ',' : '[';
        *c++ = '"';

        text.data = c;
        text.len = CARMEN_RECOVERY_TEXT;

        if (carmen_recovery_create(c) != NGX_OK
            || carmen_recovery_hash(&text, h) != NGX_OK)
        {
            return NGX_ERROR;
        }

        c += CARMEN_RECOVERY_TEXT;
        h += CARMEN_RECOVERY_HASH;
        *c++ = '"';
    }

    *h++ = '}';
    *c++ = ']';

    codes->hashes.len = h - codes->hashes.data;
    codes->codes.len = c - codes->codes.data;

    return NGX_OK;
}


static ngx_int_t
mfa_header(ngx_http_request_t *r, const char *key, ngx_str_t value,
    ngx_table_elt_t **header)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);

    if (h == NULL || value.data == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    h->key.data = (u_char *) key;
    h->key.len = ngx_strlen(key);
    h->value = value;

    if (header) {
        *header = h;
    }

    return NGX_OK;
}


void
carmen_mfa_refuse(carmen_request_t *cr, const char *problem,
    const char *detail, ngx_str_t *members)
{
    ngx_str_t            text;
    ngx_http_request_t  *r;

    static ngx_str_t  challenge = ngx_string("Bearer realm=\"carmen\"");

    r = carmen_request_http(cr);

    if (mfa_header(r, "WWW-Authenticate", challenge,
                   &r->headers_out.www_authenticate)
        != NGX_OK)
    {
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    text.data = (u_char *) detail;
    text.len = detail ? ngx_strlen(detail) : 0;

    carmen_problem_reply(cr, problem, detail ? &text : NULL, members);
}


void
carmen_mfa_wait(carmen_request_t *cr, time_t wait)
{
    ngx_str_t            detail;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);

    if (mfa_header(r, "Retry-After", carmen_mfa_number(r->pool, wait), NULL)
        != NGX_OK)
    {
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    ngx_str_set(&detail, "Too many attempts from your address.");
    carmen_problem_reply(cr, "too-many-requests", &detail, NULL);
}


void
carmen_mfa_invalid(carmen_request_t *cr, const char *pointer,
    const char *detail)
{
    u_char     *p;
    ngx_str_t   members;

    p = ngx_pnalloc(carmen_request_http(cr)->pool, 256);
    if (p == NULL) {
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    members.data = p;
    members.len = ngx_snprintf(p, 256,
                               "\"errors\":[{\"pointer\":\"%s\","
                               "\"code\":\"invalid\",\"detail\":\"%s\"}]",
                               pointer, detail)
                  - p;

    carmen_problem_reply(cr, "validation-failed", NULL, &members);
}


void
carmen_mfa_run(carmen_request_t *cr, ngx_int_t rc)
{
    if (rc == NGX_ERROR) {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
    }
}


void
carmen_mfa_reply(carmen_request_t *cr, ngx_uint_t status, json_t *object)
{
    char       *text;
    ngx_str_t   body, copy;

    text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);

    if (text == NULL) {
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    body.data = (u_char *) text;
    body.len = ngx_strlen(text);

    copy = carmen_mfa_copy(carmen_request_http(cr)->pool, body);
    OPENSSL_cleanse(text, body.len);
    free(text);

    if (copy.data == NULL) {
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    carmen_reply_json(cr, status, &copy, NULL, NULL);
}


void
carmen_auth_assurance(ngx_pool_t *pool, carmen_result_t *result,
    carmen_grant_t *grant)
{
    ngx_str_t  at;

    grant->acr = carmen_result_value(result, 0, "acr");
    grant->amr = carmen_result_value(result, 0, "amr");

    at = carmen_result_value(result, 0, "auth_time");
    grant->auth_time = at.data ? ngx_atotm(at.data, at.len) : 0;
}


void
carmen_mfa_required(carmen_request_t *cr, ngx_str_t *token,
    ngx_str_t *methods)
{
    u_char     *p;
    size_t      len;
    ngx_str_t   members;

    len = token->len + methods->len + 128;
    p = ngx_pnalloc(carmen_request_http(cr)->pool, len);

    if (p == NULL) {
        carmen_mfa_run(cr, NGX_ERROR);
        return;
    }

    members.data = p;
    members.len = ngx_snprintf(p, len, "\"challenge_token\":\"%V\","
                               "\"methods\":%V,\"expires_in\":%d", token,
                               methods, CARMEN_MFA_PATIENCE)
                  - p;

    carmen_mfa_refuse(cr, "mfa-required", NULL, &members);
}
