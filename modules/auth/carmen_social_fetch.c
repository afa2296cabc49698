
/*
 * Fetches on behalf of a request, and what a worker keeps of OIDC providers:
 * the discovery document and the keys (OpenID Connect Discovery 1.0,
 * RFC 7517).
 */

#include "carmen_auth.h"


#define SOCIAL_FETCHES     256           /* at once, a worker */
#define SOCIAL_PROVIDERS   64            /* see carmen_federation_conf.c */
#define SOCIAL_KEYS        32            /* of a set, more are passed over */
#define SOCIAL_FRESH       3600          /* seconds */
#define SOCIAL_POOL        4096


typedef struct {
    carmen_request_t         *request;
    carmen_fetch_t           *fetch;
    carmen_outbound_pt        next;
    void                     *data;
} outbound_t;


typedef struct {
    carmen_social_t          *social;
    carmen_social_pt          next;
    void                     *data;
} social_wait_t;


static void outbound_done(carmen_fetch_t *f);
static void outbound_cleanup(void *data);
static void discovered(carmen_request_t *cr, carmen_fetch_t *f, void *data);
static ngx_int_t discovery_read(carmen_request_t *cr, carmen_social_t *social,
    json_t *doc);
static ngx_uint_t discovery_has(json_t *list, const char *name);
static void keys_fetched(carmen_request_t *cr, carmen_fetch_t *f, void *data);
static ngx_int_t keys_read(carmen_social_t *social, json_t *doc,
    ngx_log_t *log);
static void keys_cleanup(void *data);


/*
 * Of this worker and of its configuration: a reload starts other workers, and
 * the old ones keep theirs.
 */

static struct {
    carmen_discovery_t       *discovery;
    carmen_key_set_t         *keys;
} social_known[SOCIAL_PROVIDERS];

static ngx_uint_t  social_fetches;


carmen_fetch_t *
carmen_outbound(carmen_request_t *cr, const carmen_fetch_policy_t *policy,
    ngx_str_t *url, carmen_outbound_pt next, void *data)
{
    outbound_t          *out;
    carmen_fetch_t      *f;
    ngx_http_request_t  *r;
    ngx_pool_cleanup_t  *cln;

    r = carmen_request_http(cr);

    if (social_fetches >= SOCIAL_FETCHES) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "carmen: too many requests to providers at once");
        return NULL;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(outbound_t));
    if (cln == NULL) {
        return NULL;
    }

    out = cln->data;
    ngx_memzero(out, sizeof(outbound_t));

    f = carmen_fetch_create(policy, r->connection->log);
    if (f == NULL) {
        return NULL;
    }

    cln->handler = outbound_cleanup;
    social_fetches++;

    out->request = cr;
    out->fetch = f;
    out->next = next;
    out->data = data;

    f->done = outbound_done;
    f->data = out;

    /* where it came from may go before the fetch does */

    f->url.data = ngx_pstrdup(f->pool, url);

    if (f->url.data == NULL) {
        return NULL;
    }

    f->url.len = url->len;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return f;
}


static void
outbound_done(carmen_fetch_t *f)
{
    outbound_t        *out = f->data;
    ngx_connection_t  *c;

    out->fetch = NULL;
    social_fetches--;

    c = carmen_request_http(out->request)->connection;

    if (f->error) {
        ngx_log_error(NGX_LOG_ERR, c->log, 0, "carmen: fetching \"%V\": %s",
                      &f->url, f->error);
    }

    out->next(out->request, f, out->data);
    ngx_http_run_posted_requests(c);
}


static void
outbound_cleanup(void *data)
{
    outbound_t  *out = data;

    if (out->fetch) {
        carmen_fetch_abort(out->fetch);
        out->fetch = NULL;
        social_fetches--;
    }
}


json_t *
carmen_outbound_json(carmen_request_t *cr, carmen_fetch_t *f,
    const char *what)
{
    json_t     *doc;
    ngx_log_t  *log;

    if (f->error) {
        return NULL;
    }

    log = carmen_request_http(cr)->connection->log;

    if (f->status != 200) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "carmen: %s of \"%V\": status %ui", what, &f->url,
                      f->status);
        return NULL;
    }

    doc = json_loadb((char *) f->response.data, f->response.len,
                     JSON_REJECT_DUPLICATES, NULL);

    if (doc == NULL) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "carmen: %s of \"%V\" is not valid JSON", what,
                      &f->url);
    }

    return doc;
}


carmen_discovery_t *
carmen_discovery(carmen_social_t *social)
{
    return social_known[social->index].discovery;
}


