
/*
 * Filters and paths.  A filter becomes a tree of
 *
 *     {"op": "and"|"or", "a": filter, "b": filter}
 *     {"op": "not", "a": filter}
 *     {"op": "has", "path": [...], "a": filter}       emails[...]
 *     {"op": "pr", "path": [...]}
 *     {"op": "eq", "path": [...], "value": text, "type": ..., "exact": true}
 *
 * of a size that is bounded here.  Paths are of names of the schema only.
 */

#include "carmen_scim.h"


#define CARMEN_SCIM_FILTER  4096             /* bytes */
#define CARMEN_SCIM_DEPTH   16
#define CARMEN_SCIM_TERMS   64


typedef struct {
    const carmen_scim_resource_t  *resource;
    const carmen_scim_attr_t      *attrs;    /* names mean these */
    const char                    *p;
    const char                    *end;
    ngx_uint_t                     depth;
    ngx_uint_t                     terms;
    ngx_uint_t                     inner;    /* within brackets */
    const char                    *problem;
    carmen_scim_error_t           *error;
} scim_parser_t;


static json_t *scim_or(scim_parser_t *parser);
static json_t *scim_and(scim_parser_t *parser);
static json_t *scim_term(scim_parser_t *parser);
static json_t *scim_comparison(scim_parser_t *parser);
static json_t *scim_value(scim_parser_t *parser, const char *op,
    const carmen_scim_attr_t *attr);
static json_t *scim_attribute(scim_parser_t *parser,
    const carmen_scim_attr_t **last, const carmen_scim_attr_t **multi);


static json_t *
scim_refuse(scim_parser_t *parser, const char *detail)
{
    if (parser->error->problem == NULL) {
        parser->error->problem = parser->problem;
        parser->error->detail = detail;
    }

    return NULL;
}


static void
scim_blank(scim_parser_t *parser)
{
    while (parser->p < parser->end && *parser->p == ' ') {
        parser->p++;
    }
}


/* a word of the grammar, in any case, that stands by itself */

static ngx_uint_t
scim_word(scim_parser_t *parser, const char *word)
{
    size_t       len;
    const char  *p;

    scim_blank(parser);

    p = parser->p;
    len = ngx_strlen(word);

    if ((size_t) (parser->end - p) < len
        || ngx_strncasecmp((u_char *) p, (u_char *) word, len) != 0)
    {
        return 0;
    }

    p += len;

    if (p < parser->end && *p != ' ' && *p != '(' && *p != ')' && *p != ']') {
        return 0;
    }

    parser->p = p;

    return 1;
}


static ngx_uint_t
scim_sign(scim_parser_t *parser, char sign)
{
    scim_blank(parser);

    if (parser->p < parser->end && *parser->p == sign) {
        parser->p++;
        return 1;
    }

    return 0;
}


/* takes the references of "a" and "b" */

static json_t *
scim_node(const char *op, json_t *path, json_t *a, json_t *b)
{
    json_t  *node;

    node = json_pack("{s:s, s:o*, s:o*, s:o*}", "op", op, "path", path,
                     "a", a, "b", b);

    return node;
}


json_t *
carmen_scim_filter(const carmen_scim_resource_t *res, ngx_str_t *text,
    carmen_scim_error_t *error)
{
    json_t         *filter;
    scim_parser_t   parser;

    ngx_memzero(&parser, sizeof(scim_parser_t));

    parser.resource = res;
    parser.attrs = res->attrs;
    parser.p = (char *) text->data;
    parser.end = parser.p + text->len;
    parser.problem = "scim-invalid-filter";
    parser.error = error;

    if (text->len > CARMEN_SCIM_FILTER) {
        return scim_refuse(&parser, "The filter is too long.");
    }

    filter = scim_or(&parser);

    if (filter == NULL) {
        return NULL;
    }

    scim_blank(&parser);

    if (parser.p != parser.end) {
        json_decref(filter);
        return scim_refuse(&parser, "Something follows the filter.");
    }

    return filter;
}


static json_t *
scim_or(scim_parser_t *parser)
{
    json_t  *a, *b;

    if (++parser->depth > CARMEN_SCIM_DEPTH) {
        return scim_refuse(parser, "The filter is nested too deeply.");
    }

    a = scim_and(parser);

    while (a && scim_word(parser, "or")) {
        b = scim_and(parser);

        if (b == NULL) {
            json_decref(a);
            return NULL;
        }

        a = scim_node("or", NULL, a, b);
    }

    parser->depth--;

    return a;
}


