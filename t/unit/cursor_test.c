
/* Page cursors: what comes back, and what is not taken for one of ours. */

#include "unit.h"
#include "carmen_cursor.h"

#include <ctype.h>


static u_char     secret[32] = "0123456789abcdef0123456789abcdef";
static ngx_str_t  context = ngx_string("demo|shop_list|status=new");


static void
test_round(ngx_pool_t *pool)
{
    size_t           i;
    ngx_str_t        text, again;
    carmen_cursor_t  c;
    ngx_str_t        keys = ngx_string("[\"n\\\"\\u00e4, \", \"17\"]");

    is_int(carmen_cursor_encode(pool, secret, &context, CARMEN_PAGE_AFTER, 3,
                                &keys, &text), NGX_OK, "encode");

    for (i = 0; i < text.len; i++) {
        if (!isalnum(text.data[i]) && !strchr("-_", text.data[i])) {
            break;
        }
    }

    is_int(i, text.len, "in base64url");

    is_int(carmen_cursor_decode(pool, secret, &context, &text, &c), NGX_OK,
           "decode");
    is_int(c.page, CARMEN_PAGE_AFTER, "page");
    is_int(c.sort, 3, "sort");
    is_int(c.nkeys, 2, "keys");
    is_str(&c.keys[0], "n\"\xc3\xa4, ", "first key");
    is_str(&c.keys[1], "17", "second key");

    carmen_cursor_encode(pool, secret, &context, CARMEN_PAGE_AFTER, 3, &keys,
                         &again);
    ok(again.len == text.len && memcmp(again.data, text.data, text.len) == 0,
       "the same each time");

    carmen_cursor_encode(pool, secret, &context, CARMEN_PAGE_BEFORE, 0, &keys,
                         &text);
    carmen_cursor_decode(pool, secret, &context, &text, &c);
    is_int(c.page, CARMEN_PAGE_BEFORE, "the other page");
    is_int(c.sort, 0, "the other sort");

    is_int(carmen_cursor_encode(pool, secret, &context, CARMEN_PAGE_AFTER,
                                256, &keys, &text),
           NGX_ERROR, "a sort beyond a byte");
}


static void
test_foreign(ngx_pool_t *pool)
{
    size_t           i, taken;
    u_char           other[32], c0;
    ngx_str_t        text, cut, ctx;
    carmen_cursor_t  c;
    ngx_str_t        keys = ngx_string("[\"a\",\"b\"]");

    carmen_cursor_encode(pool, secret, &context, CARMEN_PAGE_AFTER, 0, &keys,
                         &text);

    memcpy(other, secret, 32);
    other[31] ^= 1;
    is_int(carmen_cursor_decode(pool, other, &context, &text, &c),
           NGX_DECLINED, "another secret");

    ctx = context;
    ctx.len--;
    is_int(carmen_cursor_decode(pool, secret, &ctx, &text, &c), NGX_DECLINED,
           "another context");

    for (i = 0, taken = 0; i < text.len; i++) {
        c0 = text.data[i];
        text.data[i] = (c0 == 'A') ? 'Q' : 'A';
        taken += carmen_cursor_decode(pool, secret, &context, &text, &c)
                 != NGX_DECLINED;
        text.data[i] = c0;

        cut = text;
        cut.len = i;
        taken += carmen_cursor_decode(pool, secret, &context, &cut, &c)
                 != NGX_DECLINED;
    }

    is_int(taken, 0, "no change of a character and no prefix is taken");

    ngx_str_set(&cut, "not base64!");
    is_int(carmen_cursor_decode(pool, secret, &context, &cut, &c),
           NGX_DECLINED, "another alphabet");

    cut.len = 20000;
    cut.data = ngx_palloc(pool, cut.len);
    memset(cut.data, 'A', cut.len);
    is_int(carmen_cursor_decode(pool, secret, &context, &cut, &c),
           NGX_DECLINED, "a very long text");
}


/* signed by us, but not of this statement's form any more */

static void
test_keys(ngx_pool_t *pool)
{
    size_t           i;
    ngx_str_t        keys, text;
    carmen_cursor_t  c;

    static const struct { const char *keys; ngx_int_t rc; } cases[] = {
        { "[\"1\",\"2\",\"3\",\"4\"]", NGX_OK },
        { "[\"1\",\"2\",\"3\",\"4\",\"5\"]", NGX_DECLINED },
        { "[]", NGX_DECLINED }, { "{}", NGX_DECLINED },
        { "[null]", NGX_DECLINED }, { "[1]", NGX_DECLINED },
        { "\"x\"", NGX_DECLINED }, { "", NGX_DECLINED },
        { "[\"\"]", NGX_OK }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        keys.data = (u_char *) cases[i].keys;
        keys.len = strlen(cases[i].keys);
        carmen_cursor_encode(pool, secret, &context, CARMEN_PAGE_AFTER, 0,
                             &keys, &text);
        is_int(carmen_cursor_decode(pool, secret, &context, &text, &c),
               cases[i].rc, "keys %s", cases[i].keys);
    }

    ngx_str_set(&keys, "[\"a\"]");
    carmen_cursor_encode(pool, secret, &context, CARMEN_PAGE_FIRST, 0, &keys,
                         &text);
    is_int(carmen_cursor_decode(pool, secret, &context, &text, &c),
           NGX_DECLINED, "a first page has no cursor");
}


static void
test_memory(ngx_pool_t *pool)
{
    ngx_int_t        i, rc;
    ngx_str_t        text;
    carmen_cursor_t  c;
    ngx_str_t        keys = ngx_string("[\"a\",\"b\"]");

    for (i = 0, rc = NGX_ERROR; rc == NGX_ERROR && i < 100; i++) {
        shim_fail_after(i);
        rc = carmen_cursor_encode(pool, secret, &context, CARMEN_PAGE_AFTER,
                                  0, &keys, &text);
    }

    is_int(rc, NGX_OK, "encode, and NGX_ERROR without memory");

    for (i = 0, rc = NGX_ERROR; rc == NGX_ERROR && i < 100; i++) {
        shim_fail_after(i);
        rc = carmen_cursor_decode(pool, secret, &context, &text, &c);
    }

    shim_fail_after(-1);
    is_int(rc, NGX_OK, "decode, and NGX_ERROR without memory");
}


int
main(void)
{
    ngx_pool_t  *pool;

    pool = ngx_create_pool(4096, NULL);

    test_round(pool);
    test_foreign(pool);
    test_keys(pool);
    test_memory(pool);

    ngx_destroy_pool(pool);

    return done_testing();
}
