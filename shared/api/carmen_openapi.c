
/* OpenAPI 3.1: the document, its paths and components. */

#include <carmen_core.h>
#include <jansson.h>
#include <ngx_md5.h>
#include "carmen_openapi.h"
#include "carmen_text.h"
#include "carmen_openapi_schema.h"


static void carmen_openapi_info(carmen_openapi_t *ctx,
    carmen_openapi_info_t *info);
static void carmen_openapi_tags(carmen_openapi_t *ctx);
static void carmen_openapi_paths(carmen_openapi_t *ctx);
static ngx_str_t carmen_openapi_path(carmen_openapi_t *ctx,
    const carmen_endpoint_t *e);
static void carmen_openapi_components(carmen_openapi_t *ctx);
static ngx_int_t carmen_openapi_finish(carmen_openapi_t *ctx,
    ngx_pool_t *pool, ngx_str_t *json, ngx_str_t *etag);


ngx_int_t
carmen_openapi_build(ngx_pool_t *pool, carmen_registry_t *reg,
    carmen_openapi_info_t *info, ngx_str_t *json, ngx_str_t *etag)
{
    ngx_int_t         rc;
    ngx_pool_t       *temp;
    carmen_openapi_t  ctx;

    temp = ngx_create_pool(16384, pool->log);
    if (temp == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&ctx, sizeof(carmen_openapi_t));

    ctx.pool = temp;
    ctx.log = pool->log;
    ctx.reg = reg;
    ctx.endpoints = info->endpoints ? info->endpoints : &reg->endpoints;
    ctx.problems = info->problems;
    ctx.where = "a route";

    if (ctx.problems.len == 0) {
        ngx_str_set(&ctx.problems, "/problems/");
    }

    carmen_text_init(&ctx.text, temp, 65536);

    if (ngx_array_init(&ctx.answers, temp, 32,
                       sizeof(carmen_openapi_answer_t))
        != NGX_OK)
    {
        ngx_destroy_pool(temp);
        return NGX_ERROR;
    }

    carmen_text_lit(&ctx.text, "{\"openapi\":\"3.1.0\",");
    carmen_openapi_info(&ctx, info);
    carmen_openapi_tags(&ctx);
    carmen_openapi_paths(&ctx);
    carmen_openapi_components(&ctx);
    carmen_text_lit(&ctx.text, "}");

    rc = carmen_openapi_finish(&ctx, pool, json, etag);

    ngx_destroy_pool(temp);

    return rc;
}


static void
carmen_openapi_info(carmen_openapi_t *ctx, carmen_openapi_info_t *info)
{
    carmen_text_t  *t;

    t = &ctx->text;

    carmen_text_lit(t, "\"info\":{\"title\":");

    if (info->title.len) {
        carmen_text_json(t, info->title.data, info->title.len);
    } else {
        carmen_text_lit(t, "\"Carmen\"");
    }

    carmen_text_lit(t, ",\"version\":");

    if (info->version.len) {
        carmen_text_json(t, info->version.data, info->version.len);
    } else {
        carmen_text_lit(t, "\"1\"");
    }

    carmen_text_lit(t, "},\"jsonSchemaDialect\":"
                    "\"https://spec.openapis.org/oas/3.1/dialect/base\","
                    "\"servers\":[{\"url\":");

    if (info->prefix.len) {
        carmen_text_json(t, info->prefix.data, info->prefix.len);
    } else {
        carmen_text_lit(t, "\"/\"");
    }

    carmen_text_lit(t, "}],");
}


static void
carmen_openapi_tags(carmen_openapi_t *ctx)
{
    ngx_uint_t         i;
    carmen_text_t     *t;
    carmen_domain_t  **domains;

    t = &ctx->text;
    domains = ctx->reg->domains.elts;

    carmen_text_lit(t, "\"tags\":[");

    for (i = 0; i < ctx->reg->domains.nelts; i++) {

        if (!carmen_openapi_used(ctx, domains[i])) {
            continue;
        }

        carmen_text_lit(t, "{\"name\":");
        carmen_text_json(t, domains[i]->name.data, domains[i]->name.len);

        if (domains[i]->doc) {
            carmen_text_lit(t, ",\"description\":");
            carmen_text_jsonc(t, domains[i]->doc);
        }

        carmen_text_lit(t, "},");
    }

    carmen_text_uncomma(t);
    carmen_text_lit(t, "],");
}


