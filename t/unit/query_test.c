
/* Query strings against field tables, and what a statement gets of them. */

#include "unit.h"
#include "carmen_validate.h"
#include "fields.h"


static const carmen_field_t  ids = { .name = "id", .type = CARMEN_INTEGER };

static const carmen_field_t  fields[] = {
    { "q", CARMEN_STRING, 0, 0, 5 },
    { "n", CARMEN_INTEGER, 0, 1, 200 },
    { "w", CARMEN_NUMBER, 0 },
    { "on", CARMEN_BOOLEAN, 0 },
    { "colour", CARMEN_ENUM, 0, .values = test_colours },
    { "ids", CARMEN_ARRAY, 0, 1, 3, .item = &ids },
    { "tags", CARMEN_ARRAY, 0 },
    { "any", CARMEN_ANY, 0 },
    { "all", CARMEN_BOOLEAN, CARMEN_TRUSTED, .scope = "orders:manage" },
    CARMEN_FIELDS_END
};

static const carmen_field_t  needed[] = {
    { "q", CARMEN_STRING, CARMEN_REQUIRED },
    CARMEN_FIELDS_END
};


static ngx_pool_t           *pool;
static carmen_validation_t   v;
static char                  found[4096];


/* what was taken as "name=value|...", or what was not as "?name code, ..." */

static const char *
parse(const carmen_field_t *table, const char *text)
{
    size_t           i, n;
    u_char          *copy;
    ngx_int_t        rc;
    ngx_str_t        args;
    ngx_array_t      params;
    carmen_error_t  *e;
    carmen_param_t  *p;

    if (ngx_array_init(&params, pool, 2, sizeof(carmen_param_t)) != NGX_OK) {
        return "NGX_ERROR";
    }

    args.len = strlen(text);
    copy = malloc(args.len ? args.len : 1);
    memcpy(copy, text, args.len);
    args.data = copy;

    rc = carmen_validate_query(&v, &args, table, &params);

    free(copy);
    found[0] = '\0';
    n = 0;

    if (rc == NGX_OK) {
        p = params.elts;

        for (i = 0; i < params.nelts; i++) {
            n += snprintf(found + n, sizeof(found) - n, "%s%.*s=%.*s",
                          i ? "|" : "", (int) p[i].name.len, p[i].name.data,
                          (int) p[i].value.len, p[i].value.data);
        }

        return found;
    }

    if (rc == NGX_ERROR) {
        return "NGX_ERROR";
    }

    e = v.errors.elts;
    n = snprintf(found, sizeof(found), "%s:", v.problem);

    for (i = 0; i < v.errors.nelts; i++) {
        n += snprintf(found + n, sizeof(found) - n, "%s %.*s %s",
                      i ? "," : "", (int) e[i].pointer.len,
                      (char *) e[i].pointer.data, e[i].code);
    }

    return found;
}


