
/*
 * OpenAPI 3.1: the problems of an operation follow from its row, as
 * carmen_route.h says; answers with the same problems are one component.
 */

#include <carmen_core.h>
#include "carmen_text.h"
#include "carmen_openapi_schema.h"


static void carmen_openapi_imply(carmen_openapi_t *ctx,
    const carmen_endpoint_t *e, carmen_openapi_problems_t *problems);
static void carmen_openapi_problem(carmen_openapi_t *ctx,
    carmen_openapi_problems_t *problems, const char *name);
static ngx_str_t *carmen_openapi_answer(carmen_openapi_t *ctx,
    carmen_openapi_problems_t *all, ngx_uint_t status);


void
carmen_openapi_refusals(carmen_openapi_t *ctx, const carmen_endpoint_t *e)
{
    ngx_str_t                  *name;
    ngx_uint_t                  status;
    carmen_openapi_problems_t   problems;

    problems.n = 0;
    carmen_openapi_imply(ctx, e, &problems);

    for (status = 400; status < 600; status++) {

        name = carmen_openapi_answer(ctx, &problems, status);

        if (name) {
            carmen_text_format(&ctx->text, "\"%ui\":{\"$ref\":"
                               "\"#/components/responses/", status);
            carmen_text_str(&ctx->text, name);
            carmen_text_lit(&ctx->text, "\"},");
        }
    }
}


static void
carmen_openapi_imply(carmen_openapi_t *ctx, const carmen_endpoint_t *e,
    carmen_openapi_problems_t *problems)
{
    ngx_uint_t             i;
    const carmen_route_t  *route;

    route = e->route;

#define implies(condition, name)                                              \
    if (condition) {                                                          \
        carmen_openapi_problem(ctx, problems, name);                          \
    }

    implies(1, "bad-request");
    implies(1, "invalid-parameter");
    implies(carmen_openapi_list(route), "invalid-cursor");
    implies(route->body, "invalid-json");
    implies(route->flags & CARMEN_CREATES, "idempotency-key-required");
    implies(route->flags & (CARMEN_CREATES|CARMEN_KEYED),
            "idempotency-key-invalid");

    implies(!(route->flags & CARMEN_PUBLIC), "unauthorized");
    implies(1, "invalid-token");

    implies(route->scope || carmen_openapi_trusted(route->body)
            || carmen_openapi_trusted(route->query), "insufficient-scope");

    implies(ngx_strchr(route->path, '{')
            || (route->flags & (CARMEN_VERSIONED|CARMEN_MATCHES))
            || (route->statement
                && route->statement->kind == CARMEN_KIND_READ), "not-found");

    implies(1, "not-acceptable");

    implies(route->flags & (CARMEN_CREATES|CARMEN_KEYED),
            "idempotency-in-flight");

    implies(route->flags & (CARMEN_VERSIONED|CARMEN_MATCHES),
            "precondition-failed");
    implies(route->flags & CARMEN_VERSIONED, "precondition-required");

    implies(route->body, "content-too-large");
    implies(route->body, "unsupported-media-type");
    implies(route->body, "validation-failed");

    implies(route->flags & (CARMEN_CREATES|CARMEN_KEYED),
            "idempotency-mismatch");

    implies(1, "too-many-requests");
    implies(1, "internal-error");
    implies(1, "database-unavailable");
    implies(1, "overloaded");
    implies(1, "timeout");

#undef implies

    for (i = 0; route->problems && route->problems[i]; i++) {
        carmen_openapi_problem(ctx, problems, route->problems[i]);
    }
}


/* a problem of the core, of the domain, or of another one that is loaded */

static void
carmen_openapi_problem(carmen_openapi_t *ctx,
    carmen_openapi_problems_t *problems, const char *name)
{
    ngx_str_t                s;
    ngx_uint_t               i;
    const carmen_problem_t  *p;

    s.data = (u_char *) name;
    s.len = ngx_strlen(name);

    p = carmen_problem_find(&s);

    if (p == NULL || problems->n == CARMEN_OPENAPI_PROBLEMS) {
        ngx_log_error(NGX_LOG_EMERG, ctx->log, 0,
                      p ? "carmen: too many problems in a route: \"%s\" of %s"
                        : "carmen: no table has the problem \"%s\" of %s",
                      name, ctx->where);
        ctx->failed = 1;
        return;
    }

    for (i = 0; i < problems->n; i++) {
        if (problems->list[i] == p) {
            return;
        }
    }

    problems->list[problems->n++] = p;
}