static void
carmen_openapi_paths(carmen_openapi_t *ctx)
{
    ngx_str_t           *paths;
    ngx_uint_t           i, k, n;
    carmen_text_t       *t;
    carmen_endpoint_t  **e;

    t = &ctx->text;
    e = ctx->endpoints->elts;
    n = ctx->endpoints->nelts;

    paths = ngx_pcalloc(ctx->pool, (n + 1) * sizeof(ngx_str_t));
    if (paths == NULL) {
        ctx->failed = 1;
        return;
    }

    for (i = 0; i < n; i++) {
        paths[i] = carmen_openapi_path(ctx, e[i]);
    }

    carmen_text_lit(t, "\"paths\":{");

    for (i = 0; i < n; i++) {

        for (k = 0; k < i; k++) {
            if (paths[k].len == paths[i].len
                && ngx_memcmp(paths[k].data, paths[i].data, paths[i].len) == 0)
            {
                break;
            }
        }

        if (k < i) {
            continue;
        }

        carmen_text_json(t, paths[i].data, paths[i].len);
        carmen_text_lit(t, ":{");

        for (k = i; k < n; k++) {
            if (paths[k].len == paths[i].len
                && ngx_memcmp(paths[k].data, paths[i].data, paths[i].len) == 0)
            {
                ctx->where = (char *) paths[k].data;
                carmen_openapi_operation(ctx, e[k]);
                carmen_text_lit(t, ",");
            }
        }

        carmen_text_uncomma(t);
        carmen_text_lit(t, "},");
    }

    carmen_text_uncomma(t);
    carmen_text_lit(t, "},");
}


/* "/orders/{orderId:uuid}" without the types, ends with NUL */

static ngx_str_t
carmen_openapi_path(carmen_openapi_t *ctx, const carmen_endpoint_t *e)
{
    u_char      *d;
    ngx_str_t    path;
    const char  *p;

    ngx_str_null(&path);

    path.data = ngx_pnalloc(ctx->pool, ngx_strlen(e->route->path) + 1);
    if (path.data == NULL) {
        ctx->failed = 1;
        return path;
    }

    d = path.data;

    for (p = e->route->path; *p; p++) {

        if (*p == ':') {
            p += strcspn(p, "}");

            if (*p == '\0') {
                break;
            }
        }

        *d++ = *p;
    }

    *d = '\0';
    path.len = d - path.data;

    return path;
}