carmen_key_set_t *
carmen_key_set(carmen_social_t *social)
{
    return social_known[social->index].keys;
}


ngx_int_t
carmen_discover(carmen_request_t *cr, carmen_social_t *social,
    carmen_social_pt next, void *data)
{
    u_char              *p;
    ngx_str_t            url;
    ngx_pool_t          *pool;
    social_wait_t       *wait;
    carmen_fetch_t      *f;
    carmen_discovery_t  *known;

    known = social_known[social->index].discovery;

    if (social->kind != CARMEN_SOCIAL_OIDC
        || (known && ngx_time() < known->expires))
    {
        next(cr, NGX_OK, data);
        return NGX_DONE;
    }

    pool = carmen_request_http(cr)->pool;
    wait = ngx_palloc(pool, sizeof(social_wait_t));

    url.data = ngx_pnalloc(pool, social->issuer.len
                           + sizeof("/.well-known/openid-configuration"));

    if (wait == NULL || url.data == NULL) {
        return NGX_ERROR;
    }

    wait->social = social;
    wait->next = next;
    wait->data = data;

    p = ngx_cpymem(url.data, social->issuer.data, social->issuer.len);

    if (p[-1] == '/') {
        p--;
    }

    url.len = ngx_sprintf(p, "/.well-known/openid-configuration") - url.data;

    f = carmen_outbound(cr, carmen_federation_conf(carmen_request_http(cr))
                            ->policy, &url, discovered, wait);
    if (f == NULL) {
        return NGX_ERROR;
    }

    carmen_fetch_start(f);

    return NGX_DONE;
}


static void
discovered(carmen_request_t *cr, carmen_fetch_t *f, void *data)
{
    social_wait_t  *wait = data;

    json_t     *doc;
    ngx_int_t   rc;

    rc = NGX_ERROR;
    doc = carmen_outbound_json(cr, f, "discovery");

    if (doc) {
        rc = discovery_read(cr, wait->social, doc);
        json_decref(doc);
    }

    wait->next(cr, rc, wait->data);
}


static ngx_int_t
discovery_read(carmen_request_t *cr, carmen_social_t *social, json_t *doc)
{
    size_t               i;
    json_t              *methods;
    ngx_log_t           *log;
    ngx_str_t           *text;
    ngx_pool_t          *pool;
    const char          *what;
    carmen_discovery_t  *known;

    static const struct {
        const char  *name;
        size_t       offset;
        ngx_uint_t   optional;
    } texts[] = {
        { "issuer", offsetof(carmen_discovery_t, issuer), 0 },
        { "authorization_endpoint", offsetof(carmen_discovery_t, authorize),
          0 },
        { "token_endpoint", offsetof(carmen_discovery_t, token), 0 },
        { "jwks_uri", offsetof(carmen_discovery_t, jwks), 0 },
        { "userinfo_endpoint", offsetof(carmen_discovery_t, userinfo), 1 },
        { NULL, 0, 0 }
    };

    log = carmen_request_http(cr)->connection->log;

    pool = ngx_create_pool(SOCIAL_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    known = ngx_pcalloc(pool, sizeof(carmen_discovery_t));
    if (known == NULL) {
        goto failed;
    }

    for (i = 0; texts[i].name; i++) {
        what = texts[i].name;
        text = (ngx_str_t *) ((u_char *) known + texts[i].offset);
        *text = carmen_json_text(pool, json_object_get(doc, what), 1024);

        if (text->data == NULL && !texts[i].optional) {
            ngx_log_error(NGX_LOG_ERR, log, 0,
                          "carmen: discovery of \"%V\" lacks \"%s\"",
                          &social->issuer, what);
            goto failed;
        }
    }

    /* OpenID Connect Discovery 4.3: or anybody could speak for anybody */

    if (known->issuer.len != social->issuer.len
        || ngx_memcmp(known->issuer.data, social->issuer.data,
                      social->issuer.len) != 0)
    {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "carmen: discovery of \"%V\" is of another issuer",
                      &social->issuer);
        goto failed;
    }

    known->iss = json_is_true(json_object_get(doc,
                            "authorization_response_iss_parameter_supported"));

    /* without the member it is client_secret_basic */

    methods = json_object_get(doc, "token_endpoint_auth_methods_supported");
    known->post = methods && !discovery_has(methods, "client_secret_basic");

    known->pool = pool;
    known->expires = ngx_time() + SOCIAL_FRESH;

    if (social_known[social->index].discovery) {
        ngx_destroy_pool(social_known[social->index].discovery->pool);
    }

    social_known[social->index].discovery = known;

    return NGX_OK;

failed:

    ngx_destroy_pool(pool);

    return NGX_ERROR;
}


