
/* The configuration: keys from files, and all that nginx -t can refuse. */

#include "carmen_auth.h"
#include "carmen_revocation.h"
#include "carmen_passwords.h"
#include "carmen_browser_page.h"
#include "carmen_proofs.h"

#include <openssl/crypto.h>


#define AUTH_KEY_FILE_MAX  262144


static ngx_int_t auth_key_read(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *text, ngx_file_info_t *fi);
static void auth_keys_cleanup(void *data);
static void auth_key_exposed(ngx_conf_t *cf, ngx_str_t *name,
    ngx_file_info_t *fi, carmen_jwk_t *key, ngx_uint_t n);
static ngx_str_t auth_origin(ngx_str_t *url);
static char *auth_verifier(ngx_conf_t *cf, carmen_auth_conf_t *prev,
    carmen_auth_conf_t *conf);
static ngx_int_t auth_verifier_add(ngx_conf_t *cf, ngx_array_t *keys,
    carmen_jwk_t *key, carmen_auth_conf_t *conf);
static char *auth_document(ngx_conf_t *cf, carmen_auth_conf_t *conf);
static char *auth_refuse(ngx_conf_t *cf, carmen_auth_conf_t *conf,
    const char *text);


void *
carmen_auth_create_main_conf(ngx_conf_t *cf)
{
    carmen_auth_main_conf_t  *amcf;

    amcf = ngx_pcalloc(cf->pool, sizeof(carmen_auth_main_conf_t));
    if (amcf == NULL) {
        return NULL;
    }

    amcf->cache = NGX_CONF_UNSET_UINT;
    amcf->attempts = NGX_CONF_UNSET_SIZE;
    amcf->proofs = NGX_CONF_UNSET_SIZE;
    amcf->revocations = NGX_CONF_UNSET_SIZE;
    amcf->bound = NGX_CONF_UNSET_MSEC;

    return amcf;
}


char *
carmen_auth_init_main_conf(ngx_conf_t *cf, void *conf)
{
    carmen_auth_main_conf_t  *amcf = conf;

    ngx_conf_init_uint_value(amcf->cache, 8192);
    ngx_conf_init_size_value(amcf->attempts, 1024 * 1024);
    ngx_conf_init_size_value(amcf->proofs, 4 * 1024 * 1024);

    if (amcf->attempts < 8 * ngx_pagesize) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"carmen_auth_attempts\" must be %uz kilobytes "
                           "or more", 8 * ngx_pagesize / 1024);
        return NGX_CONF_ERROR;
    }

    amcf->zone = carmen_attempts_zone(cf, amcf->attempts,
                                      &ngx_http_carmen_auth_module);

    if (amcf->zone == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_conf_init_size_value(amcf->revocations, 4 * 1024 * 1024);
    ngx_conf_init_msec_value(amcf->bound, 30000);

    if (amcf->revocations < 16 * ngx_pagesize) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"carmen_auth_revocations\" must be %uz kilobytes "
                           "or more", 16 * ngx_pagesize / 1024);
        return NGX_CONF_ERROR;
    }

    if (amcf->bound < 3000 || amcf->bound > 3600000) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"carmen_auth_revocation_bound\" must be from 3 "
                           "seconds to an hour");
        return NGX_CONF_ERROR;
    }

    amcf->marks = carmen_marks_zone(cf, amcf->revocations,
                                    &ngx_http_carmen_auth_module);

    amcf->proofs_zone = carmen_proofs_zone(cf, amcf->proofs,
                                           &ngx_http_carmen_auth_module);

    return amcf->marks && amcf->proofs_zone ? NGX_CONF_OK : NGX_CONF_ERROR;
}


