
/* Counting, and the names of what is counted. */

#include <carmen_core.h>
#include "carmen_metrics.h"
#include "carmen_metrics_zone.h"


static carmen_metrics_t *carmen_metrics_conf(ngx_conf_t *cf);
static void carmen_metrics_forget(void *data);
static const char *carmen_metrics_name(const char *name, size_t *family);
static void carmen_metrics_use(void);


/* of the configuration being read */
static carmen_metrics_t  *carmen_metrics_new;

/* of the running one, and where this process counts */
static carmen_metrics_t  *carmen_metrics;
static ngx_atomic_t      *carmen_metrics_slot;
static ngx_atomic_t      *carmen_metrics_row;


#define CARMEN_METRICS_INDEX(code)  [code] = CARMEN_METRICS_##code,

static const u_char  carmen_metrics_code[600] = {
    CARMEN_METRICS_STATUSES(CARMEN_METRICS_INDEX)
};


static const uint32_t  carmen_metrics_limits[CARMEN_METRICS_BUCKETS - 1] = {
    500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
    1000000, 2500000, 5000000, 10000000
};


static carmen_metrics_t *
carmen_metrics_conf(ngx_conf_t *cf)
{
    carmen_metrics_t    *m;
    ngx_pool_cleanup_t  *cln;

    if (carmen_metrics_new) {
        return carmen_metrics_new;
    }

    m = ngx_pcalloc(cf->cycle->pool, sizeof(carmen_metrics_t));
    if (m == NULL) {
        return NULL;
    }

    if (ngx_array_init(&m->series, cf->cycle->pool, 32,
                       sizeof(carmen_metrics_series_t))
        != NGX_OK)
    {
        return NULL;
    }

    /* the configuration may be given up at any point */

    cln = ngx_pool_cleanup_add(cf->cycle->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = carmen_metrics_forget;
    cln->data = m;

    carmen_metrics_new = m;

    return m;
}


static void
carmen_metrics_forget(void *data)
{
    if (carmen_metrics_new == data) {
        carmen_metrics_new = NULL;
    }

    if (carmen_metrics == data) {
        carmen_metrics = NULL;
        carmen_metrics_slot = NULL;
        carmen_metrics_row = NULL;
    }
}


ngx_int_t
carmen_metric_register(ngx_conf_t *cf, const char *name, const char *help,
    carmen_metric_e type)
{
    size_t                    len, family;
    ngx_uint_t                i;
    const char               *error;
    carmen_metrics_t         *m;
    carmen_metrics_series_t  *s;

    m = carmen_metrics_conf(cf);
    if (m == NULL) {
        return NGX_ERROR;
    }

    error = carmen_metrics_name(name, &family);

    if (error == NULL && type == CARMEN_COUNTER
        && (family < 6 || ngx_strncmp(name + family - 6, "_total", 6) != 0))
    {
        error = "the name of a counter must end in \"_total\"";
    }

    if (error == NULL
        && ngx_strncmp(name, "carmen_http_request",
                       sizeof("carmen_http_request") - 1) == 0)
    {
        error = "the name is the core's own";
    }

    len = ngx_strlen(name);
    s = m->series.elts;

    for (i = 0; error == NULL && i < m->series.nelts; i++) {

        if (s[i].family != family
            || ngx_strncmp(s[i].key.data, name, family) != 0)
        {
            continue;
        }

        if (s[i].type != type) {
            error = "the name is a metric of the other type";

        } else if (s[i].key.len == len
                   && ngx_strncmp(s[i].key.data, name, len) == 0)
        {
            return i;
        }
    }

    if (error) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "carmen metric \"%s\": %s", name, error);
        return NGX_ERROR;
    }

    s = ngx_array_push(&m->series);
    if (s == NULL) {
        return NGX_ERROR;
    }

    s->key.len = len;
    s->key.data = (u_char *) name;
    s->family = family;
    s->help = help;
    s->type = type;
    s->ncells = 1;
    s->cell = 0;

    if (m->shm_zone) {
        carmen_metrics_zone_plan(cf, m);
    }

    return m->series.nelts - 1;
}


/* name, or name{label="value",...}; returns what is wrong with it */

