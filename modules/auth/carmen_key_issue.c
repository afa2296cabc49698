
/* API keys on their way out. */

#include "carmen_credential.h"
#include "carmen_sessions.h"
#include "auth_statements.h"

#include <openssl/crypto.h>


#define KEY_SHOWN  8                     /* characters of it that are kept */


static void key_made(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void key_wipe(void *data);


ngx_int_t
carmen_key_create(carmen_request_t *cr)
{
    u_char               digest[CARMEN_TOKEN_DIGEST];
    ngx_str_t            tenant, random, ignored, prefix, stored, *key;
    carmen_identity_t   *identity;
    ngx_pool_cleanup_t  *cln;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);
    identity = carmen_identity(r);
    tenant = identity->tenant;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_str_t));

    if (cln == NULL
        || carmen_refresh_create(r->pool, &tenant, &random, &ignored)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    key = cln->data;
    key->len = sizeof(CARMEN_KEY_PREFIX) - 1 + random.len;
    key->data = ngx_pnalloc(r->pool, key->len);
    stored.len = 2 * CARMEN_TOKEN_DIGEST;
    stored.data = ngx_pnalloc(r->pool, stored.len);

    if (key->data == NULL || stored.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(key->data, CARMEN_KEY_PREFIX "%V", &random);
    OPENSSL_cleanse(random.data, random.len);

    cln->handler = key_wipe;

    if (carmen_identify_digest(key, digest) != NGX_OK) {
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(stored.data, digest, CARMEN_TOKEN_DIGEST);

    prefix.data = key->data;
    prefix.len = sizeof(CARMEN_KEY_PREFIX) - 1 + tenant.len + 1 + KEY_SHOWN;

    carmen_pair_t  values[] = {
        { "granted", identity->scope },
        { "prefix", prefix },
        { "stored", stored },
        { NULL, ngx_null_string }
    };

    if (carmen_query(cr, &auth_api_key_create, values, key_made, key)
        == NGX_ERROR)
    {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
    }

    return NGX_DONE;
}


static void
key_made(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    ngx_str_t  *key = data;

    u_char              *p;
    ngx_str_t            body, kept, version, location, fresh;
    ngx_http_request_t  *r;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    r = carmen_request_http(cr);

    fresh = carmen_result_value(result, 0, "fresh");
    kept = carmen_result_value(result, 0, "body");
    version = carmen_result_value(result, 0, "version");
    location = carmen_result_value(result, 0, "location");

    if (fresh.len == 0 || kept.len == 0) {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
        return;
    }

    body.data = ngx_pnalloc(r->pool, kept.len + key->len + 16);
    if (body.data == NULL) {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
        return;
    }

    /* the key is put in front of the first member */

    p = body.data;

    if (fresh.data[0] == 't') {
        p = ngx_sprintf(p, "{\"key\":\"%V\",", key);
        p = ngx_cpymem(p, kept.data + 1, kept.len - 1);

    } else {
        p = ngx_cpymem(p, kept.data, kept.len);
    }

    body.len = p - body.data;

    carmen_reply_json(cr, NGX_HTTP_CREATED, &body, &version, &location);
}


static void
key_wipe(void *data)
{
    ngx_str_t  *key = data;

    OPENSSL_cleanse(key->data, key->len);
}
