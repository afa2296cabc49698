
/* Statements without a request, and channels. */

#include <carmen_core.h>
#include "carmen_context.h"


typedef struct {
    carmen_background_pt      done;
    void                     *data;
    const char              **values;
    u_char                    texts[];
} carmen_background_t;


static void carmen_background_done(carmen_op_t *op);
static const ngx_str_t *carmen_background_value(const carmen_pair_t *values,
    const ngx_str_t *name);


static ngx_str_t  carmen_background_null = ngx_null_string;


ngx_int_t
carmen_background(carmen_database_t *db, const carmen_statement_t *st,
    ngx_str_t *tenant, const carmen_pair_t *values,
    carmen_background_pt done, void *data)
{
    size_t                    len;
    u_char                   *p;
    ngx_uint_t                i;
    carmen_op_t              *op;
    const ngx_str_t          *value;
    carmen_background_t      *bg;
    const carmen_variant_t   *text;

    text = &st->variants[0];

    len = sizeof(carmen_background_t) + (text->nargs + 1) * sizeof(char *)
          + (tenant ? tenant->len + 1 : 1);

    for (i = 0; i < text->nargs; i++) {

        if (text->args[i].source == CARMEN_ARG_TENANT) {
            continue;
        }

        value = carmen_background_value(values, &text->args[i].name);

        if (text->args[i].source != CARMEN_ARG_VALUE || value == NULL) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "carmen: statement \"%V\" was given no value \"%V\"",
                          &st->name, &text->args[i].name);
            return NGX_ERROR;
        }

        len += value->len + 1;
    }

    bg = ngx_alloc(len, ngx_cycle->log);
    if (bg == NULL) {
        return NGX_ERROR;
    }

    op = carmen_op_get(db);
    if (op == NULL) {
        ngx_free(bg);
        return NGX_ERROR;
    }

    bg->done = done;
    bg->data = data;
    bg->values = (const char **) bg->texts;

    p = bg->texts + (text->nargs + 1) * sizeof(char *);

    op->lane = &db->lanes[st->lane];
    op->statement = st;
    op->values = bg->values;
    op->done = carmen_background_done;
    op->data = bg;
    op->retry = (st->lane == CARMEN_LANE_FAST);

    op->tenant.data = p;
    op->tenant.len = tenant ? tenant->len : 0;

    if (tenant) {
        p = ngx_cpymem(p, tenant->data, tenant->len);
    }

    *p++ = '\0';

    for (i = 0; i < text->nargs; i++) {

        if (text->args[i].source == CARMEN_ARG_TENANT) {
            bg->values[i] = (char *) op->tenant.data;
            continue;
        }

        value = carmen_background_value(values, &text->args[i].name);

        if (value->data == NULL) {
            bg->values[i] = NULL;
            continue;
        }

        bg->values[i] = (char *) p;
        p = ngx_cpymem(p, value->data, value->len);
        *p++ = '\0';
    }

    if (carmen_pg_submit(op) != NGX_OK) {
        ngx_free(bg);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static const ngx_str_t *
carmen_background_value(const carmen_pair_t *values, const ngx_str_t *name)
{
    const carmen_pair_t  *v;

    for (v = values; v && v->name; v++) {
        if (ngx_strcmp(v->name, name->data) == 0) {
            return v->value.data ? &v->value : &carmen_background_null;
        }
    }

    return NULL;
}


static void
carmen_background_done(carmen_op_t *op)
{
    carmen_result_t       result;
    carmen_background_t  *bg;

    bg = op->data;
    result.pg = op->result;

    if (bg->done) {
        bg->done(op->failure == CARMEN_OP_OK ? &result : NULL, bg->data);
    }

    ngx_free(bg);
}


ngx_int_t
carmen_listen(ngx_conf_t *cf, carmen_domain_t *domain, const char *channel,
    carmen_heard_pt heard, carmen_hearing_pt hearing, void *data)
{
    carmen_listener_t   *l;
    carmen_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_carmen_core_module);

    if (cmcf->listeners.elts == NULL
        && ngx_array_init(&cmcf->listeners, cf->pool, 4,
                          sizeof(carmen_listener_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    l = ngx_array_push(&cmcf->listeners);
    if (l == NULL) {
        return NGX_ERROR;
    }

    l->domain = domain;
    l->channel.channel = channel;
    l->channel.notify = heard;
    l->channel.ready = hearing;
    l->channel.data = data;

    return NGX_OK;
}


ngx_msec_t
carmen_listen_silence(carmen_database_t *db)
{
    return carmen_pg_silence(db);
}


carmen_database_t *
carmen_request_database(ngx_http_request_t *r)
{
    carmen_loc_conf_t  *conf;

    conf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_core_module);

    return conf->pool;
}
