
/* Query strings, and bodies of the same form. */

#include <carmen_core.h>
#include "carmen_validate.h"
#include "carmen_check.h"
#include "carmen_format.h"


#define CARMEN_QUERY_NAME  64                /* bytes of a name in a pointer */


static ngx_int_t carmen_query_param(carmen_validation_t *v, u_char *p,
    u_char *end, const carmen_field_t *fields, ngx_array_t *params);
static ngx_int_t carmen_query_decode(ngx_pool_t *pool, u_char *p, u_char *end,
    ngx_str_t *text);
static ngx_int_t carmen_query_value(carmen_validation_t *v,
    const carmen_place_t *place, ngx_str_t *value,
    const carmen_field_t *field);
static ngx_int_t carmen_query_array(carmen_validation_t *v,
    const carmen_place_t *place, ngx_str_t *value,
    const carmen_field_t *field);
static void carmen_query_place(carmen_place_t *place, u_char *text,
    ngx_str_t *name);
static carmen_param_t *carmen_query_find(ngx_array_t *params,
    ngx_str_t *name);


ngx_int_t
carmen_validate_query(carmen_validation_t *v, ngx_str_t *args,
    const carmen_field_t *fields, ngx_array_t *params)
{
    u_char                *p, *end, *stop, text[CARMEN_QUERY_NAME + 1];
    ngx_int_t              rc;
    ngx_str_t              name;
    carmen_place_t         at;
    const carmen_field_t  *field;

    carmen_check_start(v);

    rc = NGX_OK;
    p = args->data;
    end = p + args->len;

    while (p < end && rc == NGX_OK) {
        stop = memchr(p, '&', end - p);

        if (stop == NULL) {
            stop = end;
        }

        if (stop > p) {
            rc = carmen_query_param(v, p, stop, fields, params);
        }

        p = stop + 1;
    }

    for (field = fields; field && field->name && rc == NGX_OK; field++) {
        name.data = (u_char *) field->name;
        name.len = ngx_strlen(field->name);

        if ((field->flags & CARMEN_REQUIRED)
            && carmen_query_find(params, &name) == NULL)
        {
            carmen_query_place(&at, text, &name);
            rc = carmen_check_error(v, &at, "required", "must be given");
        }
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    return carmen_check_finish(v, "invalid-parameter",
                               "A parameter does not have the form that is "
                               "asked for; \"errors\" says which.");
}


static ngx_int_t
carmen_query_param(carmen_validation_t *v, u_char *p, u_char *end,
    const carmen_field_t *fields, ngx_array_t *params)
{
    u_char                *equals, text[CARMEN_QUERY_NAME + 1];
    ngx_int_t              rc;
    ngx_str_t              name, value;
    carmen_param_t        *param;
    carmen_place_t         at;
    const carmen_field_t  *field;

    equals = memchr(p, '=', end - p);

    if (equals == NULL) {
        equals = end;
    }

    rc = carmen_query_decode(v->pool, p, equals, &name);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED || !carmen_format_text(name.data, name.len)) {
        ngx_str_set(&name, "");
        carmen_query_place(&at, text, &name);

        return carmen_check_error(v, &at, "format",
                                  "the name of a parameter is malformed");
    }

    carmen_query_place(&at, text, &name);

    for (field = fields; field && field->name; field++) {
        if (ngx_strlen(field->name) == name.len
            && ngx_memcmp(field->name, name.data, name.len) == 0)
        {
            break;
        }
    }

    if (field == NULL || field->name == NULL) {

        if (v->open) {
            return NGX_OK;
        }

        return carmen_check_error(v, &at, "unknown", "is not known here");
    }

    if (carmen_query_find(params, &name)) {
        return carmen_check_error(v, &at, "duplicate",
                                  "must not be given twice");
    }

    rc = carmen_query_decode(v->pool, ngx_min(equals + 1, end), end, &value);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    param = ngx_array_push(params);
    if (param == NULL) {
        return NGX_ERROR;
    }

    param->name.data = (u_char *) field->name;
    param->name.len = name.len;
    param->value = value;

    if (rc == NGX_DECLINED) {
        return carmen_check_error(v, &at, "format", "has a malformed escape: "
                                  "\"%%\" and two hexadecimal digits");
    }

    rc = carmen_check_scope(v, &at, field);

    if (rc == NGX_OK) {
        rc = carmen_query_value(v, &at, &param->value, field);
    }

    return rc;
}


/* "+" is a space (WHATWG URL, section 5.1); NGX_DECLINED: malformed */

