
#include <carmen_core.h>
#include "carmen_validate.h"
#include "carmen_check.h"
#include "carmen_format.h"

#include <inttypes.h>


static const char  carmen_code_scope[] = "scope";


static ngx_int_t carmen_check_pointer(carmen_validation_t *v,
    const carmen_place_t *place, ngx_str_t *pointer);
static size_t carmen_place_size(const carmen_place_t *place);
static u_char *carmen_place_write(u_char *p, const carmen_place_t *place);
static ngx_int_t carmen_check_enum(carmen_validation_t *v,
    const carmen_place_t *place, ngx_str_t *s, const carmen_field_t *field);


void
carmen_check_start(carmen_validation_t *v)
{
    v->problem = NULL;
    ngx_str_null(&v->detail);
    ngx_memzero(&v->errors, sizeof(ngx_array_t));
}


ngx_int_t
carmen_check_error(carmen_validation_t *v, const carmen_place_t *place,
    const char *code, const char *detail, ...)
{
    int              n;
    char             text[CARMEN_DETAIL_MAX];
    va_list          args;
    carmen_error_t  *error;

    if (v->errors.elts == NULL
        && ngx_array_init(&v->errors, v->pool, 4, sizeof(carmen_error_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    error = ngx_array_push(&v->errors);
    if (error == NULL) {
        return NGX_ERROR;
    }

    va_start(args, detail);
    n = vsnprintf(text, sizeof(text), detail, args);
    va_end(args);

    if (n < 0) {
        n = 0;
    }

    error->code = code;
    error->detail.len = ngx_min((size_t) n, sizeof(text) - 1);
    error->detail.data = ngx_pnalloc(v->pool, error->detail.len + 1);

    if (error->detail.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(error->detail.data, text, error->detail.len);

    if (carmen_check_pointer(v, place, &error->pointer) != NGX_OK) {
        return NGX_ERROR;
    }

    return v->errors.nelts < CARMEN_ERRORS_MAX ? NGX_OK : NGX_ABORT;
}


ngx_int_t
carmen_check_finish(carmen_validation_t *v, const char *problem,
    const char *detail)
{
    ngx_uint_t       i, n;
    carmen_error_t  *error;

    if (v->errors.nelts == 0) {
        return NGX_OK;
    }

    v->problem = problem;
    v->detail.data = (u_char *) detail;
    v->detail.len = ngx_strlen(detail);

    /* what is forbidden goes before what is wrong, and is told alone */

    error = v->errors.elts;
    n = 0;

    for (i = 0; i < v->errors.nelts; i++) {
        if (error[i].code == carmen_code_scope) {
            error[n++] = error[i];
        }
    }

    if (n) {
        v->errors.nelts = n;
        v->problem = "insufficient-scope";
        v->detail = error[0].detail;
    }

    return NGX_DECLINED;
}


/* an ancestor's pointer rather than one that a client made very long */

static ngx_int_t
carmen_check_pointer(carmen_validation_t *v, const carmen_place_t *place,
    ngx_str_t *pointer)
{
    size_t  len;

    for (len = carmen_place_size(place);
         len > CARMEN_POINTER_MAX && place->up;
         len = carmen_place_size(place))
    {
        place = place->up;
    }

    pointer->len = len;
    pointer->data = ngx_pnalloc(v->pool, len + 1);

    if (pointer->data == NULL) {
        return NGX_ERROR;
    }

    (void) carmen_place_write(pointer->data, place);

    return NGX_OK;
}


static size_t
carmen_place_size(const carmen_place_t *place)
{
    size_t  i, n, total;

    for (total = 0; place->up; place = place->up) {
        total++;

        if (place->name == NULL) {
            for (n = place->index; n > 9; n /= 10) { total++; }
            total++;
            continue;
        }

        for (i = 0; i < place->len; i++) {
            total += 1 + (place->name[i] == '~' || place->name[i] == '/');
        }
    }

    return total + place->len;
}


static u_char *
carmen_place_write(u_char *p, const carmen_place_t *place)
{
    size_t   i;
    u_char   digits[NGX_INT_T_LEN], *d;

    if (place->up == NULL) {
        return ngx_cpymem(p, place->name, place->len);
    }

    p = carmen_place_write(p, place->up);
    *p++ = '/';

    if (place->name == NULL) {
        d = digits + sizeof(digits);
        i = place->index;

        do {
            *--d = (u_char) ('0' + i % 10);
            i /= 10;
        } while (i);

        return ngx_cpymem(p, d, digits + sizeof(digits) - d);
    }

    for (i = 0; i < place->len; i++) {
        if (place->name[i] == '~' || place->name[i] == '/') {
            *p++ = '~';
            *p++ = (place->name[i] == '~') ? '0' : '1';
            continue;
        }

        *p++ = place->name[i];
    }

    return p;
}


ngx_int_t
carmen_check_scope(carmen_validation_t *v, const carmen_place_t *place,
    const carmen_field_t *field)
{
    if (!(field->flags & CARMEN_TRUSTED)
        || (v->holds && v->holds(v->data, field->scope)))
    {
        return NGX_OK;
    }

    return carmen_check_error(v, place, carmen_code_scope,
                              "The field \"%s\" needs the scope \"%s\".",
                              field->name, field->scope ? field->scope : "");
}


ngx_int_t
carmen_check_string(carmen_validation_t *v, const carmen_place_t *place,
    ngx_str_t *s, const carmen_field_t *field)
{
    ngx_int_t    n, rc;
    ngx_uint_t   fits;
    const char  *form;

    n = carmen_utf8_length(s->data, s->len);

    if (n == NGX_ERROR) {
        return carmen_check_error(v, place, "format", "must be UTF-8");
    }

    if (memchr(s->data, '\0', s->len)) {
        return carmen_check_error(v, place, "format",
                                  "must not hold a NUL character");
    }

    switch (field->type) {

    case CARMEN_STRING:
        fits = 1;
        form = "";
        break;

    case CARMEN_UUID:
        fits = carmen_format_uuid(s->data, s->len);
        form = "a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057";
        break;

    case CARMEN_TIMESTAMP:
        fits = carmen_format_timestamp(s->data, s->len);
        form = "an RFC 3339 date-time such as 2026-01-02T03:04:05Z";
        break;

    case CARMEN_DATE:
        fits = carmen_format_date(s->data, s->len);
        form = "an RFC 3339 date such as 2026-01-02";
        break;

    case CARMEN_EMAIL:
        fits = carmen_format_email(s->data, s->len);
        form = "an email address";
        break;

    case CARMEN_URI:
        fits = carmen_format_uri(s->data, s->len);
        form = "an absolute http or https URI";
        break;

    case CARMEN_CURRENCY:
        fits = carmen_format_currency(s->data, s->len);
        form = "an ISO 4217 code in use such as EUR";
        break;

    case CARMEN_GTIN:
        fits = carmen_format_gtin(s->data, s->len);
        form = "a GTIN of 8, 12, 13 or 14 digits with its check digit";
        break;

    case CARMEN_CODE:
        fits = carmen_format_code(s->data, s->len);
        form = "a letter or digit, then letters, digits and . _ : -";
        break;

    case CARMEN_ENUM:
        return carmen_check_enum(v, place, s, field);

    default:
        return carmen_check_error(v, place, "type", "must not be a string");
    }

    if (!fits) {
        return carmen_check_error(v, place, "format", "must be %s", form);
    }

    if (field->type == CARMEN_CODE && !carmen_field_bounded_up(field)
        && n > CARMEN_CODE_MAX)
    {
        return carmen_check_error(v, place, "maxLength",
                                  "must have at most %d characters",
                                  CARMEN_CODE_MAX);
    }

    rc = carmen_check_count(v, place, n, field);

    if (rc != NGX_OK || field->pattern == NULL) {
        return rc;
    }

    /* a malformed pattern fits nothing */

    if (carmen_format_pattern(field->pattern, s->data, s->len) != NGX_OK) {
        return carmen_check_error(v, place, "pattern",
                                  "must match the pattern %s",
                                  field->pattern);
    }

    return NGX_OK;
}


static ngx_int_t
carmen_check_enum(carmen_validation_t *v, const carmen_place_t *place,
    ngx_str_t *s, const carmen_field_t *field)
{
    int                 n;
    char                list[CARMEN_DETAIL_MAX / 2];
    size_t              len;
    const char *const  *value;

    for (value = field->values; value && *value; value++) {
        if (ngx_strlen(*value) == s->len
            && ngx_memcmp(*value, s->data, s->len) == 0)
        {
            return NGX_OK;
        }
    }

    len = 0;
    list[0] = '\0';

    for (value = field->values; value && *value; value++) {
        n = snprintf(list + len, sizeof(list) - len, "%s%s", len ? ", " : "",
                     *value);

        if (n < 0 || (size_t) n >= sizeof(list) - len) {
            return carmen_check_error(v, place, "enum",
                                      "must be one of the values documented");
        }

        len += n;
    }

    return carmen_check_error(v, place, "enum", "must be one of %s", list);
}


ngx_int_t
carmen_check_integer(carmen_validation_t *v, const carmen_place_t *place,
    int64_t value, const carmen_field_t *field)
{
    if (carmen_field_bounded(field) && value < field->min) {
        return carmen_check_error(v, place, "minimum",
                                  "must be at least %" PRId64, field->min);
    }

    if (carmen_field_bounded_up(field) && value > field->max) {
        return carmen_check_error(v, place, "maximum",
                                  "must be at most %" PRId64, field->max);
    }

    return NGX_OK;
}


ngx_int_t
carmen_check_number(carmen_validation_t *v, const carmen_place_t *place,
    double value, const carmen_field_t *field)
{
    if (carmen_field_bounded(field) && value < (double) field->min) {
        return carmen_check_error(v, place, "minimum",
                                  "must be at least %" PRId64, field->min);
    }

    if (carmen_field_bounded_up(field) && value > (double) field->max) {
        return carmen_check_error(v, place, "maximum",
                                  "must be at most %" PRId64, field->max);
    }

    return NGX_OK;
}


ngx_int_t
carmen_check_count(carmen_validation_t *v, const carmen_place_t *place,
    size_t n, const carmen_field_t *field)
{
    ngx_uint_t  items;

    items = (field->type == CARMEN_ARRAY);

    if (carmen_field_bounded(field) && (int64_t) n < field->min) {
        return carmen_check_error(v, place, items ? "minItems" : "minLength",
                                  "must have at least %" PRId64 " %s%s",
                                  field->min, items ? "item" : "character",
                                  field->min == 1 ? "" : "s");
    }

    if (carmen_field_bounded_up(field) && (int64_t) n > field->max) {
        return carmen_check_error(v, place, items ? "maxItems" : "maxLength",
                                  "must have at most %" PRId64 " %s%s",
                                  field->max, items ? "item" : "character",
                                  field->max == 1 ? "" : "s");
    }

    return NGX_OK;
}


ngx_int_t
carmen_check_text(carmen_validation_t *v, const carmen_place_t *place,
    ngx_str_t *value, const carmen_field_t *field)
{
    double     number;
    int64_t    integer;
    ngx_str_t  s;

    s = *value;

    switch (field->type) {

    case CARMEN_INTEGER:
        if (carmen_format_integer(s.data, s.len, &integer) != NGX_OK) {
            return carmen_check_error(v, place, "type",
                                      "must be an integer of 64 bits");
        }

        return carmen_check_integer(v, place, integer, field);

    case CARMEN_NUMBER:
        if (carmen_format_number(s.data, s.len, &number) != NGX_OK) {
            return carmen_check_error(v, place, "type", "must be a number");
        }

        return carmen_check_number(v, place, number, field);

    case CARMEN_BOOLEAN:
        if ((s.len == 4 && ngx_memcmp(s.data, "true", 4) == 0)
            || (s.len == 5 && ngx_memcmp(s.data, "false", 5) == 0))
        {
            return NGX_OK;
        }

        return carmen_check_error(v, place, "type", "must be true or false");

    case CARMEN_OBJECT:
    case CARMEN_ARRAY:
        return carmen_check_error(v, place, "type",
                                  "must not be given as text");

    case CARMEN_ANY:
        if (carmen_utf8_length(s.data, s.len) == NGX_ERROR
            || memchr(s.data, '\0', s.len))
        {
            return carmen_check_error(v, place, "format",
                                      "must be UTF-8 without NUL");
        }

        return NGX_OK;

    default:
        return carmen_check_string(v, place, &s, field);
    }
}
