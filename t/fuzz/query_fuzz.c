
/* Query strings.  What is taken must be text that PostgreSQL takes. */

#include "fuzz.h"
#include "carmen_validate.h"
#include "carmen_format.h"
#include "fields.h"


static const carmen_field_t  item = { .name = "id", .type = CARMEN_UUID };

static const carmen_field_t  fields[] = {
    { "q", CARMEN_STRING, 0, 1, 50 },
    { "n", CARMEN_INTEGER, 0, 1, 200 },
    { "w", CARMEN_NUMBER, 0, 0, 10 },
    { "on", CARMEN_BOOLEAN, 0 },
    { "colour", CARMEN_ENUM, 0, .values = test_colours },
    { "ids", CARMEN_ARRAY, 0, 1, 3, .item = &item },
    { "tags", CARMEN_ARRAY, 0 },
    { "any", CARMEN_ANY, 0 },
    { "at", CARMEN_TIMESTAMP, 0 },
    { "day", CARMEN_DATE, 0 },
    { "email", CARMEN_EMAIL, 0 },
    { "uri", CARMEN_URI, 0 },
    { "gtin", CARMEN_GTIN, 0 },
    { "cur", CARMEN_CURRENCY, 0 },
    { "code", CARMEN_CODE, 0 },
    { "sku", CARMEN_STRING, 0, .pattern = "^[A-Z0-9_-]{1,32}$" },
    { "all", CARMEN_BOOLEAN, CARMEN_TRUSTED, .scope = "orders:manage" },
    CARMEN_FIELDS_END
};


/* {"a","b"}: quotes and backslashes in items only behind a backslash */

static void
literal(ngx_str_t *value)
{
    u_char  *p, *end;

    p = value->data;
    end = p + value->len;

    must(value->len >= 2 && *p == '{' && end[-1] == '}');

    if (value->len == 2) {
        return;
    }

    end--;

    do {
        p++;
        must(p < end && *p++ == '"');

        while (p < end && *p != '"') {
            p += 1 + (*p == '\\');
        }

        must(p < end && *p++ == '"');
    } while (p < end && *p == ',');

    must(p == end);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                i, j;
    ngx_int_t             rc;
    ngx_str_t             args;
    ngx_array_t           params;
    carmen_error_t       *e;
    carmen_param_t       *p;
    carmen_validation_t   v;

    memset(&v, 0x5a, sizeof(v));
    v.pool = ngx_create_pool(4096, NULL);
    v.holds = NULL;

    must(ngx_array_init(&params, v.pool, 2, sizeof(carmen_param_t))
         == NGX_OK);

    args.data = fuzz_copy(data, size);
    args.len = size;

    rc = carmen_validate_query(&v, &args, fields, &params);
    free(args.data);

    p = params.elts;
    e = v.errors.elts;

    if (rc == NGX_OK) {
        for (i = 0; i < params.nelts; i++) {
            must(carmen_utf8_length(p[i].value.data, p[i].value.len) >= 0);
            must(memchr(p[i].value.data, '\0', p[i].value.len) == NULL);

            if (p[i].name.len == 4 && memcmp(p[i].name.data, "tags", 4) == 0) {
                literal(&p[i].value);
            }

            for (j = 0; j < i; j++) {
                must(p[i].name.data != p[j].name.data);
            }
        }

        must(v.errors.nelts == 0);

    } else {
        must(rc == NGX_DECLINED && v.problem && v.detail.len);
        must(v.errors.nelts > 0 && v.errors.nelts <= CARMEN_ERRORS_MAX);

        for (i = 0; i < v.errors.nelts; i++) {
            must(e[i].pointer.len && e[i].pointer.data[0] == '?');
            must(carmen_format_text(e[i].pointer.data, e[i].pointer.len));
            must(carmen_format_text(e[i].detail.data, e[i].detail.len));
        }
    }

    ngx_destroy_pool(v.pool);

    return 0;
}
