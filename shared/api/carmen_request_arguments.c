
/* The query string: validated, and for lists limit, sort and cursor. */

#include <carmen_core.h>
#include "carmen_context.h"


#define CARMEN_LIMIT_DEFAULT  20


static ngx_int_t carmen_request_paging(carmen_request_t *cr,
    const carmen_statement_t *st, ngx_str_t *cursor);


ngx_int_t
carmen_request_arguments(carmen_request_t *cr)
{
    ngx_int_t                   rc;
    ngx_str_t                   cursor;
    ngx_uint_t                  i, list;
    carmen_param_t             *param;
    ngx_http_request_t         *r;
    const carmen_field_t       *fields;
    carmen_validation_t         v;
    const carmen_statement_t   *st;

    r = cr->http;
    fields = cr->endpoint->query;
    st = cr->endpoint->route->statement;
    list = (st && st->kind == CARMEN_KIND_LIST);

    cr->limit = CARMEN_LIMIT_DEFAULT;

    if (r->args.len == 0 && !cr->endpoint->query_required) {
        return NGX_OK;
    }

    if (ngx_array_init(&cr->query, r->pool, 4, sizeof(carmen_param_t))
        != NGX_OK)
    {
        carmen_request_finish(cr, NGX_ERROR);
        return NGX_ERROR;
    }

    ngx_memzero(&v, sizeof(carmen_validation_t));
    v.pool = r->pool;
    v.holds = carmen_request_holds;
    v.data = cr;
    v.open = (cr->endpoint->route->flags & CARMEN_OPEN) != 0;

    rc = carmen_validate_query(&v, &r->args, fields, &cr->query);

    if (rc == NGX_ERROR) {
        carmen_request_finish(cr, NGX_ERROR);
        return NGX_ERROR;
    }

    if (rc != NGX_OK) {
        carmen_refuse_validation(cr, &v);
        return NGX_DECLINED;
    }

    if (!list) {
        return NGX_OK;
    }

    ngx_str_null(&cursor);
    param = cr->query.elts;

    for (i = 0; i < cr->query.nelts; i++) {

        if (ngx_strcmp(param[i].name.data, "limit") == 0) {
            cr->limit = ngx_atoi(param[i].value.data, param[i].value.len);

        } else if (ngx_strcmp(param[i].name.data, "cursor") == 0) {
            cursor = param[i].value;

        } else if (ngx_strcmp(param[i].name.data, "sort") == 0) {

            while (cr->sort < st->nsorts
                   && (st->sorts[cr->sort].name.len != param[i].value.len
                       || ngx_memcmp(st->sorts[cr->sort].name.data,
                                     param[i].value.data,
                                     param[i].value.len) != 0))
            {
                cr->sort++;
            }

            if (cr->sort == st->nsorts) {
                cr->sort = 0;
            }
        }
    }

    return carmen_request_paging(cr, st, &cursor);
}


static ngx_int_t
carmen_request_paging(carmen_request_t *cr, const carmen_statement_t *st,
    ngx_str_t *cursor)
{
    ngx_int_t            rc;
    ngx_str_t            context;
    carmen_main_conf_t  *cmcf;

    if (cursor->data == NULL) {
        return NGX_OK;
    }

    cmcf = ngx_http_get_module_main_conf(cr->http,
                                         ngx_http_carmen_core_module);

    context = carmen_cursor_context(cr);

    if (context.data == NULL) {
        carmen_request_finish(cr, NGX_ERROR);
        return NGX_ERROR;
    }

    rc = carmen_cursor_decode(cr->http->pool, cmcf->secret, &context, cursor,
                              &cr->cursor);
    if (rc == NGX_ERROR) {
        carmen_request_finish(cr, NGX_ERROR);
        return NGX_ERROR;
    }

    if (rc != NGX_OK || cr->cursor.sort != cr->sort
        || cr->cursor.nkeys != st->sorts[cr->sort].nkeys)
    {
        carmen_problem_reply(cr, "invalid-cursor", NULL, NULL);
        return NGX_DECLINED;
    }

    cr->has_cursor = 1;

    return NGX_OK;
}
