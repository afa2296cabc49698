
/* A field table with everything in it, for tests and fuzzers. */

#ifndef _FIELDS_H_INCLUDED_
#define _FIELDS_H_INCLUDED_


static const char *const  test_colours[] = { "red", "green", NULL };

static const carmen_field_t  test_tag = {
    .name = "tag", .type = CARMEN_STRING, .min = 1, .max = 3
};

static const carmen_field_t  test_money[] = {
    { "amount", CARMEN_INTEGER, CARMEN_REQUIRED, 0, 1000 },
    { "currency", CARMEN_CURRENCY, CARMEN_REQUIRED },
    CARMEN_FIELDS_END
};

static const carmen_field_t  test_line[] = {
    { "itemId", CARMEN_UUID, CARMEN_REQUIRED },
    { "quantity", CARMEN_INTEGER, CARMEN_REQUIRED, .min = 1 },
    { "unitPrice", CARMEN_OBJECT, CARMEN_TRUSTED, .fields = test_money,
      .scope = "orders:price" },
    CARMEN_FIELDS_END
};

static const carmen_field_t  test_line_item = {
    .name = "line", .type = CARMEN_OBJECT, .fields = test_line
};

static const carmen_field_t  test_fields[] = {
    { "name", CARMEN_STRING, CARMEN_REQUIRED, 2, 5 },
    { "sku", CARMEN_CODE, 0 },
    { "short", CARMEN_STRING, 0, .pattern = "^[A-Z]{2}$" },
    { "count", CARMEN_INTEGER, CARMEN_NULLABLE, -5, 5 },
    { "weight", CARMEN_NUMBER, 0, 0, 100 },
    { "any", CARMEN_ANY, 0 },
    { "free", CARMEN_OBJECT, 0 },
    { "active", CARMEN_BOOLEAN, 0 },
    { "at", CARMEN_TIMESTAMP, 0 },
    { "day", CARMEN_DATE, 0 },
    { "email", CARMEN_EMAIL, 0 },
    { "link", CARMEN_URI, 0, .max = 40 },
    { "gtin", CARMEN_GTIN, 0 },
    { "colour", CARMEN_ENUM, 0, .values = test_colours },
    { "tags", CARMEN_ARRAY, 0, 1, 3, .item = &test_tag },
    { "list", CARMEN_ARRAY, 0 },
    { "lines", CARMEN_ARRAY, 0, .max = 40, .item = &test_line_item },
    { "price", CARMEN_OBJECT, 0, .fields = test_money },
    { "a/b~c", CARMEN_BOOLEAN, 0 },
    { "id", CARMEN_UUID, CARMEN_READ_ONLY },
    { "secret", CARMEN_STRING, CARMEN_TRUSTED|CARMEN_SECRET,
      .scope = "secrets:write" },
    CARMEN_FIELDS_END
};


#endif /* _FIELDS_H_INCLUDED_ */
