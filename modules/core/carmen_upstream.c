
/* The directive carmen_postgres: an upstream{} becomes a pool. */

#include <carmen_core.h>
#include "carmen_core_module.h"
#include "carmen_health.h"
#include "carmen_metrics.h"


#define CARMEN_CONNS_MAX  64


static ngx_int_t carmen_upstream_init(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us);
static char *carmen_upstream_conninfo(ngx_conf_t *cf, carmen_pg_pool_t *pool,
    ngx_str_t *value);
static char *carmen_upstream_parameter(ngx_conf_t *cf, carmen_pg_pool_t *pool,
    ngx_str_t *value);
static ngx_int_t carmen_upstream_listen(ngx_conf_t *cf,
    carmen_main_conf_t *cmcf);
static void carmen_upstream_health(carmen_health_t *health, void *data);


static const char *const  carmen_lane_names[CARMEN_LANES] = {
    "fast", "write", "lease", "listen"
};


char *
carmen_upstream_postgres(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    carmen_srv_conf_t  *cscf = conf;

    char                          *rv;
    ngx_str_t                     *value;
    ngx_uint_t                     i;
    carmen_pg_pool_t              *pool, **slot;
    carmen_main_conf_t            *cmcf;
    ngx_http_upstream_srv_conf_t  *uscf;

    if (cscf->pool) {
        return "is duplicate";
    }

    uscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_upstream_module);

    if (uscf->peer.init_upstream) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"carmen_postgres\" keeps its own connections: "
                           "remove the other load balancing method");
        return NGX_CONF_ERROR;
    }

    uscf->peer.init_upstream = carmen_upstream_init;

    uscf->flags = NGX_HTTP_UPSTREAM_CREATE
                  |NGX_HTTP_UPSTREAM_MAX_CONNS
                  |NGX_HTTP_UPSTREAM_WEIGHT
                  |NGX_HTTP_UPSTREAM_MAX_FAILS
                  |NGX_HTTP_UPSTREAM_FAIL_TIMEOUT
                  |NGX_HTTP_UPSTREAM_DOWN
                  |NGX_HTTP_UPSTREAM_BACKUP;

    pool = ngx_pcalloc(cf->pool, sizeof(carmen_pg_pool_t));
    if (pool == NULL) {
        return NGX_CONF_ERROR;
    }

    pool->upstream = uscf;
    pool->name = uscf->host;
    pool->size[CARMEN_LANE_FAST] = 2;
    pool->size[CARMEN_LANE_WRITE] = 8;
    pool->size[CARMEN_LANE_LEASE] = 1;
    pool->timeout[CARMEN_LANE_FAST] = 5000;
    pool->timeout[CARMEN_LANE_WRITE] = 10000;
    pool->timeout[CARMEN_LANE_LEASE] = 300000;
    pool->timeout[CARMEN_LANE_LISTEN] = 3000;
    pool->lock_timeout = 3000;
    pool->connect_timeout = 3000;
    pool->queue = 1024;
    pool->queue_timeout = 5000;

    value = cf->args->elts;

    rv = carmen_upstream_conninfo(cf, pool, &value[1]);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        rv = carmen_upstream_parameter(cf, pool, &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_carmen_core_module);

    slot = ngx_array_push(&cmcf->pools);
    if (slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = pool;
    cscf->pool = pool;

    return NGX_CONF_OK;
}


/* libpq reads the string itself, so a mistake in it is found now */

static char *
carmen_upstream_conninfo(ngx_conf_t *cf, carmen_pg_pool_t *pool,
    ngx_str_t *value)
{
    char              *error;
    PQconninfoOption  *options, *o;

    error = NULL;
    options = PQconninfoParse((char *) value->data, &error);

    if (options == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid connection string: %s; it looks like "
                           "\"dbname=carmen user=carmen_app "
                           "passfile=/etc/carmen/pgpass\"",
                           error ? error : "no memory");
        PQfreemem(error);
        return NGX_CONF_ERROR;
    }

    for (o = options; o->keyword; o++) {

        if (o->val == NULL) {
            continue;
        }

        if (ngx_strcmp(o->keyword, "host") == 0
            || ngx_strcmp(o->keyword, "hostaddr") == 0
            || ngx_strcmp(o->keyword, "port") == 0
            || ngx_strcmp(o->keyword, "options") == 0)
        {
            if (ngx_strcmp(o->keyword, "host") == 0 && o->val[0] != '/'
                && ngx_strchr(o->val, ',') == NULL)
            {
                /* the name that a certificate is checked against */
                continue;
            }

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%s\" in the connection string: addresses "
                               "come from \"server\" lines and settings from "
                               "the parameters of this directive",
                               o->keyword);
            PQconninfoFree(options);
            return NGX_CONF_ERROR;
        }
    }

    PQconninfoFree(options);

    pool->conninfo = *value;

    return NGX_CONF_OK;
}