static json_t *
scim_and(scim_parser_t *parser)
{
    json_t  *a, *b;

    a = scim_term(parser);

    while (a && scim_word(parser, "and")) {
        b = scim_term(parser);

        if (b == NULL) {
            json_decref(a);
            return NULL;
        }

        a = scim_node("and", NULL, a, b);
    }

    return a;
}


static json_t *
scim_term(scim_parser_t *parser)
{
    json_t      *a;
    ngx_uint_t   negated;
    const char  *start;

    scim_blank(parser);

    start = parser->p;
    negated = scim_word(parser, "not");

    if (scim_sign(parser, '(')) {
        a = scim_or(parser);

        if (a && !scim_sign(parser, ')')) {
            json_decref(a);
            return scim_refuse(parser, "A \")\" is missing in the filter.");
        }

        return a && negated ? scim_node("not", NULL, a, NULL) : a;
    }

    parser->p = start;

    return scim_comparison(parser);
}


static json_t *
scim_comparison(scim_parser_t *parser)
{
    json_t                    *path, *a;
    ngx_uint_t                 i;
    const carmen_scim_attr_t  *attr, *multi, *attrs;

    static const char *const  ops[] = {
        "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", NULL
    };

    if (++parser->terms > CARMEN_SCIM_TERMS) {
        return scim_refuse(parser, "The filter has too many terms.");
    }

    path = scim_attribute(parser, &attr, &multi);
    if (path == NULL) {
        return NULL;
    }

    if (attr && (attr->flags & CARMEN_SCIM_WRITE_ONLY)) {
        json_decref(path);
        return scim_refuse(parser, "This attribute cannot be asked for.");
    }

    if (parser->p < parser->end && *parser->p == '[') {

        if (parser->inner || attr == NULL || attr->sub == NULL) {
            json_decref(path);
            return scim_refuse(parser, "There is nothing to filter in "
                                       "brackets.");
        }

        parser->p++;
        attrs = parser->attrs;
        parser->attrs = attr->sub;
        parser->inner = 1;

        a = scim_or(parser);

        parser->attrs = attrs;
        parser->inner = 0;

        if (a && !scim_sign(parser, ']')) {
            json_decref(a);
            a = scim_refuse(parser, "A \"]\" is missing in the filter.");
        }

        if (a == NULL) {
            json_decref(path);
            return NULL;
        }

        return scim_node("has", path, a, NULL);
    }

    if (scim_word(parser, "pr")) {
        return scim_node("pr", path, NULL, NULL);
    }

    for (i = 0; ops[i]; i++) {
        if (scim_word(parser, ops[i])) {
            break;
        }
    }

    if (ops[i] == NULL) {
        json_decref(path);
        return scim_refuse(parser, "An attribute is followed by an operator "
                                   "that is not known.");
    }

    /* "emails eq" is "emails.value eq" */

    if (attr && attr->type == CARMEN_SCIM_COMPLEX) {
        attr = carmen_scim_attr(attr->sub, "value", 5);

        if (attr == NULL || json_array_append_new(path, json_string("value")))
        {
            json_decref(path);
            return scim_refuse(parser, "A complex attribute has no value to "
                                       "compare; name one of its parts.");
        }
    }

    a = scim_value(parser, ops[i], attr);

    if (a == NULL || json_object_set_new(a, "path", path) != 0) {
        json_decref(a);

        if (a == NULL) {
            json_decref(path);
        }

        return NULL;
    }

    return a;
}


/* RFC 7644 figure 1: compValue is JSON's false, null, true, number, string */