static ngx_int_t
carmen_query_decode(ngx_pool_t *pool, u_char *p, u_char *end, ngx_str_t *text)
{
    u_char     *d;
    ngx_int_t   c;

    text->len = 0;
    text->data = ngx_pnalloc(pool, end - p + 1);

    if (text->data == NULL) {
        return NGX_ERROR;
    }

    for (d = text->data; p < end; p++) {

        if (*p == '+') {
            *d++ = ' ';
            continue;
        }

        if (*p != '%') {
            *d++ = *p;
            continue;
        }

        if (end - p < 3) {
            return NGX_DECLINED;
        }

        c = ngx_hextoi(p + 1, 2);

        if (c == NGX_ERROR) {
            return NGX_DECLINED;
        }

        *d++ = (u_char) c;
        p += 2;
    }

    text->len = d - text->data;

    return NGX_OK;
}


static ngx_int_t
carmen_query_value(carmen_validation_t *v, const carmen_place_t *place,
    ngx_str_t *value, const carmen_field_t *field)
{
    if (field->type == CARMEN_ARRAY) {
        return carmen_query_array(v, place, value, field);
    }

    return carmen_check_text(v, place, value, field);
}


/* "a,b" becomes {"a","b"}: PostgreSQL 15, section 8.15.6 */

static ngx_int_t
carmen_query_array(carmen_validation_t *v, const carmen_place_t *place,
    ngx_str_t *value, const carmen_field_t *field)
{
    size_t                 n;
    u_char                *p, *d, *end, *comma, *literal;
    ngx_int_t              rc;
    ngx_str_t              item;
    const carmen_field_t  *type;

    static const carmen_field_t  string = {
        .name = "", .type = CARMEN_STRING
    };

    type = field->item ? field->item : &string;
    end = value->data + value->len;

    /* each byte may be escaped, or be a comma with a quote on both sides */

    literal = ngx_pnalloc(v->pool, value->len * 3 + sizeof("{\"\"}"));
    if (literal == NULL) {
        return NGX_ERROR;
    }

    d = literal;
    *d++ = '{';
    n = 0;

    for (p = value->data; value->len && p <= end; p = comma + 1) {
        comma = memchr(p, ',', end - p);

        if (comma == NULL) {
            comma = end;
        }

        if (++n > CARMEN_JSON_ITEMS) {
            return carmen_check_error(v, place, "maxItems", "must have at "
                                      "most %d items", CARMEN_JSON_ITEMS);
        }

        item.data = p;
        item.len = comma - p;

        rc = carmen_check_text(v, place, &item, type);
        if (rc != NGX_OK) {
            return rc;
        }

        if (n > 1) {
            *d++ = ',';
        }

        *d++ = '"';

        for ( /* void */ ; p < comma; p++) {
            if (*p == '"' || *p == '\\') {
                *d++ = '\\';
            }

            *d++ = *p;
        }

        *d++ = '"';
    }

    *d++ = '}';

    value->data = literal;
    value->len = d - literal;

    return carmen_check_count(v, place, n, field);
}


/* "?name"; what is longer is no name of ours, and is cut */

static void
carmen_query_place(carmen_place_t *place, u_char *text, ngx_str_t *name)
{
    size_t  len;

    len = ngx_min(name->len, CARMEN_QUERY_NAME);

    while (len < name->len && len && (name->data[len] & 0xc0) == 0x80) {
        len--;
    }

    text[0] = '?';
    ngx_memcpy(text + 1, name->data, len);

    place->up = NULL;
    place->name = (const char *) text;
    place->len = len + 1;
    place->index = 0;
}


static carmen_param_t *
carmen_query_find(ngx_array_t *params, ngx_str_t *name)
{
    size_t           i;
    carmen_param_t  *param;

    param = params->elts;

    for (i = 0; i < params->nelts; i++) {
        if (param[i].name.len == name->len
            && ngx_memcmp(param[i].name.data, name->data, name->len) == 0)
        {
            return &param[i];
        }
    }

    return NULL;
}


ngx_int_t
carmen_validate_text(carmen_validation_t *v, ngx_str_t *pointer,
    ngx_str_t *value, const carmen_field_t *field)
{
    carmen_place_t  at;

    carmen_check_start(v);

    at.up = NULL;
    at.name = (const char *) pointer->data;
    at.len = pointer->len;
    at.index = 0;

    if (carmen_check_text(v, &at, value, field) == NGX_ERROR) {
        return NGX_ERROR;
    }

    return carmen_check_finish(v, "invalid-parameter",
                               "A parameter does not have the form that is "
                               "asked for; \"errors\" says which.");
}