void *
carmen_auth_create_conf(ngx_conf_t *cf)
{
    carmen_auth_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(carmen_auth_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->mode = NGX_CONF_UNSET_UINT;
    conf->keys = NGX_CONF_UNSET_PTR;
    conf->signing = NGX_CONF_UNSET_PTR;
    conf->audiences = NGX_CONF_UNSET_PTR;
    conf->leeway = NGX_CONF_UNSET;
    conf->token_lifetime = NGX_CONF_UNSET;
    conf->refresh_lifetime = NGX_CONF_UNSET;
    conf->refresh_grace = NGX_CONF_UNSET;
    conf->policy.cost = NGX_CONF_UNSET_UINT;
    conf->mtls = NGX_CONF_UNSET_PTR;
    conf->policy.argon2.memory = NGX_CONF_UNSET_UINT;
    conf->policy.blocked = NGX_CONF_UNSET_PTR;
    conf->origins = NGX_CONF_UNSET_PTR;
    conf->step_up_age = NGX_CONF_UNSET;
    conf->browser_lifetime = NGX_CONF_UNSET;

    if (carmen_federation_create_conf(&conf->federation) != NGX_OK) {
        return NULL;
    }

    return conf;
}


/* where to point at when something is missing for a directive */

void
carmen_auth_remember(ngx_conf_t *cf, carmen_auth_conf_t *acf)
{
    acf->file = cf->conf_file->file.name.data;
    acf->line = cf->conf_file->line;
}


/* carmen_auth_key and carmen_auth_signing_key */

char *
carmen_auth_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_int_t             rc;
    ngx_str_t            *value, text, kid;
    ngx_uint_t            i, n, before, signs;
    const char           *why;
    ngx_array_t         **keys;
    carmen_jwk_t         *key;
    carmen_alg_e          alg;
    ngx_file_info_t       fi;
    ngx_pool_cleanup_t   *cln;

    keys = (ngx_array_t **) (p + cmd->offset);
    signs = cmd->offset == offsetof(carmen_auth_conf_t, signing);

    value = cf->args->elts;
    ngx_str_null(&kid);
    alg = CARMEN_ALG_ANY;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "kid=", 4) == 0) {
            kid.data = value[i].data + 4;
            kid.len = value[i].len - 4;
            continue;
        }

        if (!signs && ngx_strncmp(value[i].data, "alg=", 4) == 0) {
            alg = carmen_alg_find((char *) value[i].data + 4,
                                  value[i].len - 4);

            if (alg != CARMEN_ALG_ANY) {
                continue;
            }

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown algorithm \"%V\": it must be ES256, "
                               "EdDSA, RS256 or HS256", &value[i]);
            return NGX_CONF_ERROR;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\"", &value[i]);
        return NGX_CONF_ERROR;
    }

    if (*keys == NGX_CONF_UNSET_PTR) {
        *keys = ngx_array_create(cf->pool, 2, sizeof(carmen_jwk_t));
        cln = ngx_pool_cleanup_add(cf->pool, 0);

        if (*keys == NULL || cln == NULL) {
            return NGX_CONF_ERROR;
        }

        cln->handler = auth_keys_cleanup;
        cln->data = *keys;
    }

    if (auth_key_read(cf, &value[1], &text, &fi) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    before = (*keys)->nelts;
    why = NULL;

    rc = carmen_jwk_read(cf->pool, &text, kid.data ? &kid : NULL, alg, *keys,
                         &why);

    OPENSSL_cleanse(text.data, text.len);
    ngx_free(text.data);

    key = (*keys)->elts;

    if (rc == NGX_OK && (*keys)->nelts == before) {
        rc = NGX_DECLINED;
        why = "the file has no key for signatures";
    }

    if (rc == NGX_OK && signs) {
        n = (*keys)->nelts - before;

        if (n != 1) {
            rc = NGX_DECLINED;
            why = "the file has several keys, but one signs";

        } else if (!key[before].private
                   || (key[before].alg != CARMEN_ALG_ES256
                       && key[before].alg != CARMEN_ALG_EDDSA))
        {
            rc = NGX_DECLINED;
            why = "tokens are signed with a private key for ES256 or EdDSA "
                  "(openssl genpkey -algorithm EC -pkeyopt "
                  "ec_paramgen_curve:P-256)";
        }
    }

    if (rc == NGX_DECLINED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "key \"%V\": %s", &value[1],
                           why);
    }

    if (rc != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    auth_key_exposed(cf, &value[1], &fi, key + before,
                     (*keys)->nelts - before);

    return NGX_CONF_OK;
}


static void
auth_keys_cleanup(void *data)
{
    ngx_array_t  *keys = data;

    ngx_uint_t     i;
    carmen_jwk_t  *key;

    key = keys->elts;

    for (i = 0; i < keys->nelts; i++) {
        carmen_jwk_free(&key[i]);
    }
}


