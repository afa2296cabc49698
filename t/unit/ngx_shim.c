
/*
 * The few functions of nginx that the tested files call, for tests and
 * fuzzers without a server.
 */

#include "unit.h"


static ngx_int_t  shim_left = -1;


void
shim_fail_after(ngx_int_t n)
{
    shim_left = n;
}


ngx_pool_t *
ngx_create_pool(size_t size, ngx_log_t *log)
{
    ngx_pool_t  *pool;

    pool = calloc(1, sizeof(ngx_pool_t));

    if (pool) {
        pool->log = log;
    }

    return pool;
}


void
ngx_destroy_pool(ngx_pool_t *pool)
{
    ngx_pool_large_t    *l, *next;
    ngx_pool_cleanup_t  *c;

    for (c = pool->cleanup; c; c = c->next) {
        if (c->handler) {
            c->handler(c->data);
        }
    }

    for (l = pool->large; l; l = next) {
        next = l->next;
        free(l->alloc);
        free(l);
    }

    free(pool);
}


void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    ngx_pool_large_t  *l;

    if (shim_left >= 0 && shim_left-- == 0) {
        shim_left = 0;
        return NULL;
    }

    l = malloc(sizeof(ngx_pool_large_t));
    if (l == NULL) {
        return NULL;
    }

    l->alloc = malloc(size);
    l->next = pool->large;
    pool->large = l;

    return l->alloc;
}


void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return ngx_palloc(pool, size);
}


void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    void  *p;

    p = ngx_palloc(pool, size);

    if (p) {
        memset(p, 0, size);
    }

    return p;
}


ngx_pool_cleanup_t *
ngx_pool_cleanup_add(ngx_pool_t *p, size_t size)
{
    ngx_pool_cleanup_t  *c;

    c = ngx_pcalloc(p, sizeof(ngx_pool_cleanup_t));
    if (c == NULL) {
        return NULL;
    }

    if (size) {
        c->data = ngx_palloc(p, size);
        if (c->data == NULL) {
            return NULL;
        }
    }

    c->next = p->cleanup;
    p->cleanup = c;

    return c;
}


ngx_array_t *
ngx_array_create(ngx_pool_t *p, ngx_uint_t n, size_t size)
{
    ngx_array_t  *a;

    a = ngx_palloc(p, sizeof(ngx_array_t));

    if (a == NULL || ngx_array_init(a, p, n, size) != NGX_OK) {
        return NULL;
    }

    return a;
}


void *
ngx_array_push(ngx_array_t *a)
{
    void  *elts;

    if (a->nelts == a->nalloc) {
        elts = ngx_palloc(a->pool, 2 * a->nalloc * a->size);
        if (elts == NULL) {
            return NULL;
        }

        memcpy(elts, a->elts, a->nelts * a->size);
        a->elts = elts;
        a->nalloc *= 2;
    }

    return (u_char *) a->elts + a->size * a->nelts++;
}


static int
shim_index(const char *alphabet, u_char c)
{
    const char  *p;

    p = c ? strchr(alphabet, c) : NULL;

    return p ? (int) (p - alphabet) : -1;
}


ngx_int_t
ngx_hextoi(u_char *line, size_t n)
{
    int        digit;
    ngx_int_t  value;

    for (value = 0; n--; line++) {
        digit = shim_index("0123456789abcdef", ngx_tolower(*line));
        if (digit < 0) {
            return NGX_ERROR;
        }

        value = value * 16 + digit;
    }

    return value;
}


static const char  shim_base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abcdefghijklmnopqrstuvwxyz0123456789-_";


void
ngx_encode_base64url(ngx_str_t *dst, ngx_str_t *src)
{
    size_t    i;
    u_char   *d;
    uint32_t  bits, have;

    d = dst->data;
    bits = 0;
    have = 0;

    for (i = 0; i < src->len; i++) {
        bits = (bits << 8) | src->data[i];

        for (have += 8; have >= 6; have -= 6) {
            *d++ = shim_base64url[(bits >> (have - 6)) & 63];
        }
    }

    if (have) {
        *d++ = shim_base64url[(bits << (6 - have)) & 63];
    }

    dst->len = d - dst->data;
}


ngx_int_t
ngx_decode_base64url(ngx_str_t *dst, ngx_str_t *src)
{
    int       digit;
    size_t    i, len;
    u_char   *d;
    uint32_t  bits, have;

    for (len = 0; len < src->len && src->data[len] != '='; len++) {
        if (shim_index(shim_base64url, src->data[len]) < 0) {
            return NGX_ERROR;
        }
    }

    if (len % 4 == 1) {
        return NGX_ERROR;
    }

    d = dst->data;
    bits = 0;
    have = 0;

    for (i = 0; i < len; i++) {
        digit = shim_index(shim_base64url, src->data[i]);
        bits = (bits << 6) | digit;
        have += 6;

        if (have >= 8) {
            have -= 8;
            *d++ = (u_char) (bits >> have);
        }
    }

    dst->len = d - dst->data;

    return NGX_OK;
}