static char *
carmen_upstream_parameter(ngx_conf_t *cf, carmen_pg_pool_t *pool,
    ngx_str_t *value)
{
    u_char      *p;
    ngx_int_t    n;
    ngx_str_t    s;
    ngx_uint_t   i;

    static const struct {
        ngx_str_t  name;
        size_t     offset;
        ngx_int_t  min;
        ngx_int_t  max;
        unsigned   msec;
    } parameters[] = {

        { ngx_string("fast"),
          offsetof(carmen_pg_pool_t, size[CARMEN_LANE_FAST]),
          1, CARMEN_CONNS_MAX, 0 },

        { ngx_string("write"),
          offsetof(carmen_pg_pool_t, size[CARMEN_LANE_WRITE]),
          1, CARMEN_CONNS_MAX, 0 },

        { ngx_string("lease"),
          offsetof(carmen_pg_pool_t, size[CARMEN_LANE_LEASE]),
          1, CARMEN_CONNS_MAX, 0 },

        { ngx_string("queue"),
          offsetof(carmen_pg_pool_t, queue), 1, 1000000, 0 },

        { ngx_string("queue_timeout"),
          offsetof(carmen_pg_pool_t, queue_timeout), 1, 3600000, 1 },

        { ngx_string("connect_timeout"),
          offsetof(carmen_pg_pool_t, connect_timeout), 1, 3600000, 1 },

        { ngx_string("fast_timeout"),
          offsetof(carmen_pg_pool_t, timeout[CARMEN_LANE_FAST]),
          1, 3600000, 1 },

        { ngx_string("write_timeout"),
          offsetof(carmen_pg_pool_t, timeout[CARMEN_LANE_WRITE]),
          1, 3600000, 1 },

        { ngx_string("lease_timeout"),
          offsetof(carmen_pg_pool_t, timeout[CARMEN_LANE_LEASE]),
          1, 86400000, 1 },

        { ngx_string("lock_timeout"),
          offsetof(carmen_pg_pool_t, lock_timeout), 1, 3600000, 1 },
    };

    p = ngx_strlchr(value->data, value->data + value->len, '=');

    for (i = 0; p && i < sizeof(parameters) / sizeof(parameters[0]); i++) {

        if (parameters[i].name.len != (size_t) (p - value->data)
            || ngx_strncmp(parameters[i].name.data, value->data,
                           parameters[i].name.len) != 0)
        {
            continue;
        }

        s.data = p + 1;
        s.len = value->data + value->len - s.data;

        n = parameters[i].msec ? ngx_parse_time(&s, 0)
                               : ngx_atoi(s.data, s.len);

        if (n < parameters[i].min || n > parameters[i].max) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\": the value must be %s from %i to %i",
                               value, parameters[i].msec
                               ? "a time in milliseconds" : "a number",
                               parameters[i].min, parameters[i].max);
            return NGX_CONF_ERROR;
        }

        *(ngx_uint_t *) ((u_char *) pool + parameters[i].offset) = n;

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\": one of fast=, write=, "
                       "lease=, queue=, queue_timeout=, connect_timeout=, "
                       "fast_timeout=, write_timeout=, lease_timeout=, "
                       "lock_timeout=", value);

    return NGX_CONF_ERROR;
}


static ngx_int_t
carmen_upstream_init(ngx_conf_t *cf, ngx_http_upstream_srv_conf_t *us)
{
    return ngx_http_upstream_init_round_robin(cf, us);
}


