
/* The path router. */

#include "unit.h"
#include "carmen_router.h"


#define UUID  "01890a5d-ac96-774b-bcce-b302099a8057"


static carmen_match_t  match;


static ngx_int_t
find(carmen_router_t *router, const char *text, ngx_uint_t method)
{
    static u_char  *copy;
    ngx_str_t       path;

    /* match.params point into it until the next call */

    if (copy) {
        free(copy);
    }

    path.len = strlen(text);
    copy = malloc(path.len + 1);
    memcpy(copy, text, path.len);
    path.data = copy;

    return carmen_router_find(router, &path, method, &match);
}


static void
test_find(ngx_pool_t *pool)
{
    size_t            i;
    carmen_router_t  *r;

    static const struct { const char *pattern; ngx_uint_t method; char *name; }
    routes[] = {
        { "/orders", NGX_HTTP_GET, "list" },
        { "/orders", NGX_HTTP_POST, "place" },
        { "/orders/{orderId:uuid}", NGX_HTTP_GET, "get" },
        { "/orders/{id:uuid}", NGX_HTTP_DELETE, "delete" },
        { "/orders/{orderId:uuid}/lines/{lineId:integer}", NGX_HTTP_GET,
          "line" },
        { "/orders/search", NGX_HTTP_GET, "search" },
        { "/users/me", NGX_HTTP_GET, "me" },
        { "/users/me/keys", NGX_HTTP_GET, "my keys" },
        { "/users/{name}", NGX_HTTP_GET, "user" },
        { "/users/{name}/roles", NGX_HTTP_GET, "roles" },
        { "/skus/{sku:code}", NGX_HTTP_HEAD, "sku head" },
        { "/skus/{sku:code}", NGX_HTTP_GET, "sku" },
        { "/a/b/c", NGX_HTTP_GET, "abc" },
        { "/a/{x}/d", NGX_HTTP_GET, "axd" },
        { "/{y}/b/e", NGX_HTTP_GET, "ybe" },
        { "/openapi.json", NGX_HTTP_GET, "openapi" }
    };

    static const struct { const char *path; ngx_uint_t method; ngx_int_t rc;
                          const char *name, *key, *value; } cases[] = {
        { "/orders", NGX_HTTP_GET, NGX_OK, "list", NULL, NULL },
        { "/orders", NGX_HTTP_HEAD, NGX_OK, "list", NULL, NULL },
        { "/orders", NGX_HTTP_POST, NGX_OK, "place", NULL, NULL },
        { "/orders", NGX_HTTP_PUT, NGX_ABORT, NULL, NULL, NULL },
        { "/orders/" UUID, NGX_HTTP_GET, NGX_OK, "get", "orderId", UUID },
        { "/orders/" UUID, NGX_HTTP_DELETE, NGX_OK, "delete", "id", UUID },
        { "/orders/17", NGX_HTTP_GET, NGX_DECLINED, NULL, NULL, NULL },
        { "/orders/search", NGX_HTTP_GET, NGX_OK, "search", NULL, NULL },
        { "/orders/", NGX_HTTP_GET, NGX_DECLINED, NULL, NULL, NULL },
        { "/orders/" UUID "/", NGX_HTTP_GET, NGX_DECLINED, NULL, NULL, NULL },
        { "/orders/" UUID "/lines", NGX_HTTP_GET, NGX_DECLINED, NULL, NULL,
          NULL },
        { "/orders/" UUID "/lines/12", NGX_HTTP_GET, NGX_OK, "line",
          "orderId", UUID },
        { "/orders/" UUID "/lines/1x", NGX_HTTP_GET, NGX_DECLINED, NULL, NULL,
          NULL },
        { "/users/me", NGX_HTTP_GET, NGX_OK, "me", NULL, NULL },
        { "/users/me/keys", NGX_HTTP_GET, NGX_OK, "my keys", NULL, NULL },
        { "/users/me/roles", NGX_HTTP_GET, NGX_OK, "roles", "name", "me" },
        { "/users/m", NGX_HTTP_GET, NGX_OK, "user", "name", "m" },
        { "/users/j\xc3\xb6rg", NGX_HTTP_GET, NGX_OK, "user", "name",
          "j\xc3\xb6rg" },
        { "/users/a\nb", NGX_HTTP_GET, NGX_DECLINED, NULL, NULL, NULL },
        { "/users/\xff", NGX_HTTP_GET, NGX_DECLINED, NULL, NULL, NULL },
        { "/skus/A-1", NGX_HTTP_HEAD, NGX_OK, "sku head", "sku", "A-1" },
        { "/skus/-", NGX_HTTP_GET, NGX_DECLINED, NULL, NULL, NULL },
        { "/a/b/c", NGX_HTTP_GET, NGX_OK, "abc", NULL, NULL },
        { "/a/b/d", NGX_HTTP_GET, NGX_OK, "axd", "x", "b" },
        { "/a/b/e", NGX_HTTP_GET, NGX_OK, "ybe", "y", "a" },
        { "/a/b", NGX_HTTP_GET, NGX_DECLINED, NULL, NULL, NULL },
        { "/openapi.json", NGX_HTTP_GET, NGX_OK, "openapi", NULL, NULL },
        { "/", NGX_HTTP_GET, NGX_DECLINED, NULL, NULL, NULL },
        { "", NGX_HTTP_GET, NGX_DECLINED, NULL, NULL, NULL },
        { "orders", NGX_HTTP_GET, NGX_DECLINED, NULL, NULL, NULL },
        { "//orders", NGX_HTTP_GET, NGX_DECLINED, NULL, NULL, NULL },
        { "////////////////////", NGX_HTTP_GET, NGX_DECLINED, NULL, NULL,
          NULL }
    };

    r = carmen_router_create(pool);

    for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        is_int(carmen_router_add(r, routes[i].pattern, routes[i].method,
                                 routes[i].name),
               NGX_OK, "add %s", routes[i].pattern);
    }

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_int(find(r, cases[i].path, cases[i].method), cases[i].rc,
               "find \"%s\"", cases[i].path);

        if (cases[i].name) {
            ok(match.endpoint && strcmp(match.endpoint, cases[i].name) == 0,
               "  it is %s", cases[i].name);
        }

        if (cases[i].key) {
            ok(match.nparams && strcmp(match.params[0].name, cases[i].key)
               == 0, "  the parameter is %s", cases[i].key);
            is_str(&match.params[0].value, cases[i].value, "  its value");

        } else if (cases[i].rc == NGX_OK) {
            is_int(match.nparams, 0, "  without parameters");
        }
    }

    find(r, "/orders/" UUID "/lines/12", NGX_HTTP_GET);
    is_int(match.nparams, 2, "two parameters");
    is_str(&match.params[1].value, "12", "the second");

    find(r, "/orders", NGX_HTTP_PUT);
    is_int(match.methods, NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_POST,
           "the methods of a path, HEAD with GET");

    is_int(carmen_router_add(r, "/orders", NGX_HTTP_GET, "x"), NGX_BUSY,
           "a path and method that is taken");
    is_int(carmen_router_add(r, "/orders/{other:uuid}", NGX_HTTP_GET, "x"),
           NGX_BUSY, "whatever the name of the parameter");
    is_int(carmen_router_add(r, "/orders/{id:code}", NGX_HTTP_PUT, "x"),
           NGX_DECLINED, "another type in the same place");
}


