
/* OpenAPI 3.1: an operation, from a row of a route table. */

#include <carmen_core.h>
#include "carmen_text.h"
#include "carmen_openapi_schema.h"


static void carmen_openapi_id(carmen_openapi_t *ctx,
    const carmen_endpoint_t *e);
static void carmen_openapi_security(carmen_openapi_t *ctx,
    const carmen_route_t *route);
static void carmen_openapi_parameters(carmen_openapi_t *ctx,
    const carmen_endpoint_t *e);
static void carmen_openapi_path_parameters(carmen_openapi_t *ctx,
    const char *path);
static void carmen_openapi_query(carmen_openapi_t *ctx,
    const carmen_field_t *fields);
static void carmen_openapi_sort(carmen_openapi_t *ctx,
    const carmen_statement_t *st);
static void carmen_openapi_body(carmen_openapi_t *ctx,
    const carmen_route_t *route);
static void carmen_openapi_success(carmen_openapi_t *ctx,
    const carmen_endpoint_t *e);
static void carmen_openapi_content(carmen_openapi_t *ctx,
    const carmen_endpoint_t *e);


static const struct {
    ngx_uint_t   method;
    const char  *name;
} carmen_openapi_methods[] = {
    { CARMEN_GET, "get" },
    { CARMEN_POST, "post" },
    { CARMEN_PUT, "put" },
    { CARMEN_PATCH, "patch" },
    { CARMEN_DELETE, "delete" }
};


void
carmen_openapi_operation(carmen_openapi_t *ctx, const carmen_endpoint_t *e)
{
    ngx_uint_t             i;
    carmen_text_t         *t;
    const carmen_route_t  *route;

    t = &ctx->text;
    route = e->route;

    for (i = 0; i < sizeof(carmen_openapi_methods)
                    / sizeof(carmen_openapi_methods[0]); i++)
    {
        if (carmen_openapi_methods[i].method == route->method) {
            carmen_text_format(t, "\"%s\":{", carmen_openapi_methods[i].name);
            break;
        }
    }

    carmen_text_lit(t, "\"operationId\":");
    carmen_openapi_id(ctx, e);

    if (e->summary.len) {
        carmen_text_lit(t, ",\"summary\":");
        carmen_text_json(t, e->summary.data, e->summary.len);
    }

    carmen_text_lit(t, ",\"tags\":[");
    carmen_text_json(t, e->domain->name.data, e->domain->name.len);
    carmen_text_lit(t, "],");

    carmen_openapi_security(ctx, route);
    carmen_openapi_parameters(ctx, e);

    if (route->body) {
        carmen_openapi_body(ctx, route);
    }

    carmen_text_lit(t, "\"responses\":{");
    carmen_openapi_success(ctx, e);
    carmen_openapi_refusals(ctx, e);
    carmen_text_lit(t, "\"default\":"
                    "{\"$ref\":\"#/components/responses/Problem\"}}}");
}


/* the statement's name if it is the route's alone, else method and path */

static void
carmen_openapi_id(carmen_openapi_t *ctx, const carmen_endpoint_t *e)
{
    u_char                *id, *d;
    ngx_uint_t             i, upper;
    const char            *p;
    carmen_endpoint_t    **all;
    const carmen_route_t  *route;

    route = e->route;
    all = ctx->reg->endpoints.elts;

    if (route->statement) {

        for (i = 0; i < ctx->reg->endpoints.nelts; i++) {
            if (all[i] != e && all[i]->route->statement == route->statement) {
                break;
            }
        }

        if (i == ctx->reg->endpoints.nelts) {
            carmen_text_json(&ctx->text, route->statement->name.data,
                             route->statement->name.len);
            return;
        }
    }

    id = ngx_pnalloc(ctx->pool, 16 + 3 * ngx_strlen(route->path));
    if (id == NULL) {
        ctx->failed = 1;
        return;
    }

    d = id;

    for (i = 0; i < sizeof(carmen_openapi_methods)
                    / sizeof(carmen_openapi_methods[0]); i++)
    {
        if (carmen_openapi_methods[i].method == route->method) {
            d = ngx_cpymem(d, carmen_openapi_methods[i].name,
                           ngx_strlen(carmen_openapi_methods[i].name));
        }
    }

    upper = 1;

    for (p = route->path; *p; p++) {

        if (*p == ':') {
            p += strcspn(p, "}");

            if (*p == '\0') {
                break;
            }
        }

        if (*p == '{') {
            d = ngx_cpymem(d, "By", 2);
        }

        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
              || (*p >= '0' && *p <= '9')))
        {
            upper = 1;
            continue;
        }

        *d++ = upper ? ngx_toupper(*p) : *p;
        upper = 0;
    }

    carmen_text_json(&ctx->text, id, d - id);
}