static json_t *
scim_value(scim_parser_t *parser, const char *op,
    const carmen_scim_attr_t *attr)
{
    json_t        *value, *node;
    const char    *p, *type, *text;
    json_error_t   error;

    scim_blank(parser);

    p = parser->p;

    if (p < parser->end && *p == '"') {

        for (p++; p < parser->end && *p != '"'; p++) {
            if (*p == '\\') {
                p++;
            }
        }

        if (p >= parser->end) {
            return scim_refuse(parser, "A string in the filter does not end.");
        }

        p++;

    } else {
        while (p < parser->end && *p != ' ' && *p != ')' && *p != ']') {
            p++;
        }
    }

    value = json_loadb(parser->p, p - parser->p, JSON_DECODE_ANY, &error);
    parser->p = p;

    if (value == NULL || json_is_object(value) || json_is_array(value)
        || json_is_number(value))
    {
        json_decref(value);
        return scim_refuse(parser, "A value to compare with is a string in "
                                   "JSON, true, false or null.");
    }

    if (json_is_null(value)) {
        json_decref(value);

        if (ngx_strcmp(op, "eq") == 0) {
            return json_pack("{s:s}", "op", "absent");
        }

        return ngx_strcmp(op, "ne") == 0 ? json_pack("{s:s}", "op", "pr")
               : scim_refuse(parser, "null can be equal or not, no more.");
    }

    type = "string";
    text = json_is_string(value) ? json_string_value(value)
           : json_is_true(value) ? "true" : "false";

    if (attr && attr->type == CARMEN_SCIM_BOOLEAN) {
        type = "boolean";

        if (json_is_string(value)) {
            text = ngx_strcasecmp((u_char *) text, (u_char *) "true") == 0
                   ? "true"
                   : ngx_strcasecmp((u_char *) text, (u_char *) "false") == 0
                   ? "false" : NULL;
        }

        if (text == NULL || (ngx_strcmp(op, "eq") != 0
                             && ngx_strcmp(op, "ne") != 0))
        {
            json_decref(value);
            return scim_refuse(parser, "What is true or false is compared "
                                       "with eq and ne.");
        }

    } else if (attr && attr->type == CARMEN_SCIM_DATETIME) {
        type = "dateTime";

    } else if (!json_is_string(value)) {
        json_decref(value);
        return scim_refuse(parser, "A text is compared with a string.");
    }

    node = json_pack("{s:s, s:s, s:s, s:b}", "op", op, "value", text,
                     "type", type, "exact",
                     (int) (attr && (attr->flags & CARMEN_SCIM_EXACT)));
    json_decref(value);

    return node;
}


static ngx_uint_t
scim_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '$'
           || c == ':' || c == '.';
}


static size_t
scim_urn(const char *p, size_t len, const char *urn)
{
    size_t  n;

    n = ngx_strlen(urn);

    if (len >= n && ngx_strncasecmp((u_char *) p, (u_char *) urn, n) == 0
        && (len == n || p[n] == ':'))
    {
        return n;
    }

    return 0;
}


/* [URN ":"] name *("." name), RFC 7644 section 3.10 */

static json_t *
scim_attribute(scim_parser_t *parser, const carmen_scim_attr_t **last,
    const carmen_scim_attr_t **multi)
{
    size_t                     len, n;
    json_t                    *path;
    const char                *p, *q, *stop;
    const carmen_scim_attr_t  *attr, *table;

    scim_blank(parser);

    p = parser->p;

    for (stop = p; stop < parser->end && scim_name_char(*stop); stop++) {
        /* void */
    }

    parser->p = stop;
    *last = NULL;
    *multi = NULL;

    if (stop == p) {
        return scim_refuse(parser, "The name of an attribute is missing.");
    }

    path = json_array();
    if (path == NULL) {
        return NULL;
    }

    table = parser->attrs;
    attr = NULL;
    len = stop - p;

    if (!parser->inner) {
        n = scim_urn(p, len, parser->resource->urn);

        if (n && n < len) {
            p += n + 1;

        } else {
            n = scim_urn(p, len, CARMEN_SCIM_ENTERPRISE);
            attr = n ? carmen_scim_attr(table, CARMEN_SCIM_ENTERPRISE, n)
                     : NULL;

            if (attr) {
                if (json_array_append_new(path, json_string(attr->name))) {
                    json_decref(path);
                    return NULL;
                }

                table = attr->sub;
                p += ngx_min(n + 1, len);
            }
        }
    }

    while (p < stop) {

        for (q = p; q < stop && *q != '.'; q++) { /* void */ }

        attr = table ? carmen_scim_attr(table, p, q - p) : NULL;

        if (attr == NULL || q + 1 == stop
            || json_array_append_new(path, json_string(attr->name)))
        {
            json_decref(path);
            return scim_refuse(parser, "There is no attribute of that name.");
        }

        if (attr->flags & CARMEN_SCIM_MULTI) {
            *multi = attr;
        }

        table = attr->sub;
        p = q + 1;
    }

    *last = attr;

    return path;
}