ngx_int_t
carmen_upstream_finish(ngx_conf_t *cf, carmen_main_conf_t *cmcf)
{
    ngx_uint_t            i, j, n;
    carmen_domain_t     **domain;
    carmen_pg_pool_t    **pool;
    carmen_registry_t    *reg;
    carmen_loc_conf_t   **conf;
    carmen_statement_t *const  *st;

    reg = cmcf->registry;
    pool = cmcf->pools.elts;
    conf = cmcf->locations.elts;

    for (i = 0; i < cmcf->pools.nelts; i++) {

        pool[i]->statements = reg->statements.elts;
        pool[i]->nstatements = reg->statements.nelts;
        pool[i]->nvariants = reg->nvariants;

        pool[i]->wanted = ngx_pcalloc(cf->pool, sizeof(uint64_t)
                                * carmen_bit_words(reg->statements.nelts + 1));
        if (pool[i]->wanted == NULL) {
            return NGX_ERROR;
        }

        for (n = 0; n < CARMEN_LANES; n++) {
            if (carmen_metrics_lane(cf, &pool[i]->name, carmen_lane_names[n],
                                    &pool[i]->metrics[n])
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }

        if (carmen_health_register(cf, &pool[i]->name, "datastore",
                                   carmen_upstream_health, pool[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    /* each pool prepares what the locations that use it can ask for */

    for (i = 0; i < cmcf->locations.nelts; i++) {
        domain = conf[i]->domains->elts;

        for (j = 0; j < conf[i]->domains->nelts; j++) {
            for (st = domain[j]->statements; st && *st; st++) {
                carmen_bit_set(conf[i]->pool->wanted, (*st)->index);
            }
        }
    }

    return carmen_upstream_listen(cf, cmcf);
}


/* each database of a domain listens to the channels of that domain, once */

static ngx_int_t
carmen_upstream_listen(ngx_conf_t *cf, carmen_main_conf_t *cmcf)
{
    ngx_uint_t           i, j, n, k;
    carmen_domain_t    **domain;
    carmen_channel_t    *channel;
    carmen_listener_t   *l;
    carmen_loc_conf_t  **conf;

    l = cmcf->listeners.elts;
    conf = cmcf->locations.elts;

    for (i = 0; i < cmcf->listeners.nelts; i++) {
        for (j = 0; j < cmcf->locations.nelts; j++) {
            domain = conf[j]->domains->elts;

            for (n = 0; n < conf[j]->domains->nelts; n++) {

                if (domain[n] != l[i].domain) {
                    continue;
                }

                channel = conf[j]->pool->channels.elts;

                for (k = 0; k < conf[j]->pool->channels.nelts; k++) {
                    if (channel[k].channel == l[i].channel.channel
                        && channel[k].data == l[i].channel.data)
                    {
                        break;
                    }
                }

                if (k == conf[j]->pool->channels.nelts
                    && carmen_pg_listen(cf, conf[j]->pool, &l[i].channel)
                       != NGX_OK)
                {
                    return NGX_ERROR;
                }
            }
        }
    }

    return NGX_OK;
}


static void
carmen_upstream_health(carmen_health_t *health, void *data)
{
    carmen_pg_pool_t  *pool = data;

    ngx_uint_t              i, n, up;
    carmen_pg_lane_t       *lane;
    carmen_health_entry_t   entry;

    if (pool->lanes == NULL) {
        return;
    }

    for (n = 0; n < CARMEN_LANES; n++) {
        lane = &pool->lanes[n];
        up = 0;

        if (lane->nconns == 0) {
            continue;
        }

        for (i = 0; i < lane->nconns; i++) {
            if (lane->conns[i].state == CARMEN_PG_READY) {
                up++;
            }
        }

        ngx_memzero(&entry, sizeof(carmen_health_entry_t));

        entry.measurement = "connections";
        entry.component.data = (u_char *) carmen_lane_names[n];
        entry.component.len = ngx_strlen(carmen_lane_names[n]);
        entry.value = up;
        entry.unit = "connections";
        entry.status = up == lane->nconns ? CARMEN_HEALTH_PASS
                       : up ? CARMEN_HEALTH_WARN : CARMEN_HEALTH_FAIL;

        if (up == 0) {
            ngx_str_set(&entry.output, "no connection to the database");

        } else if (up < lane->nconns) {
            ngx_str_set(&entry.output, "some connections are down");
        }

        carmen_health_report(health, &entry);
    }

    for (i = 0; i < pool->nstatements; i++) {

        if (!carmen_bit_get(pool->unfit, i)) {
            continue;
        }

        ngx_memzero(&entry, sizeof(carmen_health_entry_t));

        entry.measurement = "statements";
        entry.component = pool->statements[i]->name;
        entry.status = CARMEN_HEALTH_FAIL;
        ngx_str_set(&entry.output, "the schema does not fit this statement");

        carmen_health_report(health, &entry);
    }
}