/* OpenAPI 3.1 takes scopes (its "roles") for a bearer scheme too */

static void
carmen_openapi_security(carmen_openapi_t *ctx, const carmen_route_t *route)
{
    carmen_text_t  *t;

    t = &ctx->text;

    if (route->flags & CARMEN_PUBLIC) {
        carmen_text_lit(t, "\"security\":[{},{\"bearer\":[]}],");
        return;
    }

    carmen_text_lit(t, "\"security\":[{\"bearer\":[");

    if (route->scope) {
        carmen_text_jsonc(t, route->scope);
    }

    carmen_text_lit(t, "]}],");
}


#define carmen_openapi_parameter(t, name)                                     \
    carmen_text_lit(t, "{\"$ref\":\"#/components/parameters/" name "\"},")

static void
carmen_openapi_parameters(carmen_openapi_t *ctx, const carmen_endpoint_t *e)
{
    carmen_text_t         *t;
    const carmen_route_t  *route;

    t = &ctx->text;
    route = e->route;

    carmen_text_lit(t, "\"parameters\":[");

    carmen_openapi_path_parameters(ctx, route->path);
    carmen_openapi_query(ctx, route->query);

    if (carmen_openapi_list(route)) {
        carmen_openapi_parameter(t, "limit");
        carmen_openapi_parameter(t, "cursor");
        carmen_openapi_sort(ctx, route->statement);
    }

    if (route->flags & CARMEN_CREATES) {
        carmen_openapi_parameter(t, "Idempotency-Key");

    } else if (route->flags & CARMEN_KEYED) {
        carmen_openapi_parameter(t, "Idempotency-Key-optional");
    }

    if (route->flags & CARMEN_VERSIONED) {
        carmen_openapi_parameter(t, "If-Match");

    } else if (route->flags & CARMEN_MATCHES) {
        carmen_openapi_parameter(t, "If-Match-optional");
    }

    if (route->method == CARMEN_GET) {
        carmen_openapi_parameter(t, "If-None-Match");
    }

    carmen_text_uncomma(t);
    carmen_text_lit(t, "],");
}


static void
carmen_openapi_path_parameters(carmen_openapi_t *ctx, const char *path)
{
    size_t          name, type;
    const char     *p;
    carmen_text_t  *t;

    t = &ctx->text;

    for (p = ngx_strchr(path, '{'); p; p = ngx_strchr(p, '{')) {
        p++;

        name = strcspn(p, ":}");

        carmen_text_lit(t, "{\"name\":");
        carmen_text_json(t, p, name);
        carmen_text_lit(t, ",\"in\":\"path\",\"required\":true,\"schema\":{");

        p += name;
        type = 0;

        if (*p == ':') {
            p++;
            type = strcspn(p, "}");
        }

        if (type == 4 && ngx_strncmp(p, "uuid", 4) == 0) {
            carmen_text_lit(t, "\"type\":\"string\",\"format\":\"uuid\"");

        } else if (type == 7 && ngx_strncmp(p, "integer", 7) == 0) {
            carmen_text_lit(t, "\"type\":\"integer\",\"format\":\"int64\"");

        } else if (type == 4 && ngx_strncmp(p, "code", 4) == 0) {
            carmen_text_lit(t, "\"type\":\"string\",\"pattern\":"
                            "\"^[A-Za-z0-9][A-Za-z0-9._:-]*$\","
                            "\"maxLength\":128");

        } else {
            carmen_text_lit(t, "\"type\":\"string\",\"minLength\":1,"
                            "\"maxLength\":128");
        }

        carmen_text_lit(t, "}},");
    }
}


static void
carmen_openapi_query(carmen_openapi_t *ctx, const carmen_field_t *fields)
{
    carmen_text_t         *t;
    const carmen_field_t  *f;

    t = &ctx->text;

    for (f = fields; f && f->name; f++) {

        carmen_text_lit(t, "{\"name\":");
        carmen_text_jsonc(t, f->name);
        carmen_text_lit(t, ",\"in\":\"query\",");

        if (f->flags & CARMEN_REQUIRED) {
            carmen_text_lit(t, "\"required\":true,");
        }

        if (f->type == CARMEN_ARRAY) {
            carmen_text_lit(t, "\"style\":\"form\",\"explode\":false,");
        }

        carmen_openapi_describe(ctx, f);

        if (f->example) {
            carmen_text_lit(t, "\"example\":");
            carmen_openapi_example(ctx, f);
            carmen_text_lit(t, ",");
        }

        carmen_text_lit(t, "\"schema\":");
        carmen_openapi_field(ctx, f, CARMEN_SCHEMA_BODY, 0);
        carmen_text_lit(t, "},");
    }
}


