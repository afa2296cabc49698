
#include <carmen_core.h>
#include <jansson.h>
#include "carmen_text.h"
#include "carmen_openapi_schema.h"


static void carmen_openapi_members(carmen_openapi_t *ctx,
    const carmen_field_t *fields, carmen_schema_e use);
static void carmen_openapi_type(carmen_openapi_t *ctx,
    const carmen_field_t *field);
static void carmen_openapi_enum(carmen_openapi_t *ctx,
    const carmen_field_t *field);
static void carmen_openapi_notes(carmen_openapi_t *ctx,
    const carmen_field_t *field);
static const carmen_entity_t *carmen_openapi_entity(carmen_openapi_t *ctx,
    const carmen_field_t *fields);


typedef struct {
    const char               *type;          /* NULL: any */
    const char               *format;
    const char               *pattern;
    const char               *min;           /* the keywords of the bounds */
    const char               *max;
} carmen_openapi_map_t;

static const carmen_openapi_map_t  carmen_openapi_types[] = {

    [CARMEN_STRING]    = { "string", NULL, NULL, "minLength", "maxLength" },
    [CARMEN_INTEGER]   = { "integer", "int64", NULL, "minimum", "maximum" },
    [CARMEN_NUMBER]    = { "number", NULL, NULL, "minimum", "maximum" },
    [CARMEN_BOOLEAN]   = { "boolean", NULL, NULL, NULL, NULL },
    [CARMEN_UUID]      = { "string", "uuid", NULL, NULL, NULL },
    [CARMEN_TIMESTAMP] = { "string", "date-time", NULL, NULL, NULL },
    [CARMEN_DATE]      = { "string", "date", NULL, NULL, NULL },
    [CARMEN_EMAIL]     = { "string", "email", NULL, "minLength", "maxLength" },
    [CARMEN_URI]       = { "string", "uri", NULL, "minLength", "maxLength" },
    [CARMEN_CURRENCY]  = { "string", NULL, "^[A-Z]{3}$", NULL, NULL },
    [CARMEN_GTIN]      = { "string", NULL, "^([0-9]{8}|[0-9]{12,14})$", NULL,
                           NULL },
    [CARMEN_CODE]      = { "string", NULL, "^[A-Za-z0-9][A-Za-z0-9._:-]*$",
                           "minLength", "maxLength" },
    [CARMEN_ENUM]      = { "string", NULL, NULL, NULL, NULL },
    [CARMEN_OBJECT]    = { "object", NULL, NULL, NULL, NULL },
    [CARMEN_ARRAY]     = { "array", NULL, NULL, "minItems", "maxItems" },
    [CARMEN_ANY]       = { NULL, NULL, NULL, NULL, NULL }
};


void
carmen_openapi_object(carmen_openapi_t *ctx, const carmen_field_t *fields,
    carmen_schema_e use, const char *doc)
{
    carmen_text_t  *t;

    t = &ctx->text;

    carmen_text_lit(t, "{\"type\":\"object\",");
    carmen_openapi_members(ctx, fields, use);

    if (doc) {
        carmen_text_lit(t, "\"description\":");
        carmen_text_jsonc(t, doc);
    }

    carmen_text_uncomma(t);
    carmen_text_lit(t, "}");
}


static void
carmen_openapi_members(carmen_openapi_t *ctx, const carmen_field_t *fields,
    carmen_schema_e use)
{
    ngx_uint_t             required;
    carmen_text_t         *t;
    const carmen_field_t  *f;

    if (fields == NULL) {
        return;
    }

    t = &ctx->text;
    required = 0;

    carmen_text_lit(t, "\"properties\":{");

    for (f = fields; f->name; f++) {
        carmen_text_jsonc(t, f->name);
        carmen_text_lit(t, ":");
        carmen_openapi_field(ctx, f, use, 1);
        carmen_text_lit(t, ",");

        if (f->flags & CARMEN_REQUIRED) {
            required = 1;
        }
    }

    carmen_text_uncomma(t);
    carmen_text_lit(t, "},");

    if (required) {
        carmen_text_lit(t, "\"required\":[");

        for (f = fields; f->name; f++) {
            if (f->flags & CARMEN_REQUIRED) {
                carmen_text_jsonc(t, f->name);
                carmen_text_lit(t, ",");
            }
        }

        carmen_text_uncomma(t);
        carmen_text_lit(t, "],");
    }

    if (use == CARMEN_SCHEMA_BODY) {
        carmen_text_lit(t, "\"additionalProperties\":false,");
    }
}


