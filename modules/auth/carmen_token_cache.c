
#include "carmen_token_cache.h"


typedef struct {
    const carmen_verifier_t  *verifier;
    const char               *why;
    u_char                    digest[CARMEN_TOKEN_DIGEST];
} token_refused_t;


/* every token in a bucket is in the queue, and the cache holds it once */

struct carmen_token_cache_s {
    ngx_uint_t                size;
    ngx_uint_t                used;
    ngx_uint_t                mask;
    ngx_queue_t               queue;
    token_refused_t           refused[CARMEN_TOKEN_REFUSED];
    carmen_token_t           *buckets[];
};


static ngx_uint_t token_hash(const u_char *digest);
static void token_remove(carmen_token_cache_t *cache, carmen_token_t *token);
static u_char *token_copy(u_char *p, ngx_str_t *dst, const ngx_str_t *src);


carmen_token_cache_t *
carmen_token_cache_create(ngx_uint_t size, ngx_log_t *log)
{
    ngx_uint_t             n;
    carmen_token_cache_t  *cache;

    for (n = 16; n < size; n <<= 1) { /* void */ }

    cache = ngx_calloc(sizeof(carmen_token_cache_t)
                       + n * sizeof(carmen_token_t *), log);
    if (cache == NULL) {
        return NULL;
    }

    cache->size = size;
    cache->mask = n - 1;
    ngx_queue_init(&cache->queue);

    return cache;
}


void
carmen_token_cache_destroy(carmen_token_cache_t *cache)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&cache->queue)) {
        q = ngx_queue_head(&cache->queue);
        token_remove(cache, ngx_queue_data(q, carmen_token_t, queue));
    }

    ngx_free(cache);
}


/* a digest is as random as any hash of it */

static ngx_inline ngx_uint_t
token_hash(const u_char *digest)
{
    ngx_uint_t  hash;

    ngx_memcpy(&hash, digest, sizeof(ngx_uint_t));

    return hash;
}


carmen_token_t *
carmen_token_cache_find(carmen_token_cache_t *cache, const u_char *digest,
    const carmen_verifier_t *verifier, time_t now)
{
    carmen_token_t  *token;

    token = cache->buckets[token_hash(digest) & cache->mask];

    while (token) {
        if (token->verifier == verifier
            && ngx_memcmp(token->digest, digest, CARMEN_TOKEN_DIGEST) == 0)
        {
            if (now >= token->identity.exp) {
                token_remove(cache, token);
                return NULL;
            }

            if (ngx_queue_head(&cache->queue) != &token->queue) {
                ngx_queue_remove(&token->queue);
                ngx_queue_insert_head(&cache->queue, &token->queue);
            }

            token->refs++;
            return token;
        }

        token = token->next;
    }

    return NULL;
}


void
carmen_token_cache_add(carmen_token_cache_t *cache, carmen_token_t *token)
{
    ngx_queue_t      *q;
    carmen_token_t  **bucket;

    if (cache->used == cache->size) {
        q = ngx_queue_last(&cache->queue);
        token_remove(cache, ngx_queue_data(q, carmen_token_t, queue));
    }

    bucket = &cache->buckets[token_hash(token->digest) & cache->mask];

    token->next = *bucket;
    *bucket = token;

    ngx_queue_insert_head(&cache->queue, &token->queue);
    token->refs++;
    cache->used++;
}


static void
token_remove(carmen_token_cache_t *cache, carmen_token_t *token)
{
    carmen_token_t  **p;

    p = &cache->buckets[token_hash(token->digest) & cache->mask];

    while (*p != token) {
        p = &(*p)->next;
    }

    *p = token->next;

    ngx_queue_remove(&token->queue);
    cache->used--;
    carmen_token_release(token);
}


void
carmen_token_cache_remove(carmen_token_cache_t *cache, carmen_token_t *token)
{
    carmen_token_t  *t;

    t = cache->buckets[token_hash(token->digest) & cache->mask];

    while (t && t != token) {
        t = t->next;
    }

    if (t) {
        token_remove(cache, t);
    }
}


const char *
carmen_token_cache_refused(carmen_token_cache_t *cache, const u_char *digest,
    const carmen_verifier_t *verifier)
{
    token_refused_t  *refused;

    refused = &cache->refused[token_hash(digest) % CARMEN_TOKEN_REFUSED];

    return refused->verifier == verifier
           && ngx_memcmp(refused->digest, digest, CARMEN_TOKEN_DIGEST) == 0
           ? refused->why : NULL;
}


void
carmen_token_cache_refuse(carmen_token_cache_t *cache, const u_char *digest,
    const carmen_verifier_t *verifier, const char *why)
{
    token_refused_t  *refused;

    refused = &cache->refused[token_hash(digest) % CARMEN_TOKEN_REFUSED];

    refused->verifier = verifier;
    refused->why = why;
    ngx_memcpy(refused->digest, digest, CARMEN_TOKEN_DIGEST);
}


carmen_token_t *
carmen_token_create(const carmen_jwt_t *jwt, const u_char *digest,
    const carmen_verifier_t *verifier, ngx_log_t *log)
{
    u_char          *p;
    carmen_token_t  *token;

    token = ngx_alloc(sizeof(carmen_token_t) + jwt->tenant.len
                      + jwt->subject.len + jwt->client.len
                      + jwt->session.len + jwt->jti.len + jwt->scope.len
                      + jwt->jkt.len + jwt->x5t.len,
                      log);
    if (token == NULL) {
        return NULL;
    }

    ngx_memzero(token, sizeof(carmen_token_t));

    p = (u_char *) token + sizeof(carmen_token_t);
    p = token_copy(p, &token->identity.tenant, &jwt->tenant);
    p = token_copy(p, &token->identity.subject, &jwt->subject);
    p = token_copy(p, &token->identity.client, &jwt->client);
    p = token_copy(p, &token->identity.session, &jwt->session);
    p = token_copy(p, &token->identity.jti, &jwt->jti);
    p = token_copy(p, &token->identity.scope, &jwt->scope);
    p = token_copy(p, &token->jkt, &jwt->jkt);
    (void) token_copy(p, &token->x5t, &jwt->x5t);

    token->identity.exp = jwt->exp;
    token->issued = jwt->issued;
    carmen_scopes_parse(&token->identity.scope, &token->identity.scopes);

    token->verifier = verifier;
    token->refs = 1;
    ngx_memcpy(token->digest, digest, CARMEN_TOKEN_DIGEST);

    return token;
}


static u_char *
token_copy(u_char *p, ngx_str_t *dst, const ngx_str_t *src)
{
    dst->data = p;
    dst->len = src->len;

    return src->len ? ngx_cpymem(p, src->data, src->len) : p;
}


void
carmen_token_release(void *data)
{
    carmen_token_t  *token = data;

    if (--token->refs == 0) {
        ngx_free(token);
    }
}