static void
carmen_openapi_sort(carmen_openapi_t *ctx, const carmen_statement_t *st)
{
    ngx_uint_t      i;
    carmen_text_t  *t;

    t = &ctx->text;

    if (st->nsorts == 0) {
        return;
    }

    carmen_text_lit(t, "{\"name\":\"sort\",\"in\":\"query\",\"description\":"
                    "\"The order of the list; \\\"-\\\" is descending.\","
                    "\"schema\":{\"type\":\"string\",\"enum\":[");

    for (i = 0; i < st->nsorts; i++) {
        carmen_text_json(t, st->sorts[i].name.data, st->sorts[i].name.len);
        carmen_text_lit(t, ",");
    }

    carmen_text_uncomma(t);
    carmen_text_lit(t, "],\"default\":");
    carmen_text_json(t, st->sorts[0].name.data, st->sorts[0].name.len);
    carmen_text_lit(t, "}},");
}


static void
carmen_openapi_body(carmen_openapi_t *ctx, const carmen_route_t *route)
{
    ngx_uint_t              i, required;
    carmen_text_t          *t;
    const carmen_field_t   *f;

    static const struct {
        const char  *name;
        ngx_uint_t   patch;
        ngx_uint_t   form;
    } types[] = {
        { "application/json", 0, 0 },
        { "application/merge-patch+json", 1, 0 },
        { "application/x-www-form-urlencoded", 0, 1 }
    };

    t = &ctx->text;
    required = 0;

    for (f = route->body; f->name; f++) {
        required |= (f->flags & CARMEN_REQUIRED);
    }

    carmen_text_format(t, "\"requestBody\":{\"required\":%s,\"content\":{",
                       required ? "true" : "false");

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {

        if ((types[i].patch && route->method != CARMEN_PATCH)
            || (types[i].form && !(route->flags & CARMEN_FORM)))
        {
            continue;
        }

        carmen_text_format(t, "\"%s\":{\"schema\":", types[i].name);
        carmen_openapi_object(ctx, route->body, CARMEN_SCHEMA_BODY, NULL);
        carmen_text_lit(t, "},");
    }

    carmen_text_uncomma(t);
    carmen_text_lit(t, "}},");
}


static void
carmen_openapi_success(carmen_openapi_t *ctx, const carmen_endpoint_t *e)
{
    ngx_uint_t             status;
    carmen_text_t         *t;
    const carmen_route_t  *route;

    t = &ctx->text;
    route = e->route;

    status = route->status;

    if (status == 0) {
        status = (route->flags & CARMEN_CREATES) ? 201 : 200;
    }

    carmen_text_format(t, "\"%ui\":{\"description\":\"%s\",\"headers\":{",
                       status, status == 201 ? "Created."
                               : status == 202 ? "Accepted."
                               : status == 204 ? "Done." : "The answer.");

    if (status != 204) {
        carmen_text_lit(t, "\"ETag\":"
                        "{\"$ref\":\"#/components/headers/ETag\"},");
    }

    if (route->flags & CARMEN_CREATES) {
        carmen_text_lit(t, "\"Location\":"
                        "{\"$ref\":\"#/components/headers/Location\"},");
    }

    if (carmen_openapi_list(route)) {
        carmen_text_lit(t, "\"Link\":"
                        "{\"$ref\":\"#/components/headers/Link\"},");
    }

    carmen_text_uncomma(t);
    carmen_text_lit(t, "}");

    if (status != 204) {
        carmen_text_lit(t, ",\"content\":{\"application/json\":{\"schema\":");
        carmen_openapi_content(ctx, e);
        carmen_text_lit(t, "}}");
    }

    carmen_text_lit(t, "},");

    if (route->method == CARMEN_GET) {
        carmen_text_lit(t, "\"304\":"
                        "{\"$ref\":\"#/components/responses/NotModified\"},");
    }
}


static void
carmen_openapi_content(carmen_openapi_t *ctx, const carmen_endpoint_t *e)
{
    carmen_text_t          *t;
    const carmen_entity_t  *entity;

    t = &ctx->text;
    entity = e->entity;

    if (!carmen_openapi_list(e->route)) {
        carmen_text_lit(t, "{");

        if (entity) {
            carmen_openapi_ref(ctx, entity);
        }

        carmen_text_lit(t, "}");
        return;
    }

    carmen_text_lit(t, "{\"type\":\"object\",\"properties\":{"
                    "\"items\":{\"type\":\"array\",\"items\":{");

    if (entity) {
        carmen_openapi_ref(ctx, entity);
    }

    carmen_text_lit(t, "}},"
        "\"next\":{\"type\":[\"string\",\"null\"],"
        "\"description\":\"The cursor of the next page.\"},"
        "\"prev\":{\"type\":[\"string\",\"null\"],"
        "\"description\":\"The cursor of the page before.\"}},"
        "\"required\":[\"items\",\"next\",\"prev\"]}");
}
