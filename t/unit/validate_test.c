
/* Bodies against field tables: problem, pointer and code of each mistake. */

#include "unit.h"
#include "carmen_validate.h"
#include "fields.h"


#define UUID  "01890a5d-ac96-774b-bcce-b302099a8057"
#define N     "{\"name\":\"abc\","


static carmen_validation_t  v;
static char                 found[4096];


static ngx_int_t
holds(void *data, const char *scope)
{
    return data && strcmp(data, scope) == 0;
}


/* the errors as "pointer code, pointer code" */

static const char *
errors(void)
{
    size_t           i, n;
    carmen_error_t  *e;

    found[0] = '\0';
    n = 0;
    e = v.errors.elts;

    for (i = 0; i < v.errors.nelts && n < sizeof(found); i++) {
        n += snprintf(found + n, sizeof(found) - n, "%s%.*s %s",
                      i ? ", " : "", (int) e[i].pointer.len,
                      (char *) e[i].pointer.data, e[i].code);
    }

    return found;
}


/* the body in a buffer of its own, without a NUL behind it */

static ngx_int_t
check_len(const char *body, size_t len, json_t **root)
{
    u_char     *copy;
    ngx_int_t   rc;

    copy = malloc(len ? len : 1);
    memcpy(copy, body, len);
    rc = carmen_validate_body(&v, copy, len, test_fields, root);
    free(copy);

    if (rc != NGX_OK && *root) {
        printf("Bail out! a document was given with %d\n", (int) rc);
    }

    return rc;
}


static ngx_int_t
check(const char *body)
{
    json_t     *root;
    ngx_int_t   rc;

    rc = check_len(body, strlen(body), &root);

    if (rc == NGX_OK) {
        json_decref(root);
    }

    return rc;
}


static void
test_good(void)
{
    size_t   i;
    json_t  *root;

    static const char *bodies[] = {
        "{\"name\":\"abc\"}",
        "{\"name\":\"\xc3\xa4\xc3\xb6\xf0\x9f\x98\x80\\u00df\\ud83d\\ude00\"}",
        N "\"count\":null,\"any\":null,\"free\":{\"x\":[1,{}]}}",
        N "\"count\":-5,\"weight\":99.5,\"active\":false,\"list\":[1,\"a\"]}",
        N "\"weight\":100,\"at\":\"2026-01-02T03:04:05Z\"}",
        N "\"day\":\"2024-02-29\",\"email\":\"a@b.de\"}",
        N "\"link\":\"https://example.com/\",\"gtin\":\"96385074\"}",
        N "\"colour\":\"green\",\"tags\":[\"a\",\"\xc3\xa4\xc3\xb6\"]}",
        N "\"lines\":[{\"itemId\":\"" UUID "\",\"quantity\":1}]}",
        N "\"lines\":[],\"short\":\"DE\",\"sku\":\"A-1\",\"a/b~c\":true}",
        N "\"price\":{\"amount\":0,\"currency\":\"EUR\"}}",
        " \r\n\t{ \"name\" : \"abc\" } \n"
    };

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        is_int(check(bodies[i]), NGX_OK, "%s", bodies[i]);
        is_text(errors(), "", "  no errors");
    }

    check_len("{\"name\":\"abc\"}", 14, &root);
    is_text(json_string_value(json_object_get(root, "name")), "abc",
            "the document is given");
    json_decref(root);
}


