
/*
 * Bodies.  jansson parses; before it, one pass over the bytes refuses what
 * would make it recurse deep or allocate much; after it, the tree is walked
 * along the field table.
 */

#include <carmen_core.h>
#include "carmen_validate.h"
#include "carmen_check.h"


static ngx_int_t carmen_json_scan(carmen_validation_t *v, const u_char *p,
    const u_char *end);
static const u_char *carmen_json_scan_string(const u_char *p,
    const u_char *end, size_t *size);
static ngx_int_t carmen_json_refuse(carmen_validation_t *v,
    const char *format, ...) __attribute__((format(printf, 2, 3)));
static ngx_int_t carmen_json_parse(carmen_validation_t *v, u_char *body,
    size_t len, json_t **root);
static ngx_int_t carmen_check_object(carmen_validation_t *v,
    const carmen_place_t *place, json_t *object,
    const carmen_field_t *fields);
static ngx_int_t carmen_check_unknown(carmen_validation_t *v,
    const carmen_place_t *place, json_t *object,
    const carmen_field_t *fields);
static ngx_int_t carmen_check_value(carmen_validation_t *v,
    const carmen_place_t *place, json_t *value, const carmen_field_t *field);
static ngx_int_t carmen_check_array(carmen_validation_t *v,
    const carmen_place_t *place, json_t *array, const carmen_field_t *field);
static ngx_int_t carmen_check_type(carmen_validation_t *v,
    const carmen_place_t *place, json_t *value, const char *wanted);


ngx_int_t
carmen_validate_body(carmen_validation_t *v, u_char *body, size_t len,
    const carmen_field_t *fields, json_t **root)
{
    ngx_int_t  rc;

    static const carmen_place_t  whole = { NULL, "", 0, 0 };

    *root = NULL;

    carmen_check_start(v);

    if (len == 0) {
        return carmen_json_refuse(v, "The body is empty.");
    }

    rc = carmen_json_scan(v, body, body + len);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = carmen_json_parse(v, body, len, root);
    if (rc != NGX_OK) {
        return rc;
    }

    if (fields == NULL) {
        return NGX_OK;
    }

    rc = json_is_object(*root)
         ? carmen_check_object(v, &whole, *root, fields)
         : carmen_check_type(v, &whole, *root, "an object");

    if (rc != NGX_ERROR) {
        rc = carmen_check_finish(v, "validation-failed",
                                 "The body does not have the form that is "
                                 "asked for; \"errors\" says where.");
    }

    if (rc != NGX_OK) {
        json_decref(*root);
        *root = NULL;
    }

    return rc;
}


/*
 * Counts depth, items and lengths of strings.  What is malformed is left to
 * the parser: the counts hold for any prefix that it may read.
 */

static ngx_int_t
carmen_json_scan(carmen_validation_t *v, const u_char *p, const u_char *end)
{
    size_t      size;
    ngx_uint_t  depth, items[CARMEN_JSON_DEPTH + 1];

    depth = 0;
    items[0] = 0;

    while (p < end) {

        switch (*p++) {

        case '"':
            p = carmen_json_scan_string(p, end, &size);

            if (size > CARMEN_JSON_STRING) {
                return carmen_json_refuse(v, "A string is longer than %d "
                                          "bytes.", CARMEN_JSON_STRING);
            }

            break;

        case '[':
        case '{':
            if (depth == CARMEN_JSON_DEPTH) {
                return carmen_json_refuse(v, "Arrays and objects are nested "
                                          "deeper than %d levels.",
                                          CARMEN_JSON_DEPTH);
            }

            items[++depth] = 1;
            break;

        case ']':
        case '}':
            depth -= (depth > 0);
            break;

        case ',':
            if (depth && ++items[depth] > CARMEN_JSON_ITEMS) {
                return carmen_json_refuse(v, "An array or object has more "
                                          "than %d members.",
                                          CARMEN_JSON_ITEMS);
            }

            break;

        default:
            break;
        }
    }

    return NGX_OK;
}


/* behind the closing quote; *size is what the string has at most, decoded */

static const u_char *
carmen_json_scan_string(const u_char *p, const u_char *end, size_t *size)
{
    size_t  n;

    for (n = 0; p < end && *p != '"'; n++) {

        if (*p++ != '\\' || p == end) {
            continue;
        }

        if (*p++ == 'u') {
            n += 2;
            p += ngx_min(end - p, 4);
        }
    }

    *size = n;

    return p < end ? p + 1 : end;
}