static const char *
carmen_metrics_name(const char *name, size_t *family)
{
    const char         *p;
    static const char   word[] = "abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789:";

    p = name + strspn(name, word);
    *family = p - name;

    if (*family == 0 || (*name >= '0' && *name <= '9')) {
        return "not a metric name";
    }

    if (*p == '\0') {
        return NULL;
    }

    if (*p != '{') {
        return "not a metric name";
    }

    do {
        p++;

        if (strspn(p, word) == 0) {
            return "not a label name";
        }

        p += strspn(p, word);

        if (p[0] != '=' || p[1] != '"') {
            return "a label's value must be quoted";
        }

        for (p += 2; *p && *p != '"'; p++) {
            if (*p == '\n') {
                return "a line feed must be written as \"\\n\"";
            }

            if (*p == '\\' && *++p == '\0') {
                break;
            }
        }

        if (*p++ != '"') {
            return "a label's value does not end";
        }

    } while (*p == ',');

    return (p[0] == '}' && p[1] == '\0') ? NULL : "the labels do not end";
}


ngx_int_t
carmen_metrics_lane(ngx_conf_t *cf, ngx_str_t *upstream, const char *lane,
    carmen_lane_metrics_t *metrics)
{
    u_char      *name, *p;
    size_t       i;
    ngx_int_t    id;
    ngx_uint_t   n;

    static const struct {
        const char       *name;
        const char       *help;
        carmen_metric_e   type;
        size_t            offset;
    } table[] = {

        { "in_flight", "Operations sent to PostgreSQL and not yet answered.",
          CARMEN_GAUGE, offsetof(carmen_lane_metrics_t, in_flight) },

        { "queued", "Operations that wait for a connection.",
          CARMEN_GAUGE, offsetof(carmen_lane_metrics_t, queued) },

        { "connections", "Connections that are up.",
          CARMEN_GAUGE, offsetof(carmen_lane_metrics_t, connections) },

        { "statements_total", "Statements sent.",
          CARMEN_COUNTER, offsetof(carmen_lane_metrics_t, statements) },

        { "errors_total", "Statements that failed for another reason than a "
          "rule of the domain.",
          CARMEN_COUNTER, offsetof(carmen_lane_metrics_t, errors) },

        { "timeouts_total", "Operations that took longer than they may.",
          CARMEN_COUNTER, offsetof(carmen_lane_metrics_t, timeouts) },

        { "queue_rejections_total", "Operations refused by a full queue.",
          CARMEN_COUNTER, offsetof(carmen_lane_metrics_t, rejected) },

        { "reconnects_total", "Connections opened again.",
          CARMEN_COUNTER, offsetof(carmen_lane_metrics_t, reconnects) },
    };

    for (n = 0; n < sizeof(table) / sizeof(table[0]); n++) {

        name = ngx_pnalloc(cf->cycle->pool, 2 * upstream->len + 256);
        if (name == NULL) {
            return NGX_ERROR;
        }

        p = ngx_sprintf(name, "carmen_postgres_%s{upstream=\"",
                        table[n].name);

        for (i = 0; i < upstream->len; i++) {
            if (upstream->data[i] == '"' || upstream->data[i] == '\\') {
                *p++ = '\\';
            }

            *p++ = upstream->data[i];
        }

        (void) ngx_sprintf(p, "\",lane=\"%s\"}%Z", lane);

        id = carmen_metric_register(cf, (char *) name, table[n].help,
                                    table[n].type);
        if (id == NGX_ERROR) {
            return NGX_ERROR;
        }

        *(ngx_int_t *) ((u_char *) metrics + table[n].offset) = id;
    }

    return NGX_OK;
}


ngx_int_t
carmen_metrics_init(ngx_conf_t *cf, carmen_registry_t *reg)
{
    ngx_uint_t           i;
    carmen_metrics_t    *m;
    carmen_endpoint_t  **endpoints;

    m = carmen_metrics_conf(cf);
    if (m == NULL) {
        return NGX_ERROR;
    }

    m->nroutes = reg->endpoints.nelts + 1;

    m->routes = ngx_pcalloc(cf->cycle->pool,
                            m->nroutes * sizeof(carmen_metrics_series_t));
    if (m->routes == NULL) {
        return NGX_ERROR;
    }

    endpoints = reg->endpoints.elts;

    for (i = 0; i < m->nroutes; i++) {
        m->routes[i].type = CARMEN_COUNTER;
        m->routes[i].ncells = CARMEN_METRICS_ROUTE;

        if (i < reg->endpoints.nelts) {
            m->routes[i].key = endpoints[i]->label;
        } else {
            ngx_str_set(&m->routes[i].key, "any unmatched");
        }
    }

    if (carmen_metrics_zone_add(cf, m) != NGX_OK) {
        return NGX_ERROR;
    }

    carmen_metrics_zone_plan(cf, m);

    return NGX_OK;
}