static void
test_mistakes(void)
{
    size_t  i;

    static const struct { const char *body, *errors; } cases[] = {
        { "{}", "/name required" },
        { "[]", " type" }, { "null", " type" }, { "3", " type" },
        { "\"x\"", " type" },
        { "{\"name\":null}", "/name type" },
        { "{\"name\":1}", "/name type" },
        { "{\"name\":\"a\"}", "/name minLength" },
        { "{\"name\":\"abcdef\"}", "/name maxLength" },
        { N "\"nme\":1}", "/nme unknown" },
        { N "\"id\":\"" UUID "\"}", "/id unknown" },
        { N "\"a/b~c\":1}", "/a~1b~0c type" },
        { N "\"~/\":1}", "/~0~1 unknown" },
        { N "\"\":1}", "/ unknown" },
        { N "\"sku\":\"a b\"}", "/sku format" },
        { N "\"short\":\"DEU\"}", "/short pattern" },
        { N "\"count\":6}", "/count maximum" },
        { N "\"count\":-6}", "/count minimum" },
        { N "\"count\":1.0}", "/count type" },
        { N "\"count\":\"1\"}", "/count type" },
        { N "\"weight\":100.5}", "/weight maximum" },
        { N "\"weight\":-1}", "/weight minimum" },
        { N "\"weight\":\"1\"}", "/weight type" },
        { N "\"active\":0}", "/active type" },
        { N "\"at\":\"2026-01-02\"}", "/at format" },
        { N "\"day\":\"2023-02-29\"}", "/day format" },
        { N "\"email\":\"a\"}", "/email format" },
        { N "\"link\":\"ftp://x\"}", "/link format" },
        { N "\"link\":\"https://example.com/01234567890123456789012\"}",
          "/link maxLength" },
        { N "\"gtin\":\"96385075\"}", "/gtin format" },
        { N "\"gtin\":96385074}", "/gtin type" },
        { N "\"colour\":\"blue\"}", "/colour enum" },
        { N "\"free\":[]}", "/free type" },
        { N "\"list\":{}}", "/list type" },
        { N "\"tags\":[]}", "/tags minItems" },
        { N "\"tags\":[\"a\",\"b\",\"c\",\"d\"]}", "/tags maxItems" },
        { N "\"tags\":[\"a\",\"\",7]}", "/tags/1 minLength, /tags/2 type" },
        { N "\"price\":{}}",
          "/price/amount required, /price/currency required" },
        { N "\"price\":{\"amount\":1001,\"currency\":\"eur\",\"x\":1}}",
          "/price/amount maximum, /price/currency format, /price/x unknown" },
        { N "\"lines\":[{\"itemId\":\"" UUID "\",\"quantity\":1},"
          "{\"itemId\":\"x\",\"quantity\":0}]}",
          "/lines/1/itemId format, /lines/1/quantity minimum" },
        { "{\"count\":9,\"y\":1,\"z\":1}",
          "/name required, /count maximum, /y unknown, /z unknown" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_int(check(cases[i].body), NGX_DECLINED, "%s", cases[i].body);
        is_text(v.problem, "validation-failed", "  is a problem");
        is_text(errors(), cases[i].errors, "  at this place");
    }

    check(N "\"count\":6}");
    is_str(&((carmen_error_t *) v.errors.elts)->detail, "must be at most 5",
           "what is wrong is told");
    check(N "\"colour\":\"x\"}");
    is_str(&((carmen_error_t *) v.errors.elts)->detail,
           "must be one of red, green", "what is possible is told");
}


static void
test_scope(void)
{
    #define LINE  "\"lines\":[{\"itemId\":\"" UUID "\",\"quantity\":1,"     \
                  "\"unitPrice\":{\"amount\":1,\"currency\":\"EUR\"}}]"

    is_int(check(N LINE "}"), NGX_DECLINED, "a trusted field without scope");
    is_text(v.problem, "insufficient-scope", "  is forbidden");
    is_text(errors(), "/lines/0/unitPrice scope", "  there");
    is_str(&v.detail,
           "The field \"unitPrice\" needs the scope \"orders:price\".",
           "  and why");

    check("{\"count\":9," LINE "}");
    is_text(v.problem, "insufficient-scope", "before what else is wrong");
    is_text(errors(), "/lines/0/unitPrice scope", "  which is not told");

    v.data = "orders:price";
    is_int(check(N LINE "}"), NGX_OK, "with the scope");
    is_int(check(N "\"secret\":\"x\"}"), NGX_DECLINED, "but not another's");
    v.data = NULL;

    v.holds = NULL;
    is_int(check(N "\"secret\":null}"), NGX_DECLINED, "nobody to ask: no");
    is_text(v.problem, "insufficient-scope", "  forbidden");
    v.holds = holds;
}


static void
test_malformed(void)
{
    size_t   i;
    json_t  *root;

    static const struct { const char *body, *detail; } cases[] = {
        { "", "The body is empty." },
        { " ", "ends too early" }, { "{", "ends too early" },
        { "{\"a\":1", "ends too early" }, { "\"a", "ends too early" },
        { "{} {}", "goes on behind its end" },
        { "{\"a\":1,\"a\":2}", "names a member of an object twice" },
        { "{\"x\":{\"a\":1,\"a\":2}}", "names a member of an object twice" },
        { "{\"a\":9223372036854775808}", "number that is too large" },
        { "{\"a\":1e999}", "number that is too large" },
        { "{\"a\":\"\xff\"}", "is not UTF-8" },
        { "{\"a\":\"\xed\xa0\x80\"}", "is not UTF-8" },
        { "{\"a\":\"\\ud800\"}", "is not JSON" },
        { "{\"a\":\"\\u0000\"}", "U+0000" },
        { "{\"\\u0000\":1}", "U+0000" },
        { "{\"a\":\"\n\"}", "is not JSON" },
        { "{a:1}", "is not JSON" }, { "{'a':1}", "is not JSON" },
        { "{\"a\":01}", "is not JSON" }, { "{\"a\":.5}", "is not JSON" },
        { "{\"a\":1,}", "is not JSON" }, { "[1,]", "is not JSON" },
        { "{\"a\":NaN}", "is not JSON" }, { "// x\n{}", "is not JSON" },
        { "\xef\xbb\xbf{}", "is not JSON" }, { "]", "is not JSON" },
        { "}}}}{{{{", "is not JSON" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_int(check(cases[i].body), NGX_DECLINED, "%s", cases[i].body);
        is_text(v.problem, "invalid-json", "  is a problem");
        ok(v.detail.len && memmem(v.detail.data, v.detail.len,
                                  cases[i].detail, strlen(cases[i].detail)),
           "  it %s", cases[i].detail);
        is_int(v.errors.nelts, 0, "  without places");
    }

    is_int(check_len("{\"name\":\"a\0b\"}", 14, &root), NGX_DECLINED,
           "a NUL byte");
    is_text(v.problem, "invalid-json", "  is a problem");

    check("{\"password\":\"hunter2\"x}");
    ok(!memmem(v.detail.data, v.detail.len, "hunter2", 7),
       "the body is not quoted");
}


static void
test_limits(void)
{
    char    *text, *p;
    size_t   i, n;
    json_t  *root;

    text = malloc(1024 * 1024);

    for (n = CARMEN_JSON_DEPTH - 1; n <= CARMEN_JSON_DEPTH; n++) {
        p = text + sprintf(text, "{\"name\":\"abc\",\"any\":");
        memset(p, '[', n);
        memset(p + n, ']', n);
        strcpy(p + 2 * n, "}");
        is_int(check(text), n < CARMEN_JSON_DEPTH ? NGX_OK : NGX_DECLINED,
               "%d levels of nesting", (int) n + 1);
    }
    is_text(v.problem, "invalid-json", "  one too many");

    memset(text, '[', 1000000);
    is_int(check_len(text, 1000000, &root), NGX_DECLINED,
           "a million brackets");

    for (n = CARMEN_JSON_ITEMS; n <= CARMEN_JSON_ITEMS + 1; n++) {
        p = text + sprintf(text, "{\"name\":\"abc\",\"any\":[1");
        for (i = 1; i < n; i++) {
            *p++ = ',';
            *p++ = '1';
        }
        strcpy(p, "]}");
        is_int(check(text), n == CARMEN_JSON_ITEMS ? NGX_OK : NGX_DECLINED,
               "%d items", (int) n);
    }

    for (n = CARMEN_JSON_STRING; n <= CARMEN_JSON_STRING + 1; n++) {
        p = text + sprintf(text, "{\"name\":\"abc\",\"any\":\"");
        memset(p, 'x', n);
        memcpy(p, "\\\"\\\\", 4);
        memset(p + n, 'x', 2);
        strcpy(p + n + 2, "\"}");
        is_int(check(text), n == CARMEN_JSON_STRING ? NGX_OK : NGX_DECLINED,
               "a string of %d bytes", (int) n);
    }

    p = text + sprintf(text, "{\"x0\":1");
    for (i = 1; i < 100; i++) {
        p += sprintf(p, ",\"x%d\":1", (int) i);
    }
    strcpy(p, "}");
    check(text);
    is_int(v.errors.nelts, CARMEN_ERRORS_MAX, "not more than 32 errors");

    p = text + sprintf(text, "{\"name\":\"abc\",\"price\":{\"");
    memset(p, 'k', 5000);
    strcpy(p + 5000, "\":1,\"amount\":1,\"currency\":\"EUR\"}}");
    check(text);
    is_text(errors(), "/price unknown", "a long name is not echoed");

    free(text);
}


static void
test_memory(void)
{
    ngx_int_t  i, rc;

    for (i = 0, rc = NGX_ERROR; rc == NGX_ERROR && i < 1000; i++) {
        shim_fail_after(i);
        rc = check("{\"count\":9,\"y\":1,\"z\":1,\"tags\":[1,2,3]}");
    }

    shim_fail_after(-1);
    is_int(rc, NGX_DECLINED, "NGX_ERROR without memory, at any place");
}


static void
test_bounds(void)
{
    json_t                *root;
    ngx_int_t              rc;

    static const carmen_field_t  bounds[] = {
        { "upto", CARMEN_INTEGER, 0, -10, 0 },
        { "from", CARMEN_INTEGER, 0, .min = 1 },
        { "free", CARMEN_INTEGER, 0 },
        CARMEN_FIELDS_END
    };

    #define body(s)                                                           \
        rc = carmen_validate_body(&v, (u_char *) s, strlen(s), bounds, &root);\
        json_decref(root)

    body("{\"upto\":0,\"from\":9223372036854775807,"
         "\"free\":-9223372036854775808}");
    is_int(rc, NGX_OK, "a maximum of 0, none, and no bounds");
    body("{\"upto\":1,\"from\":0}");
    is_text(errors(), "/upto maximum, /from minimum", "beyond them");

    is_int(carmen_validate_body(&v, (u_char *) "[1]", 3, NULL, &root), NGX_OK,
           "without a table any JSON fits");
    json_decref(root);
}


int
main(void)
{
    v.pool = ngx_create_pool(4096, NULL);
    v.holds = holds;

    test_good();
    test_mistakes();
    test_scope();
    test_malformed();
    test_limits();
    test_memory();
    test_bounds();

    ngx_destroy_pool(v.pool);

    return done_testing();
}