static ngx_int_t
carmen_json_refuse(carmen_validation_t *v, const char *format, ...)
{
    int      n;
    char     text[CARMEN_DETAIL_MAX];
    va_list  args;

    va_start(args, format);
    n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    v->problem = "invalid-json";
    v->detail.len = ngx_min((size_t) ngx_max(n, 0), sizeof(text) - 1);
    v->detail.data = ngx_pnalloc(v->pool, v->detail.len + 1);

    if (v->detail.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(v->detail.data, text, v->detail.len);

    return NGX_DECLINED;
}


/* jansson's own texts quote the body, which may hold secrets */

static ngx_int_t
carmen_json_parse(carmen_validation_t *v, u_char *body, size_t len,
    json_t **root)
{
    const char    *what;
    json_error_t   error;

    *root = json_loadb((const char *) body, len,
                       JSON_REJECT_DUPLICATES|JSON_DECODE_ANY, &error);
    if (*root) {
        return NGX_OK;
    }

    switch (json_error_code(&error)) {

    case json_error_out_of_memory:
        return NGX_ERROR;

    case json_error_invalid_utf8:
        what = "is not UTF-8";
        break;

    case json_error_premature_end_of_input:
        what = "ends too early";
        break;

    case json_error_end_of_input_expected:
        what = "goes on behind its end";
        break;

    case json_error_null_character:
    case json_error_null_byte_in_key:
        what = "holds the character U+0000";
        break;

    case json_error_duplicate_key:
        what = "names a member of an object twice";
        break;

    case json_error_numeric_overflow:
        what = "has a number that is too large";
        break;

    default:
        what = "is not JSON";
        break;
    }

    return carmen_json_refuse(v, "The body %s at line %d, column %d.", what,
                              error.line, error.column);
}


static ngx_int_t
carmen_check_object(carmen_validation_t *v, const carmen_place_t *place,
    json_t *object, const carmen_field_t *fields)
{
    size_t                 known;
    json_t                *value;
    ngx_int_t              rc;
    carmen_place_t         at;
    const carmen_field_t  *field;

    known = 0;

    for (field = fields; field->name; field++) {

        if (field->flags & CARMEN_READ_ONLY) {
            continue;
        }

        at.up = place;
        at.name = field->name;
        at.len = ngx_strlen(field->name);
        at.index = 0;

        value = json_object_getn(object, at.name, at.len);

        if (value == NULL) {
            if (!(field->flags & CARMEN_REQUIRED)) {
                continue;
            }

            rc = carmen_check_error(v, &at, "required", "must be given");

        } else {
            known++;
            rc = carmen_check_scope(v, &at, field);

            if (rc == NGX_OK) {
                rc = carmen_check_value(v, &at, value, field);
            }
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (known == json_object_size(object)) {
        return NGX_OK;
    }

    return carmen_check_unknown(v, place, object, fields);
}


static ngx_int_t
carmen_check_unknown(carmen_validation_t *v, const carmen_place_t *place,
    json_t *object, const carmen_field_t *fields)
{
    void                  *iter;
    ngx_int_t              rc;
    carmen_place_t         at;
    const carmen_field_t  *field;

    at.up = place;
    at.index = 0;

    for (iter = json_object_iter(object);
         iter;
         iter = json_object_iter_next(object, iter))
    {
        at.name = json_object_iter_key(iter);
        at.len = json_object_iter_key_len(iter);

        for (field = fields; field->name; field++) {
            if (ngx_strlen(field->name) == at.len
                && ngx_memcmp(field->name, at.name, at.len) == 0)
            {
                break;
            }
        }

        if (field->name && !(field->flags & CARMEN_READ_ONLY)) {
            continue;
        }

        rc = carmen_check_error(v, &at, "unknown", field->name
                                ? "is set by the server; leave it out"
                                : "is not known here");
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
carmen_check_value(carmen_validation_t *v, const carmen_place_t *place,
    json_t *value, const carmen_field_t *field)
{
    ngx_str_t  s;

    if (json_is_null(value)) {
        if ((field->flags & CARMEN_NULLABLE) || field->type == CARMEN_ANY) {
            return NGX_OK;
        }

        return carmen_check_error(v, place, "type", "must not be null");
    }

    switch (field->type) {

    case CARMEN_ANY:
        return NGX_OK;

    case CARMEN_INTEGER:
        if (!json_is_integer(value)) {
            return carmen_check_type(v, place, value, "an integer");
        }

        return carmen_check_integer(v, place, json_integer_value(value),
                                    field);

    case CARMEN_NUMBER:
        if (json_is_integer(value)) {
            return carmen_check_integer(v, place, json_integer_value(value),
                                        field);
        }

        if (!json_is_real(value)) {
            return carmen_check_type(v, place, value, "a number");
        }

        return carmen_check_number(v, place, json_real_value(value), field);

    case CARMEN_BOOLEAN:
        if (!json_is_boolean(value)) {
            return carmen_check_type(v, place, value, "true or false");
        }

        return NGX_OK;

    case CARMEN_OBJECT:
        if (!json_is_object(value)) {
            return carmen_check_type(v, place, value, "an object");
        }

        return field->fields
               ? carmen_check_object(v, place, value, field->fields) : NGX_OK;

    case CARMEN_ARRAY:
        if (!json_is_array(value)) {
            return carmen_check_type(v, place, value, "an array");
        }

        return carmen_check_array(v, place, value, field);

    default:
        if (!json_is_string(value)) {
            return carmen_check_type(v, place, value, "a string");
        }

        s.data = (u_char *) json_string_value(value);
        s.len = json_string_length(value);

        return carmen_check_string(v, place, &s, field);
    }
}


static ngx_int_t
carmen_check_array(carmen_validation_t *v, const carmen_place_t *place,
    json_t *array, const carmen_field_t *field)
{
    size_t          n;
    ngx_int_t       rc;
    carmen_place_t  at;

    n = json_array_size(array);

    rc = carmen_check_count(v, place, n, field);

    if (rc != NGX_OK || field->item == NULL) {
        return rc;
    }

    at.up = place;
    at.name = NULL;
    at.len = 0;

    for (at.index = 0; at.index < n; at.index++) {
        rc = carmen_check_value(v, &at, json_array_get(array, at.index),
                                field->item);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
carmen_check_type(carmen_validation_t *v, const carmen_place_t *place,
    json_t *value, const char *wanted)
{
    static const char *const  names[] = {
        "an object", "an array", "a string", "an integer", "a fraction",
        "true", "false", "null"
    };

    return carmen_check_error(v, place, "type", "must be %s, not %s", wanted,
                              names[json_typeof(value)]);
}
