
/*
 * The path router.  Lines are patterns, the last one is the path.  What is
 * found must spell the path when its parameters are put into its pattern.
 */

#include "fuzz.h"
#include "carmen_router.h"


static const char *const  fixed[] = {
    "/orders", "/orders/{orderId:uuid}", "/orders/{orderId:uuid}/cancel",
    "/orders/search", "/users/me", "/users/{userId}", "/users/{userId}/roles",
    "/skus/{sku:code}/{n:integer}", "/a/{b}/c/{d}/e", "/a/b/c/{d}/f"
};


static void
spell(const carmen_match_t *match, ngx_str_t *path)
{
    size_t       n;
    u_char      *p, *end;
    ngx_uint_t   i;
    const char  *s;

    p = path->data;
    end = p + path->len;
    i = 0;

    for (s = match->endpoint; *s; s++) {

        if (*s != '{') {
            must(p < end && *p++ == (u_char) *s);
            continue;
        }

        must(i < match->nparams);
        n = strlen(match->params[i].name);
        must(memcmp(s + 1, match->params[i].name, n) == 0);
        must(match->params[i].value.data == p);
        must(match->params[i].value.len <= (size_t) (end - p));
        must(match->params[i].value.len > 0);
        must(memchr(p, '/', match->params[i].value.len) == NULL);

        p += match->params[i++].value.len;
        s = strchr(s, '}');
        must(s);
    }

    must(p == end && i == match->nparams);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char             *pattern;
    size_t            i, n;
    ngx_int_t         rc;
    ngx_str_t         path;
    ngx_uint_t        method;
    ngx_pool_t       *pool;
    const uint8_t    *line;
    carmen_match_t    match;
    carmen_router_t  *router;

    static const ngx_uint_t  methods[] = {
        NGX_HTTP_GET, NGX_HTTP_POST, NGX_HTTP_HEAD, NGX_HTTP_DELETE
    };

    pool = ngx_create_pool(4096, NULL);
    router = carmen_router_create(pool);

    for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        must(carmen_router_add(router, fixed[i], NGX_HTTP_GET,
                               (void *) fixed[i])
             == NGX_OK);
    }

    for (n = 0; n < 32; n++) {
        line = memchr(data, '\n', size);
        if (line == NULL) {
            break;
        }

        pattern = ngx_pnalloc(pool, line - data + 1);
        memcpy(pattern, data, line - data);
        pattern[line - data] = '\0';

        rc = carmen_router_add(router, pattern, methods[n & 3], pattern);
        must(rc == NGX_OK || rc == NGX_BUSY || rc == NGX_DECLINED);

        size -= line + 1 - data;
        data = line + 1;
    }

    path.data = fuzz_copy(data, size);
    path.len = size;

    for (i = 0; i < 4; i++) {
        method = methods[i];
        rc = carmen_router_find(router, &path, method, &match);

        if (rc == NGX_OK) {
            must(match.methods & method);
            spell(&match, &path);

        } else if (rc == NGX_ABORT) {
            must(match.methods && !(match.methods & method));
            must(match.endpoint == NULL);

        } else {
            must(rc == NGX_DECLINED && match.nparams == 0);
        }
    }

    free(path.data);
    ngx_destroy_pool(pool);

    return 0;
}