json_t *
carmen_scim_path(const carmen_scim_resource_t *res, ngx_str_t *text,
    const carmen_scim_attr_t **last, carmen_scim_error_t *error)
{
    json_t                    *path;
    scim_parser_t              parser;
    const carmen_scim_attr_t  *attr, *multi;

    ngx_memzero(&parser, sizeof(scim_parser_t));

    parser.resource = res;
    parser.attrs = res->attrs;
    parser.p = (char *) text->data;
    parser.end = parser.p + text->len;
    parser.problem = "scim-invalid-path";
    parser.error = error;

    path = scim_attribute(&parser, &attr, &multi);

    if (path && parser.p != parser.end) {
        json_decref(path);
        return scim_refuse(&parser, "This is no name of an attribute.");
    }

    if (last) {
        *last = attr;
    }

    return path;
}


json_t *
carmen_scim_paths(const carmen_scim_resource_t *res, ngx_str_t *text,
    carmen_scim_error_t *error)
{
    json_t               *list, *path;
    u_char               *p, *q, *end;
    ngx_str_t             one;
    carmen_scim_error_t   unknown;

    list = json_array();
    end = text->data + text->len;

    for (p = text->data; list && p < end; p = q + 1) {

        q = ngx_strlchr(p, end, ',');

        if (q == NULL) {
            q = end;
        }

        while (p < q && *p == ' ') {
            p++;
        }

        one.data = p;
        one.len = q - p;

        /* a name that is not known selects nothing */

        ngx_memzero(&unknown, sizeof(carmen_scim_error_t));
        path = carmen_scim_path(res, &one, NULL, &unknown);

        if (path == NULL && unknown.problem == NULL) {
            json_decref(list);
            return NULL;
        }

        if (path && (json_array_size(list) >= CARMEN_SCIM_TERMS
                     || json_array_append_new(list, path)))
        {
            json_decref(list);
            error->problem = "scim-invalid-value";
            error->detail = "Too many attributes are named.";
            return NULL;
        }
    }

    return list;
}


/* RFC 7644 figure 7: attrPath / valuePath [subAttr] */

json_t *
carmen_scim_target(const carmen_scim_resource_t *res, ngx_str_t *text,
    const carmen_scim_attr_t **last, carmen_scim_error_t *error)
{
    json_t                    *target, *path, *filter, *sub;
    scim_parser_t              parser;
    const carmen_scim_attr_t  *attr, *multi;

    ngx_memzero(&parser, sizeof(scim_parser_t));

    parser.resource = res;
    parser.attrs = res->attrs;
    parser.p = (char *) text->data;
    parser.end = parser.p + text->len;
    parser.problem = "scim-invalid-path";
    parser.error = error;

    if (text->len > CARMEN_SCIM_FILTER) {
        return scim_refuse(&parser, "The path is too long.");
    }

    path = scim_attribute(&parser, &attr, &multi);
    if (path == NULL) {
        return NULL;
    }

    filter = NULL;
    sub = NULL;

    if (parser.p < parser.end && *parser.p == '[') {

        if (attr != multi) {
            json_decref(path);
            return scim_refuse(&parser, "Only an attribute of many values is "
                                        "followed by brackets.");
        }

        parser.p++;
        parser.attrs = attr->sub;
        parser.inner = 1;

        filter = scim_or(&parser);

        if (filter && !scim_sign(&parser, ']')) {
            scim_refuse(&parser, "A \"]\" is missing in the path.");
        }

        if (filter && error->problem == NULL && parser.p < parser.end) {

            attr = *parser.p == '.'
                   ? carmen_scim_attr(attr->sub, parser.p + 1,
                                      parser.end - parser.p - 1)
                   : NULL;

            if (attr) {
                sub = json_string(attr->name);

            } else {
                scim_refuse(&parser, "What follows the brackets is no part "
                                     "of the attribute.");
            }
        }

        if (filter == NULL || error->problem) {
            json_decref(filter);
            json_decref(path);
            return NULL;
        }

    } else if (parser.p != parser.end) {
        json_decref(path);
        return scim_refuse(&parser, "This is no path of an attribute.");

    } else if (multi && attr != multi) {

        /* "emails.type": of each of them */

        sub = json_string(attr->name);
        json_array_remove(path, json_array_size(path) - 1);
    }

    *last = attr;

    target = json_pack("{s:o, s:o*, s:o*, s:b}", "path", path, "filter",
                       filter, "sub", sub, "multi", (int) (multi != NULL));

    return target;
}