ngx_int_t
carmen_metrics_init_module(ngx_cycle_t *cycle)
{
    carmen_metrics = carmen_metrics_new;
    carmen_metrics_new = NULL;

    carmen_metrics_use();

    return NGX_OK;
}


static void
carmen_metrics_use(void)
{
    carmen_metrics_zone_t  *zone;

    carmen_metrics_slot = NULL;
    carmen_metrics_row = NULL;

    if (carmen_metrics == NULL || carmen_metrics->zone == NULL) {
        carmen_metrics = NULL;
        return;
    }

    zone = carmen_metrics->zone;

    carmen_metrics_slot = zone->cells
                        + (ngx_worker & (zone->nslots - 1)) * zone->size.cells;

    if ((ngx_process == NGX_PROCESS_WORKER
         || ngx_process == NGX_PROCESS_SINGLE)
        && ngx_process_slot < CARMEN_METRICS_ROWS)
    {
        carmen_metrics_row = zone->rows
                             + ngx_process_slot * (1 + zone->size.gauges);
    }
}


ngx_int_t
carmen_metrics_init_process(ngx_cycle_t *cycle)
{
    carmen_metrics_use();

    if (carmen_metrics_row) {
        ngx_memzero((void *) (carmen_metrics_row + 1),
                    carmen_metrics->zone->size.gauges * sizeof(ngx_atomic_t));
        carmen_metrics_row[0] = ngx_pid;
    }

    return NGX_OK;
}


void
carmen_metrics_exit_process(ngx_cycle_t *cycle)
{
    if (carmen_metrics_row) {
        carmen_metrics_row[0] = 0;
        carmen_metrics_row = NULL;
    }
}


void
carmen_metrics_request(const carmen_endpoint_t *endpoint, ngx_uint_t status,
    uint64_t usec)
{
    ngx_uint_t     i;
    ngx_atomic_t  *cells;

    if (carmen_metrics_slot == NULL) {
        return;
    }

    i = endpoint ? endpoint->index : carmen_metrics->nroutes - 1;

    if (i >= carmen_metrics->nroutes) {
        return;
    }

    cells = carmen_metrics_slot + carmen_metrics->routes[i].cell;

    for (i = 0; i < CARMEN_METRICS_BUCKETS - 1; i++) {
        if (usec <= carmen_metrics_limits[i]) {
            break;
        }
    }

    (void) ngx_atomic_fetch_add(&cells[status < 600
                                       ? carmen_metrics_code[status]
                                       : CARMEN_METRICS_OTHER], 1);
    (void) ngx_atomic_fetch_add(&cells[CARMEN_METRICS_LATENCY + i], 1);
    (void) ngx_atomic_fetch_add(&cells[CARMEN_METRICS_SUM], usec);
}


void
carmen_metric_add(ngx_int_t id, ngx_int_t n)
{
    ngx_atomic_t             *cell;
    carmen_metrics_series_t  *s;

    if (id < 0 || carmen_metrics_slot == NULL) {
        return;
    }

    s = (carmen_metrics_series_t *) carmen_metrics->series.elts + id;

    if (s->type == CARMEN_COUNTER) {
        cell = carmen_metrics_slot + s->cell;

    } else if (carmen_metrics_row) {
        cell = carmen_metrics_row + 1 + s->cell;

    } else {
        return;
    }

    (void) ngx_atomic_fetch_add(cell, n);
}


void
carmen_metric_set(ngx_int_t id, ngx_int_t value)
{
    carmen_metrics_series_t  *s;

    if (id < 0 || carmen_metrics_row == NULL) {
        return;
    }

    s = (carmen_metrics_series_t *) carmen_metrics->series.elts + id;

    if (s->type == CARMEN_GAUGE) {
        carmen_metrics_row[1 + s->cell] = value;
    }
}


carmen_metrics_t *
carmen_metrics_current(void)
{
    return carmen_metrics;
}