static void
carmen_openapi_components(carmen_openapi_t *ctx)
{
    carmen_text_t  *t;

    t = &ctx->text;

    carmen_text_lit(t, "\"components\":{\"schemas\":{");
    carmen_openapi_schemas(ctx);

    carmen_text_lit(t, "\"Problem\":{\"type\":\"object\","
        "\"description\":\"RFC 9457 problem details.\",\"properties\":{"
        "\"type\":{\"type\":\"string\",\"format\":\"uri-reference\"},"
        "\"title\":{\"type\":\"string\"},"
        "\"status\":{\"type\":\"integer\",\"minimum\":400,\"maximum\":599},"
        "\"detail\":{\"type\":\"string\"},"
        "\"instance\":{\"type\":\"string\","
        "\"description\":\"The id of the request.\"},"
        "\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
        "\"properties\":{\"pointer\":{\"type\":\"string\","
        "\"description\":\"RFC 6901, or \\\"?\\\" and a parameter's name.\"},"
        "\"code\":{\"type\":\"string\"},\"detail\":{\"type\":\"string\"}},"
        "\"required\":[\"pointer\",\"code\",\"detail\"]}}},"
        "\"required\":[\"type\",\"title\",\"status\"]}},");

    carmen_text_lit(t, "\"parameters\":{"
        "\"limit\":{\"name\":\"limit\",\"in\":\"query\","
        "\"description\":\"How many items a page has.\","
        "\"schema\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":200,"
        "\"default\":20}},"
        "\"cursor\":{\"name\":\"cursor\",\"in\":\"query\","
        "\"description\":\"Opaque: \\\"next\\\" or \\\"prev\\\" of an answer "
        "to the same list with the same filters and sort.\","
        "\"schema\":{\"type\":\"string\"}},"
        "\"Idempotency-Key\":{\"name\":\"Idempotency-Key\",\"in\":\"header\","
        "\"required\":true,"
        "\"description\":\"The same key and request get the same answer, and "
        "the effect once.\","
        "\"schema\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":257}},"
        "\"Idempotency-Key-optional\":{\"name\":\"Idempotency-Key\","
        "\"in\":\"header\","
        "\"description\":\"The same key and request get the same answer, and "
        "the effect once.\","
        "\"schema\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":257}},"
        "\"If-Match\":{\"name\":\"If-Match\",\"in\":\"header\","
        "\"required\":true,"
        "\"description\":\"The ETag of the version that is to be changed.\","
        "\"schema\":{\"type\":\"string\"},\"example\":\"\\\"3\\\"\"},"
        "\"If-Match-optional\":{\"name\":\"If-Match\",\"in\":\"header\","
        "\"description\":\"The ETag of the version that is to be changed.\","
        "\"schema\":{\"type\":\"string\"},\"example\":\"\\\"3\\\"\"},"
        "\"If-None-Match\":{\"name\":\"If-None-Match\",\"in\":\"header\","
        "\"description\":\"The ETag that the client has: 304 if it is "
        "current.\",\"schema\":{\"type\":\"string\"}}},");

    carmen_text_lit(t, "\"headers\":{"
        "\"ETag\":{\"description\":\"The version, quoted.\","
        "\"schema\":{\"type\":\"string\"}},"
        "\"Location\":{\"description\":\"The path of what was created.\","
        "\"schema\":{\"type\":\"string\",\"format\":\"uri-reference\"}},"
        "\"Link\":{\"description\":\"RFC 8288: rel next and prev.\","
        "\"schema\":{\"type\":\"string\"}},"
        "\"Retry-After\":{\"description\":\"Seconds to wait.\","
        "\"schema\":{\"type\":\"integer\"}},"
        "\"WWW-Authenticate\":{\"description\":\"RFC 6750 section 3.\","
        "\"schema\":{\"type\":\"string\"}}},");

    carmen_openapi_responses(ctx);

    carmen_text_lit(t, "\"securitySchemes\":{\"bearer\":{\"type\":\"http\","
        "\"scheme\":\"bearer\",\"bearerFormat\":\"JWT\","
        "\"description\":\"An RFC 9068 access token with the scopes that a "
        "route asks for.\"}}}");
}


static ngx_int_t
carmen_openapi_finish(carmen_openapi_t *ctx, ngx_pool_t *pool,
    ngx_str_t *json, ngx_str_t *etag)
{
    u_char          digest[16];
    size_t          len;
    json_t         *root;
    ngx_md5_t       md5;
    json_error_t    error;

    if (ctx->failed || ctx->text.failed) {
        return NGX_ERROR;
    }

    len = ctx->text.last - ctx->text.start;

    /* texts from many hands were put together: look once */

    root = json_loadb((char *) ctx->text.start, len, JSON_REJECT_DUPLICATES,
                      &error);
    if (root == NULL) {
        ngx_log_error(NGX_LOG_EMERG, ctx->log, 0,
                      "carmen: the OpenAPI document is not JSON: %s, at %d",
                      error.text, error.position);
        return NGX_ERROR;
    }

    json_decref(root);

    json->len = len;
    json->data = ngx_pnalloc(pool, len);

    etag->len = 2 + 32;
    etag->data = ngx_pnalloc(pool, etag->len);

    if (json->data == NULL || etag->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(json->data, ctx->text.start, len);

    ngx_md5_init(&md5);
    ngx_md5_update(&md5, json->data, len);
    ngx_md5_final(digest, &md5);

    etag->data[0] = '"';
    *ngx_hex_dump(etag->data + 1, digest, 16) = '"';

    return NGX_OK;
}


ngx_int_t
carmen_openapi_send(ngx_http_request_t *r, ngx_str_t *json, ngx_str_t *etag)
{
    ngx_int_t  rc;

    rc = carmen_page_method(r);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    return carmen_page_send(r, NGX_HTTP_OK, "application/json", json, etag,
                            "public, no-cache");
}