void
carmen_openapi_field(carmen_openapi_t *ctx, const carmen_field_t *field,
    carmen_schema_e use, ngx_uint_t doc)
{
    ngx_uint_t              nullable;
    carmen_text_t          *t;
    const carmen_entity_t  *entity;

    t = &ctx->text;
    nullable = field->flags & CARMEN_NULLABLE;
    entity = NULL;

    if (field->type == CARMEN_OBJECT && use == CARMEN_SCHEMA_REPLY) {
        entity = carmen_openapi_entity(ctx, field->fields);
    }

    carmen_text_lit(t, "{");

    if (entity && nullable) {
        carmen_text_lit(t, "\"anyOf\":[{");
        carmen_openapi_ref(ctx, entity);
        carmen_text_lit(t, "},{\"type\":\"null\"}],");

    } else if (entity) {
        carmen_openapi_ref(ctx, entity);
        carmen_text_lit(t, ",");

    } else {
        carmen_openapi_type(ctx, field);

        switch (field->type) {

        case CARMEN_ENUM:
            carmen_openapi_enum(ctx, field);
            break;

        case CARMEN_OBJECT:
            carmen_openapi_members(ctx, field->fields, use);
            break;

        case CARMEN_ARRAY:
            if (field->item) {
                carmen_text_lit(t, "\"items\":");
                carmen_openapi_field(ctx, field->item, use, 1);
                carmen_text_lit(t, ",");
            }

            break;

        default:
            break;
        }
    }

    if (doc) {
        carmen_openapi_notes(ctx, field);
    }

    carmen_text_uncomma(t);
    carmen_text_lit(t, "}");
}


/* type, format, pattern and bounds, each with a comma */

static void
carmen_openapi_type(carmen_openapi_t *ctx, const carmen_field_t *field)
{
    carmen_text_t               *t;
    const char                  *pattern;
    const carmen_openapi_map_t  *map;

    t = &ctx->text;
    map = &carmen_openapi_types[field->type];

    if (map->type == NULL) {
        return;
    }

    if (field->flags & CARMEN_NULLABLE) {
        carmen_text_format(t, "\"type\":[\"%s\",\"null\"],", map->type);
    } else {
        carmen_text_format(t, "\"type\":\"%s\",", map->type);
    }

    if (map->format) {
        carmen_text_format(t, "\"format\":\"%s\",", map->format);
    }

    pattern = field->pattern ? field->pattern : map->pattern;

    if (pattern) {
        carmen_text_lit(t, "\"pattern\":");
        carmen_text_jsonc(t, pattern);
        carmen_text_lit(t, ",");
    }

    /* 0 and 0 is no bound; a maximum below the minimum is none either */

    if (map->min == NULL || (field->min == 0 && field->max == 0)) {
        return;
    }

    if (field->min != 0 || map->min[3] == 'i') {
        carmen_text_format(t, "\"%s\":%L,", map->min, field->min);
    }

    if (field->max >= field->min) {
        carmen_text_format(t, "\"%s\":%L,", map->max, field->max);
    }
}


static void
carmen_openapi_enum(carmen_openapi_t *ctx, const carmen_field_t *field)
{
    ngx_uint_t      i;
    carmen_text_t  *t;

    t = &ctx->text;

    carmen_text_lit(t, "\"enum\":[");

    for (i = 0; field->values && field->values[i]; i++) {
        carmen_text_jsonc(t, field->values[i]);
        carmen_text_lit(t, ",");
    }

    if (field->flags & CARMEN_NULLABLE) {
        carmen_text_lit(t, "null");
    }

    carmen_text_uncomma(t);
    carmen_text_lit(t, "],");
}


/* description, example, and who may read or write it */

static void
carmen_openapi_notes(carmen_openapi_t *ctx, const carmen_field_t *field)
{
    carmen_text_t  *t;

    t = &ctx->text;

    carmen_openapi_describe(ctx, field);

    if (field->flags & CARMEN_SECRET) {
        carmen_text_lit(t, "\"writeOnly\":true,");
    }

    if (field->flags & CARMEN_READ_ONLY) {
        carmen_text_lit(t, "\"readOnly\":true,");
    }

    if (field->example) {
        carmen_text_lit(t, "\"examples\":[");
        carmen_openapi_example(ctx, field);
        carmen_text_lit(t, "],");
    }
}


void
carmen_openapi_describe(carmen_openapi_t *ctx, const carmen_field_t *field)
{
    u_char         *p, *doc;
    size_t          len;
    const char     *scope;
    carmen_text_t  *t;

    t = &ctx->text;
    scope = (field->flags & CARMEN_TRUSTED) ? field->scope : NULL;

    if (field->doc == NULL && scope == NULL) {
        return;
    }

    len = (field->doc ? ngx_strlen(field->doc) : 0)
          + (scope ? ngx_strlen(scope) : 0)
          + sizeof(" Needs the scope .");

    doc = ngx_pnalloc(ctx->pool, len);
    if (doc == NULL) {
        ctx->failed = 1;
        return;
    }

    p = doc;

    if (field->doc) {
        p = ngx_cpymem(p, field->doc, ngx_strlen(field->doc));
    }

    if (scope) {
        p = ngx_sprintf(p, "%sNeeds the scope %s.", field->doc ? " " : "",
                        scope);
    }

    carmen_text_lit(t, "\"description\":");
    carmen_text_json(t, doc, p - doc);
    carmen_text_lit(t, ",");
}