/* text->data is to be wiped and freed */

static ngx_int_t
auth_key_read(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *text,
    ngx_file_info_t *fi)
{
    off_t      size;
    ssize_t    n;
    ngx_fd_t   fd;
    ngx_str_t  path;

    path = *name;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(path.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot read key \"%V\"", &path);
        return NGX_ERROR;
    }

    n = -1;
    text->data = NULL;

    if (ngx_fd_info(fd, fi) == NGX_FILE_ERROR || !ngx_is_file(fi)
        || ngx_file_size(fi) > AUTH_KEY_FILE_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key \"%V\" is not a file of 256 kilobytes at "
                           "most", &path);
        goto done;
    }

    size = ngx_file_size(fi);
    text->data = ngx_alloc(size + 1, cf->log);

    if (text->data == NULL) {
        goto done;
    }

    n = ngx_read_fd(fd, text->data, size);

    if (n != size) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot read key \"%V\"", &path);
        ngx_free(text->data);
        n = -1;
        goto done;
    }

    text->data[size] = '\0';
    text->len = size;

done:

    ngx_close_file(fd);

    return n == -1 ? NGX_ERROR : NGX_OK;
}


static void
auth_key_exposed(ngx_conf_t *cf, ngx_str_t *name, ngx_file_info_t *fi,
    carmen_jwk_t *key, ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        if (key[i].private && (fi->st_mode & 0007)) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "key \"%V\" can be read by everyone on this "
                               "machine: chmod o= it", name);
            return;
        }
    }
}


char *
carmen_auth_cache(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    carmen_auth_main_conf_t  *amcf = conf;

    ngx_int_t   n;
    ngx_str_t  *value;

    if (amcf->cache != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        amcf->cache = 0;
        return NGX_CONF_OK;
    }

    n = ngx_atoi(value[1].data, value[1].len);

    if (n < 1 || n > 1048576) {
        return "must be \"off\" or from 1 to 1048576 tokens";
    }

    amcf->cache = n;

    return NGX_CONF_OK;
}


/* "off", or the tenant of those who present a certificate */