static void
test_cases(void)
{
    size_t  i;

    #define BAD  "invalid-parameter: "

    static const struct { const char *args, *expected; } cases[] = {
        { "", "" }, { "&&", "" }, { "q=", "q=" }, { "q", "q=" },
        { "q=abc", "q=abc" }, { "q=a+b", "q=a b" }, { "q=a%2Bb", "q=a+b" },
        { "%71=x", "q=x" }, { "q=%C3%A4", "q=\xc3\xa4" },
        { "q=a=b", "q=a=b" }, { "q=%26", "q=&" },
        { "n=200&on=true&colour=red", "n=200|on=true|colour=red" },
        { "w=-1.5e3", "w=-1.5e3" }, { "any=%22", "any=\"" },
        { "ids=1,2,3", "ids={\"1\",\"2\",\"3\"}" },
        { "ids=1%2C2", "ids={\"1\",\"2\"}" },
        { "tags=a%22b,c%5Cd,,NULL,%7B", "tags={\"a\\\"b\",\"c\\\\d\",\"\","
          "\"NULL\",\"{\"}" },
        { "tags=,", "tags={\"\",\"\"}" }, { "tags=", "tags={}" },

        { "x=1", BAD "?x unknown" }, { "=1", BAD "? unknown" },
        { "q=1&q=2", BAD "?q duplicate" },
        { "q=1&%71=2&q=3", BAD "?q duplicate, ?q duplicate" },
        { "q=abcdef", BAD "?q maxLength" },
        { "q=%", BAD "?q format" }, { "q=%4", BAD "?q format" },
        { "q=%zz", BAD "?q format" }, { "q=%00", BAD "?q format" },
        { "q=%ff", BAD "?q format" }, { "q=\xff", BAD "?q format" },
        { "any=%00", BAD "?any format" },
        { "%zz=1", BAD "? format" }, { "%00=1", BAD "? format" },
        { "%ff=1", BAD "? format" }, { "a%0Ab=1", BAD "? format" },
        { "n=0", BAD "?n minimum" }, { "n=201", BAD "?n maximum" },
        { "n=", BAD "?n type" }, { "n=1.0", BAD "?n type" },
        { "n=1e2", BAD "?n type" }, { "n=+1", BAD "?n type" },
        { "n=99999999999999999999", BAD "?n type" },
        { "w=x", BAD "?w type" }, { "on=1", BAD "?on type" },
        { "on=TRUE", BAD "?on type" }, { "colour=blue", BAD "?colour enum" },
        { "ids=", BAD "?ids minItems" },
        { "ids=1,2,3,4", BAD "?ids maxItems" },
        { "ids=1,,x", BAD "?ids type, ?ids type" },
        { "n=0&x=1&q=%", BAD "?n minimum, ?x unknown, ?q format" },
        { "all=true", "insufficient-scope: ?all scope" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_text(parse(fields, cases[i].args), cases[i].expected, "\"%s\"",
                cases[i].args);
    }

    is_text(parse(NULL, ""), "", "no table, no parameters");
    is_text(parse(NULL, "a=1"), BAD "?a unknown", "no table, a parameter");
    is_text(parse(needed, ""), BAD "?q required", "a parameter is needed");
    is_text(parse(needed, "q=x"), "q=x", "and is given");
}


static void
test_limits(void)
{
    size_t           i;
    char            *text, *p;
    carmen_error_t  *e;

    text = malloc(100000);

    for (i = 0, p = text; i < 1000; i++) {
        p += sprintf(p, "x%d=1&", (int) i);
    }
    parse(fields, text);
    is_int(v.errors.nelts, CARMEN_ERRORS_MAX, "not more than 32 errors");

    memset(text, 'x', 5000);
    memcpy(text + 62, "\xe2\x82\xac\xe2\x82\xac", 6);
    strcpy(text + 5000, "=1");
    parse(fields, text);
    e = v.errors.elts;
    is_int(e[0].pointer.len, 63, "a long name is cut between characters");

    strcpy(text, "tags=");
    memset(text + 5, ',', CARMEN_JSON_ITEMS);
    text[5 + CARMEN_JSON_ITEMS] = '\0';
    is_text(parse(fields, text), "invalid-parameter: ?tags maxItems",
            "an endless array");

    free(text);
}


static void
test_text(void)
{
    ngx_str_t  pointer = ngx_string("/id"), value = ngx_string("12");

    is_int(carmen_validate_text(&v, &pointer, &value, &ids), NGX_OK,
           "one text");
    ngx_str_set(&value, "x");
    is_int(carmen_validate_text(&v, &pointer, &value, &ids), NGX_DECLINED,
           "that does not fit");
    is_str(&((carmen_error_t *) v.errors.elts)->pointer, "/id",
           "with the pointer given");
}


static void
test_memory(void)
{
    ngx_int_t    i;
    const char  *said;

    said = "NGX_ERROR";

    for (i = 0; i < 1000 && strcmp(said, "NGX_ERROR") == 0; i++) {
        shim_fail_after(i);
        said = parse(fields, "q=a&n=0&ids=1,2&on=1&on=2");
    }

    shim_fail_after(-1);
    is_text(said, "invalid-parameter: ?n minimum, ?on type, ?on duplicate",
            "NGX_ERROR without memory, at any place");
}


int
main(void)
{
    pool = ngx_create_pool(4096, NULL);
    v.pool = pool;

    test_cases();
    test_limits();
    test_text();
    test_memory();

    ngx_destroy_pool(pool);

    return done_testing();
}