void
carmen_openapi_example(carmen_openapi_t *ctx, const carmen_field_t *field)
{
    json_t        *json;
    json_error_t   error;

    json = json_loads(field->example,
                      JSON_DECODE_ANY|JSON_REJECT_DUPLICATES, &error);

    if (json == NULL) {
        ngx_log_error(NGX_LOG_EMERG, ctx->log, 0,
                      "carmen: the example of the field \"%s\" of %s is not "
                      "JSON: %s: %s", field->name ? field->name : "item",
                      ctx->where, field->example, error.text);
        ctx->failed = 1;
        return;
    }

    json_decref(json);

    carmen_text_cstr(&ctx->text, field->example);
}


void
carmen_openapi_ref(carmen_openapi_t *ctx, const carmen_entity_t *entity)
{
    carmen_text_lit(&ctx->text, "\"$ref\":\"#/components/schemas/");
    carmen_openapi_name(ctx, entity);
    carmen_text_lit(&ctx->text, "\"");
}


/* entities of two domains with one name are told apart by the domain */

void
carmen_openapi_name(carmen_openapi_t *ctx, const carmen_entity_t *entity)
{
    ngx_uint_t               i, same;
    carmen_domain_t        **domains, *own;
    const carmen_entity_t   *e;

    own = NULL;
    same = 0;

    domains = ctx->reg->domains.elts;

    for (i = 0; i < ctx->reg->domains.nelts; i++) {
        for (e = domains[i]->entities; e && e->name; e++) {

            if (e == entity) {
                own = domains[i];

            } else if (ngx_strcmp(e->name, entity->name) == 0) {
                same = 1;
            }
        }
    }

    if (same && own) {
        carmen_text_str(&ctx->text, &own->name);
        carmen_text_lit(&ctx->text, ".");
    }

    carmen_text_cstr(&ctx->text, entity->name);
}


/* an object within an entity may be an entity itself: the same table */

static const carmen_entity_t *
carmen_openapi_entity(carmen_openapi_t *ctx, const carmen_field_t *fields)
{
    ngx_uint_t               i;
    carmen_domain_t        **domains;
    const carmen_entity_t   *e;

    if (fields == NULL) {
        return NULL;
    }

    domains = ctx->reg->domains.elts;

    for (i = 0; i < ctx->reg->domains.nelts; i++) {

        if (!carmen_openapi_used(ctx, domains[i])) {
            continue;
        }

        for (e = domains[i]->entities; e && e->name; e++) {
            if (e->fields == fields) {
                return e;
            }
        }
    }

    return NULL;
}


ngx_uint_t
carmen_openapi_used(carmen_openapi_t *ctx, const carmen_domain_t *domain)
{
    ngx_uint_t           i;
    carmen_endpoint_t  **endpoints;

    endpoints = ctx->endpoints->elts;

    for (i = 0; i < ctx->endpoints->nelts; i++) {
        if (endpoints[i]->domain == domain) {
            return 1;
        }
    }

    return 0;
}


void
carmen_openapi_schemas(carmen_openapi_t *ctx)
{
    ngx_uint_t               i;
    carmen_domain_t        **domains;
    const carmen_entity_t   *e;

    domains = ctx->reg->domains.elts;

    for (i = 0; i < ctx->reg->domains.nelts; i++) {

        if (!carmen_openapi_used(ctx, domains[i])) {
            continue;
        }

        for (e = domains[i]->entities; e && e->name; e++) {
            ctx->where = e->name;

            carmen_text_lit(&ctx->text, "\"");
            carmen_openapi_name(ctx, e);
            carmen_text_lit(&ctx->text, "\":");
            carmen_openapi_object(ctx, e->fields, CARMEN_SCHEMA_REPLY, e->doc);
            carmen_text_lit(&ctx->text, ",");
        }
    }
}


ngx_uint_t
carmen_openapi_trusted(const carmen_field_t *fields)
{
    const carmen_field_t  *f;

    for (f = fields; f && f->name; f++) {

        if ((f->flags & CARMEN_TRUSTED)
            || carmen_openapi_trusted(f->fields)
            || (f->item && ((f->item->flags & CARMEN_TRUSTED)
                            || carmen_openapi_trusted(f->item->fields))))
        {
            return 1;
        }
    }

    return 0;
}