static ngx_uint_t
discovery_has(json_t *list, const char *name)
{
    size_t   i;
    json_t  *item;

    json_array_foreach(list, i, item) {
        if (json_is_string(item)
            && ngx_strcmp(json_string_value(item), name) == 0)
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
carmen_key_set_fetch(carmen_request_t *cr, carmen_social_t *social,
    carmen_social_pt next, void *data)
{
    social_wait_t       *wait;
    carmen_fetch_t      *f;
    carmen_discovery_t  *known;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);
    known = carmen_discovery(social);
    wait = ngx_palloc(r->pool, sizeof(social_wait_t));

    if (wait == NULL || known == NULL) {
        return NGX_ERROR;
    }

    wait->social = social;
    wait->next = next;
    wait->data = data;

    f = carmen_outbound(cr, carmen_federation_conf(r)->policy, &known->jwks,
                        keys_fetched, wait);
    if (f == NULL) {
        return NGX_ERROR;
    }

    carmen_fetch_start(f);

    return NGX_DONE;
}


static void
keys_fetched(carmen_request_t *cr, carmen_fetch_t *f, void *data)
{
    social_wait_t  *wait = data;

    json_t     *doc;
    ngx_int_t   rc;

    rc = NGX_ERROR;
    doc = carmen_outbound_json(cr, f, "the keys");

    if (doc) {
        rc = keys_read(wait->social, doc,
                       carmen_request_http(cr)->connection->log);
        json_decref(doc);
    }

    wait->next(cr, rc, wait->data);
}


/* of a set of others only what can be used counts: no shared secrets */

static ngx_int_t
keys_read(carmen_social_t *social, json_t *doc, ngx_log_t *log)
{
    char                *text;
    size_t               i;
    json_t              *item;
    ngx_str_t            jwk;
    ngx_pool_t          *pool;
    const char          *why, *kty;
    carmen_key_set_t    *set;
    ngx_pool_cleanup_t  *cln;

    pool = ngx_create_pool(SOCIAL_POOL, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    set = ngx_pcalloc(pool, sizeof(carmen_key_set_t));
    cln = ngx_pool_cleanup_add(pool, 0);

    if (set == NULL || cln == NULL
        || ngx_array_init(&set->keys, pool, 4, sizeof(carmen_jwk_t))
           != NGX_OK)
    {
        goto failed;
    }

    cln->handler = keys_cleanup;
    cln->data = &set->keys;

    json_array_foreach(json_object_get(doc, "keys"), i, item) {

        kty = json_string_value(json_object_get(item, "kty"));

        if (i == SOCIAL_KEYS) {
            break;
        }

        if (kty == NULL || ngx_strcmp(kty, "oct") == 0) {
            continue;
        }

        text = json_dumps(item, JSON_COMPACT);
        if (text == NULL) {
            goto failed;
        }

        jwk.data = (u_char *) text;
        jwk.len = ngx_strlen(text);

        (void) carmen_jwk_read(pool, &jwk, NULL, CARMEN_ALG_ANY, &set->keys,
                               &why);
        free(text);
    }

    if (set->keys.nelts == 0) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "carmen: \"%V\" has no key that can be used",
                      &social->issuer);
        goto failed;
    }

    set->pool = pool;
    set->fetched = ngx_time();
    set->expires = set->fetched + SOCIAL_FRESH;

    if (social_known[social->index].keys) {
        ngx_destroy_pool(social_known[social->index].keys->pool);
    }

    social_known[social->index].keys = set;

    return NGX_OK;

failed:

    ngx_destroy_pool(pool);

    return NGX_ERROR;
}


static void
keys_cleanup(void *data)
{
    ngx_array_t  *keys = data;

    ngx_uint_t     i;
    carmen_jwk_t  *key;

    key = keys->elts;

    for (i = 0; i < keys->nelts; i++) {
        carmen_jwk_free(&key[i]);
    }
}


void
carmen_social_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t  i;

    for (i = 0; i < SOCIAL_PROVIDERS; i++) {
        if (social_known[i].discovery) {
            ngx_destroy_pool(social_known[i].discovery->pool);
            social_known[i].discovery = NULL;
        }

        if (social_known[i].keys) {
            ngx_destroy_pool(social_known[i].keys->pool);
            social_known[i].keys = NULL;
        }
    }
}