static void
test_patterns(ngx_pool_t *pool)
{
    size_t            i;
    char              path[140];
    carmen_router_t  *r;

    static const char *bad[] = {
        "", "orders", "/", "//", "/a/", "/a//b", "/{}", "/{a", "/{a}b",
        "/a{b}", "/{a:}", "/{a:uid}", "/{1a}", "/{a}/{a}", "/a b", "/%41",
        "/a?b", "/\xc3\xa4",
        "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}",
        "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"
    };

    r = carmen_router_create(pool);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(carmen_router_add(r, bad[i], NGX_HTTP_GET, r), NGX_DECLINED,
               "the pattern \"%s\"", bad[i]);
    }

    is_int(carmen_router_add(r, "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}",
                             NGX_HTTP_GET, r), NGX_OK, "eight parameters");
    is_int(find(r, "/1/2/3/4/5/6/7/8", NGX_HTTP_GET), NGX_OK, "are found");
    is_int(match.nparams, 8, "all");

    is_int(carmen_router_add(r, "/{text}", NGX_HTTP_GET, r), NGX_OK, "text");

    memset(path, 'x', sizeof(path));
    path[0] = '/';
    path[129] = '\0';
    is_int(find(r, path, NGX_HTTP_GET), NGX_OK, "of 128 bytes");
    path[129] = 'x';
    path[130] = '\0';
    is_int(find(r, path, NGX_HTTP_GET), NGX_DECLINED, "but not of 129");
}


static void
test_memory(void)
{
    ngx_int_t         i, rc;
    ngx_pool_t       *pool;
    carmen_router_t  *r;

    for (i = 0, rc = NGX_ERROR; rc != NGX_OK && i < 100; i++) {
        pool = ngx_create_pool(4096, NULL);
        shim_fail_after(i);
        r = carmen_router_create(pool);
        rc = r ? carmen_router_add(r, "/a/{b}/c/{d:uuid}", NGX_HTTP_GET, r)
               : NGX_ERROR;
        shim_fail_after(-1);

        if (rc == NGX_ERROR && r) {
            is_int(find(r, "/a/b/c/" UUID, NGX_HTTP_GET), NGX_DECLINED,
                   "not added without memory");
        }

        ngx_destroy_pool(pool);
    }

    is_int(rc, NGX_OK, "added with it");
}


int
main(void)
{
    ngx_pool_t  *pool;

    pool = ngx_create_pool(4096, NULL);

    test_find(pool);
    test_patterns(pool);
    test_memory();

    ngx_destroy_pool(pool);

    return done_testing();
}