char *
carmen_auth_mtls(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    carmen_auth_conf_t  *acf = conf;

    ngx_str_t                         *value;
    ngx_http_compile_complex_value_t   ccv;

    if (acf->mtls != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        acf->mtls = NULL;
        return NGX_CONF_OK;
    }

    acf->mtls = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (acf->mtls == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = acf->mtls;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (acf->mtls->lengths == NULL
        && !carmen_tenant_valid(value[1].data, value[1].len))
    {
        return "must be \"off\" or a tenant";
    }

    return NGX_CONF_OK;
}


char *
carmen_auth_pool(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    carmen_auth_conf_t  *acf = conf;

    ngx_str_t  *value;

    if (acf->policy.pool.data) {
        return "is duplicate";
    }

    value = cf->args->elts;
    acf->policy.pool = value[1];

    return ngx_thread_pool_add(cf, &value[1]) ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
carmen_auth_merge_conf(ngx_conf_t *cf, void *parent, void *child)
{
    carmen_auth_conf_t  *prev = parent;
    carmen_auth_conf_t  *conf = child;

    ngx_conf_merge_uint_value(conf->mode, prev->mode, CARMEN_AUTH_OFF);
    ngx_conf_merge_ptr_value(conf->keys, prev->keys, NULL);
    ngx_conf_merge_ptr_value(conf->signing, prev->signing, NULL);
    ngx_conf_merge_str_value(conf->issuer, prev->issuer, "");
    ngx_conf_merge_str_value(conf->origin, prev->origin, "");
    ngx_conf_merge_ptr_value(conf->audiences, prev->audiences, NULL);
    ngx_conf_merge_sec_value(conf->leeway, prev->leeway, 30);
    ngx_conf_merge_sec_value(conf->token_lifetime, prev->token_lifetime, 600);
    ngx_conf_merge_sec_value(conf->refresh_lifetime, prev->refresh_lifetime,
                             30 * 86400);
    ngx_conf_merge_sec_value(conf->refresh_grace, prev->refresh_grace, 10);
    ngx_conf_merge_uint_value(conf->policy.cost, prev->policy.cost, 12);
    ngx_conf_merge_str_value(conf->policy.pool, prev->policy.pool, "default");

    ngx_conf_merge_ptr_value(conf->mtls, prev->mtls, NULL);
    carmen_passwords_merge(prev, conf);

    if (carmen_federation_merge_conf(cf, &prev->federation,
                                     &conf->federation)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (carmen_mfa_merge(cf, prev, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (conf->file == NULL) {
        conf->file = prev->file;
        conf->line = prev->line;
    }

    if (carmen_browser_merge(cf, prev, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (conf->mode == CARMEN_AUTH_OFF && !conf->endpoints && !conf->jwks) {
        return NGX_CONF_OK;
    }

    if (conf->origin.len == 0) {
        conf->origin = auth_origin(&conf->issuer);
    }

    if (conf->leeway > 300) {
        return auth_refuse(cf, conf, "\"carmen_auth_leeway\" must be 5 "
                           "minutes at most");
    }

    if (conf->signing && conf->issuer.len == 0) {
        return auth_refuse(cf, conf, "tokens that are signed need an issuer: "
                           "add \"carmen_auth_issuer <url>;\"");
    }

    if (conf->endpoints) {

        if (conf->signing == NULL) {
            return auth_refuse(cf, conf, "\"carmen_auth_endpoints\" signs "
                               "tokens: add \"carmen_auth_signing_key "
                               "<file>;\"");
        }

        if (conf->audiences == NULL) {
            return auth_refuse(cf, conf, "\"carmen_auth_endpoints\" signs "
                               "tokens for an audience: add "
                               "\"carmen_auth_audience <name>;\"");
        }

        if (conf->token_lifetime < 1 || conf->refresh_lifetime < 1) {
            return auth_refuse(cf, conf, "the lifetime of a token must be a "
                               "second or more");
        }

        if (conf->token_lifetime > 86400) {
            return auth_refuse(cf, conf, "the lifetime of an access token "
                               "must be a day at most: what is revoked is "
                               "remembered for as long");
        }
    }

    /* registration hashes passwords, too, wherever it is */

    if (ngx_thread_pool_add(cf, &conf->policy.pool) == NULL) {
        return NGX_CONF_ERROR;
    }

    if (auth_verifier(cf, prev, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (conf->mode == CARMEN_AUTH_JWT) {

        if (conf->verifier->nkeys == 0) {
            return auth_refuse(cf, conf, "\"carmen_auth jwt\" has no key to "
                               "verify with: add \"carmen_auth_key <file>;\"");
        }

        if (conf->issuer.len == 0) {
            return auth_refuse(cf, conf, "\"carmen_auth jwt\" must know the "
                               "issuer: add \"carmen_auth_issuer <url>;\"");
        }

        if (conf->audiences == NULL) {
            return auth_refuse(cf, conf, "\"carmen_auth jwt\" must know its "
                               "audience: add \"carmen_auth_audience "
                               "<name>;\"");
        }
    }

    return conf->jwks ? auth_document(cf, conf) : NGX_CONF_OK;
}


/* scheme and authority of a URL; empty if it has none */

static ngx_str_t
auth_origin(ngx_str_t *url)
{
    u_char     *p, *last;
    ngx_str_t   origin;

    origin = *url;
    last = url->data + url->len;
    p = ngx_strnstr(url->data, "://", url->len);

    if (p == NULL) {
        origin.len = 0;
        return origin;
    }

    p = ngx_strlchr(p + 3, last, '/');

    if (p) {
        origin.len = p - url->data;
    }

    return origin;
}


/*
 * Locations that differ in nothing share a verifier, and with it the tokens
 * in the cache.
 */

static char *
auth_verifier(ngx_conf_t *cf, carmen_auth_conf_t *prev,
    carmen_auth_conf_t *conf)
{
    ngx_uint_t          i;
    ngx_array_t        *keys;
    carmen_jwk_t       *key;
    carmen_verifier_t  *v;

    if (prev->verifier
        && conf->keys == prev->keys
        && conf->signing == prev->signing
        && conf->audiences == prev->audiences
        && conf->issuer.data == prev->issuer.data
        && conf->leeway == prev->leeway)
    {
        conf->verifier = prev->verifier;
        return NGX_CONF_OK;
    }

    v = ngx_pcalloc(cf->pool, sizeof(carmen_verifier_t));
    keys = ngx_array_create(cf->pool, 4, sizeof(carmen_jwk_t));

    if (v == NULL || keys == NULL) {
        return NGX_CONF_ERROR;
    }

    if (conf->keys) {
        key = conf->keys->elts;

        for (i = 0; i < conf->keys->nelts; i++) {
            if (auth_verifier_add(cf, keys, &key[i], conf) != NGX_OK) {
                return NGX_CONF_ERROR;
            }
        }
    }

    if (conf->signing) {
        key = conf->signing->elts;

        for (i = 0; i < conf->signing->nelts; i++) {
            if (auth_verifier_add(cf, keys, &key[i], conf) != NGX_OK) {
                return NGX_CONF_ERROR;
            }
        }
    }

    v->issuer = conf->issuer;
    v->leeway = conf->leeway;
    v->keys = keys->elts;
    v->nkeys = keys->nelts;

    if (conf->audiences) {
        v->audiences = conf->audiences->elts;
        v->naudiences = conf->audiences->nelts;
    }

    conf->verifier = v;

    return NGX_CONF_OK;
}


static ngx_int_t
auth_verifier_add(ngx_conf_t *cf, ngx_array_t *keys, carmen_jwk_t *key,
    carmen_auth_conf_t *conf)
{
    ngx_uint_t     i;
    carmen_jwk_t  *other;

    other = keys->elts;

    for (i = 0; i < keys->nelts; i++) {
        if (other[i].kid.len != key->kid.len
            || ngx_memcmp(other[i].kid.data, key->kid.data, key->kid.len)
               != 0)
        {
            continue;
        }

        if (key->pkey && other[i].pkey
            && EVP_PKEY_eq(key->pkey, other[i].pkey) == 1)
        {
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "two keys are called \"%V\": give one of them another "
                      "\"kid\" in %s:%ui", &key->kid, conf->file, conf->line);
        return NGX_ERROR;
    }

    other = ngx_array_push(keys);
    if (other == NULL) {
        return NGX_ERROR;
    }

    *other = *key;

    return NGX_OK;
}


static char *
auth_document(ngx_conf_t *cf, carmen_auth_conf_t *conf)
{
    u_char        *p, md[32];
    size_t         len;
    ngx_uint_t     i, n;
    carmen_jwk_t  *key;

    key = conf->verifier->keys;
    len = sizeof("{\"keys\":[]}");

    for (i = 0, n = 0; i < conf->verifier->nkeys; i++) {
        len += key[i].jwk.len + 1;
        n += key[i].jwk.len != 0;
    }

    if (n == 0) {
        return auth_refuse(cf, conf, "\"carmen_auth_jwks\" has no public key "
                           "to show: add \"carmen_auth_signing_key <file>;\" "
                           "here or above");
    }

    p = ngx_pnalloc(cf->pool, len);
    conf->etag.data = ngx_pnalloc(cf->pool, 34);

    if (p == NULL || conf->etag.data == NULL) {
        return NGX_CONF_ERROR;
    }

    conf->document.data = p;
    p = ngx_cpymem(p, "{\"keys\":[", sizeof("{\"keys\":[") - 1);

    for (i = 0, n = 0; i < conf->verifier->nkeys; i++) {
        if (key[i].jwk.len == 0) {
            continue;
        }

        if (n++) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, key[i].jwk.data, key[i].jwk.len);
    }

    p = ngx_cpymem(p, "]}", 2);
    conf->document.len = p - conf->document.data;

    if (EVP_Digest(conf->document.data, conf->document.len, md, NULL,
                   EVP_sha256(), NULL)
        != 1)
    {
        return NGX_CONF_ERROR;
    }

    p = conf->etag.data;
    *p++ = '"';
    p = ngx_hex_dump(p, md, 16);
    *p++ = '"';
    conf->etag.len = p - conf->etag.data;

    return NGX_CONF_OK;
}


static char *
auth_refuse(ngx_conf_t *cf, carmen_auth_conf_t *conf, const char *text)
{
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%s in %s:%ui", text, conf->file,
                  conf->line);

    return NGX_CONF_ERROR;
}