static ngx_str_t *
carmen_openapi_answer(carmen_openapi_t *ctx,
    carmen_openapi_problems_t *all, ngx_uint_t status)
{
    u_char                   *p;
    size_t                    len;
    ngx_str_t                 name;
    ngx_uint_t                i;
    carmen_openapi_answer_t  *a;
    carmen_openapi_problems_t some;

    some.n = 0;
    len = 0;

    for (i = 0; i < all->n; i++) {
        if (all->list[i]->status == status) {
            some.list[some.n++] = all->list[i];
            len += ngx_strlen(all->list[i]->name) + 1;
        }
    }

    if (some.n == 0) {
        return NULL;
    }

    name.data = ngx_pnalloc(ctx->pool, len);
    if (name.data == NULL) {
        ctx->failed = 1;
        return NULL;
    }

    p = name.data;

    for (i = 0; i < some.n; i++) {
        if (i) {
            *p++ = '.';
        }

        p = ngx_cpymem(p, some.list[i]->name,
                       ngx_strlen(some.list[i]->name));
    }

    name.len = p - name.data;

    a = ctx->answers.elts;

    for (i = 0; i < ctx->answers.nelts; i++) {
        if (a[i].name.len == name.len
            && ngx_memcmp(a[i].name.data, name.data, name.len) == 0)
        {
            return &a[i].name;
        }
    }

    a = ngx_array_push(&ctx->answers);
    if (a == NULL) {
        ctx->failed = 1;
        return NULL;
    }

    a->name = name;
    a->status = status;
    a->problems = some;

    return &a->name;
}


void
carmen_openapi_responses(carmen_openapi_t *ctx)
{
    ngx_uint_t                i, n;
    const char               *header;
    carmen_text_t            *t;
    carmen_openapi_answer_t  *a;

    t = &ctx->text;
    a = ctx->answers.elts;

    carmen_text_lit(t, "\"responses\":{"
        "\"NotModified\":{\"description\":\"The client has it.\","
        "\"headers\":{\"ETag\":{\"$ref\":\"#/components/headers/ETag\"}}},"
        "\"Problem\":{\"description\":\"Another problem.\",\"content\":{"
        "\"application/problem+json\":{\"schema\":"
        "{\"$ref\":\"#/components/schemas/Problem\"}}}},");

    for (i = 0; i < ctx->answers.nelts; i++) {

        carmen_text_lit(t, "\"");
        carmen_text_str(t, &a[i].name);
        carmen_text_lit(t, "\":{\"description\":\"");

        for (n = 0; n < a[i].problems.n; n++) {
            if (n) {
                carmen_text_lit(t, "; ");
            }

            carmen_text_escape(t, a[i].problems.list[n]->title,
                               ngx_strlen(a[i].problems.list[n]->title));
        }

        carmen_text_lit(t, ".\",");

        header = (a[i].status == 401) ? "WWW-Authenticate"
                 : (a[i].status == 429 || a[i].status == 503) ? "Retry-After"
                 : NULL;

        if (header) {
            carmen_text_format(t, "\"headers\":{\"%s\":{\"$ref\":"
                               "\"#/components/headers/%s\"}},",
                               header, header);
        }

        carmen_text_lit(t, "\"content\":{\"application/problem+json\":"
                        "{\"schema\":{\"$ref\":"
                        "\"#/components/schemas/Problem\",\"properties\":"
                        "{\"type\":{\"enum\":[");

        for (n = 0; n < a[i].problems.n; n++) {
            carmen_text_lit(t, "\"");
            carmen_text_str(t, &ctx->problems);
            carmen_text_cstr(t, a[i].problems.list[n]->name);
            carmen_text_lit(t, "\",");
        }

        carmen_text_uncomma(t);
        carmen_text_format(t, "]},\"status\":{\"const\":%ui}}}}}},",
                           a[i].status);
    }

    carmen_text_uncomma(t);
    carmen_text_lit(t, "},");
}
