
/*
 * The zone.  A directory maps the key of a series to its cells; it only grows,
 * so that workers of the old configuration go on counting after a reload.
 * Counters have a copy for each slot, which a worker shares with few others;
 * gauges have a row for each process, which is void when the process is.
 */

#include <carmen_core.h>
#include "carmen_metrics.h"


#define CARMEN_METRICS_LAYOUT  1
#define CARMEN_METRICS_SLOTS   64
#define CARMEN_METRICS_ROWS    256           /* processes */


typedef struct {
    uint32_t                  hash;
    uint32_t                  len;
    uint32_t                  offset;        /* of the key, in the texts */
    uint32_t                  cell;
    uint32_t                  ncells;
    uint32_t                  type;
} carmen_metrics_entry_t;

typedef struct {
    size_t                    entries;
    size_t                    texts;
    size_t                    cells;
    size_t                    gauges;
} carmen_metrics_sizes_t;

struct carmen_metrics_zone_s {
    ngx_uint_t                layout;
    ngx_uint_t                nslots;
    carmen_metrics_sizes_t    size;
    carmen_metrics_sizes_t    used;

    carmen_metrics_entry_t   *entries;
    u_char                   *texts;
    ngx_atomic_t             *cells;         /* [slot][size.cells] */
    ngx_atomic_t             *rows;          /* [process][1 + size.gauges]:
                                                the first is the pid */
};


static carmen_metrics_t *carmen_metrics_conf(ngx_conf_t *cf);
static void carmen_metrics_forget(void *data);
static const char *carmen_metrics_name(const char *name, size_t *family);
static ngx_int_t carmen_metrics_plan(ngx_conf_t *cf, carmen_metrics_t *m);
static void carmen_metrics_need(carmen_metrics_t *m,
    carmen_metrics_zone_t *zone, carmen_metrics_sizes_t *need);
static void carmen_metrics_count(carmen_metrics_zone_t *zone,
    carmen_metrics_series_t *s, carmen_metrics_sizes_t *need);
static size_t carmen_metrics_round(size_t n, size_t min);
static size_t carmen_metrics_bytes(carmen_metrics_sizes_t *size,
    ngx_uint_t nslots);
static ngx_uint_t carmen_metrics_nslots(void);
static carmen_metrics_zone_t *carmen_metrics_old(ngx_conf_t *cf,
    ngx_shm_zone_t **shm_zone);
static ngx_int_t carmen_metrics_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);
static carmen_metrics_entry_t *carmen_metrics_find(
    carmen_metrics_zone_t *zone, carmen_metrics_series_t *s);
static ngx_int_t carmen_metrics_place(carmen_metrics_t *m,
    carmen_metrics_series_t *s);
static void carmen_metrics_use(void);


/* a name of its own for the zone's tag */
static ngx_uint_t         carmen_metrics_tag;

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

    if (m->shm_zone && carmen_metrics_plan(cf, m) != NGX_OK) {
        return NGX_ERROR;
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
    ngx_uint_t          i;
    ngx_str_t           name;
    carmen_metrics_t   *m;
    carmen_endpoint_t **endpoints;

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

    ngx_str_set(&name, "carmen_metrics");

    /* the size is set by the plan */

    m->shm_zone = ngx_shared_memory_add(cf, &name, ngx_pagesize,
                                        &carmen_metrics_tag);
    if (m->shm_zone == NULL) {
        return NGX_ERROR;
    }

    m->shm_zone->init = carmen_metrics_init_zone;
    m->shm_zone->data = m;

    return carmen_metrics_plan(cf, m);
}


/*
 * Takes the zone of the running configuration when all series fit into it,
 * and a larger one otherwise.
 */

static ngx_int_t
carmen_metrics_plan(ngx_conf_t *cf, carmen_metrics_t *m)
{
    size_t                   bytes;
    ngx_uint_t               nslots;
    ngx_shm_zone_t          *shm_zone;
    carmen_metrics_zone_t   *old;
    carmen_metrics_sizes_t   need;

    nslots = carmen_metrics_nslots();
    old = carmen_metrics_old(cf, &shm_zone);

    m->shm_zone->noreuse = 0;
    m->old = NULL;

    if (old) {
        carmen_metrics_need(m, old, &need);

        if (old->nslots == nslots
            && old->used.entries + need.entries <= old->size.entries
            && old->used.texts + need.texts <= old->size.texts
            && old->used.cells + need.cells <= old->size.cells
            && old->used.gauges + need.gauges <= old->size.gauges)
        {
            m->shm_zone->shm.size = shm_zone->shm.size;
            return NGX_OK;
        }

        m->shm_zone->noreuse = 1;
        m->old = old;
    }

    carmen_metrics_need(m, NULL, &need);

    need.entries = carmen_metrics_round(need.entries, 64);
    need.texts = carmen_metrics_round(need.texts, 4096);
    need.cells = carmen_metrics_round(need.cells, 1024);
    need.gauges = carmen_metrics_round(need.gauges, 32) - 1;

    bytes = carmen_metrics_bytes(&need, nslots);

    /* and what the slab allocator wants for itself */

    m->shm_zone->shm.size = ngx_align(bytes + bytes / 64, ngx_pagesize)
                            + 8 * ngx_pagesize;

    return NGX_OK;
}


/* what the series want beyond what the zone has */

static void
carmen_metrics_need(carmen_metrics_t *m, carmen_metrics_zone_t *zone,
    carmen_metrics_sizes_t *need)
{
    ngx_uint_t                i;
    carmen_metrics_series_t  *s;

    ngx_memzero(need, sizeof(carmen_metrics_sizes_t));

    for (i = 0; i < m->nroutes; i++) {
        carmen_metrics_count(zone, &m->routes[i], need);
    }

    s = m->series.elts;

    for (i = 0; i < m->series.nelts; i++) {
        carmen_metrics_count(zone, &s[i], need);
    }
}


static void
carmen_metrics_count(carmen_metrics_zone_t *zone, carmen_metrics_series_t *s,
    carmen_metrics_sizes_t *need)
{
    if (zone && carmen_metrics_find(zone, s)) {
        return;
    }

    need->entries++;
    need->texts += s->key.len;

    if (s->type == CARMEN_GAUGE) {
        need->gauges++;
    } else {
        need->cells += s->ncells;
    }
}


/* a power of two with some room for the next reload */

static size_t
carmen_metrics_round(size_t n, size_t min)
{
    size_t  size;

    for (size = min; size < n + n / 4 + 1; size *= 2) { /* void */ }

    return size;
}


static size_t
carmen_metrics_bytes(carmen_metrics_sizes_t *size, ngx_uint_t nslots)
{
    return ngx_align(sizeof(carmen_metrics_zone_t), 128)
           + nslots * size->cells * sizeof(ngx_atomic_t)
           + CARMEN_METRICS_ROWS * (1 + size->gauges) * sizeof(ngx_atomic_t)
           + size->entries * sizeof(carmen_metrics_entry_t)
           + size->texts;
}


static ngx_uint_t
carmen_metrics_nslots(void)
{
    ngx_uint_t  n;

    for (n = 1; n < (ngx_uint_t) ngx_ncpu && n < CARMEN_METRICS_SLOTS; n *= 2)
    {
        /* void */
    }

    return n;
}


static carmen_metrics_zone_t *
carmen_metrics_old(ngx_conf_t *cf, ngx_shm_zone_t **shm_zone)
{
    ngx_uint_t              i;
    ngx_list_part_t        *part;
    ngx_shm_zone_t         *z;
    carmen_metrics_zone_t  *zone;

    if (cf->cycle->old_cycle == NULL) {
        return NULL;
    }

    part = &cf->cycle->old_cycle->shared_memory.part;
    z = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            z = part->elts;
            i = 0;
        }

        if (z[i].tag == &carmen_metrics_tag && z[i].shm.addr) {
            *shm_zone = &z[i];
            zone = ((ngx_slab_pool_t *) z[i].shm.addr)->data;

            return (zone && zone->layout == CARMEN_METRICS_LAYOUT) ? zone
                                                                   : NULL;
        }
    }
}


static ngx_int_t
carmen_metrics_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    u_char                   *p;
    size_t                    bytes;
    ngx_uint_t                i;
    ngx_slab_pool_t          *shpool;
    carmen_metrics_t         *m;
    carmen_metrics_zone_t    *zone;
    carmen_metrics_sizes_t    size;
    carmen_metrics_series_t  *s;

    m = shm_zone->data;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (data || shm_zone->shm.exists) {
        zone = shpool->data;

    } else {
        carmen_metrics_need(m, NULL, &size);

        size.entries = carmen_metrics_round(size.entries, 64);
        size.texts = carmen_metrics_round(size.texts, 4096);
        size.cells = carmen_metrics_round(size.cells, 1024);
        size.gauges = carmen_metrics_round(size.gauges, 32) - 1;

        bytes = carmen_metrics_bytes(&size, carmen_metrics_nslots());

        zone = ngx_slab_calloc(shpool, bytes);
        if (zone == NULL) {
            return NGX_ERROR;
        }

        zone->layout = CARMEN_METRICS_LAYOUT;
        zone->nslots = carmen_metrics_nslots();
        zone->size = size;

        p = (u_char *) zone + ngx_align(sizeof(carmen_metrics_zone_t), 128);

        zone->cells = (ngx_atomic_t *) p;
        zone->rows = zone->cells + zone->nslots * size.cells;
        zone->entries = (carmen_metrics_entry_t *)
                        (zone->rows + CARMEN_METRICS_ROWS * (1 + size.gauges));
        zone->texts = (u_char *) (zone->entries + size.entries);

        shpool->data = zone;
    }

    m->zone = zone;

    for (i = 0; i < m->nroutes; i++) {
        if (carmen_metrics_place(m, &m->routes[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    s = m->series.elts;

    for (i = 0; i < m->series.nelts; i++) {
        if (carmen_metrics_place(m, &s[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    m->old = NULL;

    return NGX_OK;
}


static carmen_metrics_entry_t *
carmen_metrics_find(carmen_metrics_zone_t *zone, carmen_metrics_series_t *s)
{
    uint32_t                 hash;
    size_t                   i;
    carmen_metrics_entry_t  *e;

    hash = ngx_murmur_hash2(s->key.data, s->key.len);
    e = zone->entries;

    for (i = 0; i < zone->used.entries; i++) {
        if (e[i].hash == hash
            && e[i].len == s->key.len
            && e[i].type == s->type
            && e[i].ncells == s->ncells
            && ngx_memcmp(zone->texts + e[i].offset, s->key.data, s->key.len)
               == 0)
        {
            return &e[i];
        }
    }

    return NULL;
}


static ngx_int_t
carmen_metrics_place(carmen_metrics_t *m, carmen_metrics_series_t *s)
{
    size_t                   *used, size, slot, i;
    carmen_metrics_zone_t    *zone, *old;
    carmen_metrics_entry_t   *e, *was;

    zone = m->zone;

    e = carmen_metrics_find(zone, s);
    if (e) {
        s->cell = e->cell;
        return NGX_OK;
    }

    if (s->type == CARMEN_GAUGE) {
        used = &zone->used.gauges;
        size = zone->size.gauges;
    } else {
        used = &zone->used.cells;
        size = zone->size.cells;
    }

    if (zone->used.entries + 1 > zone->size.entries
        || zone->used.texts + s->key.len > zone->size.texts
        || *used + s->ncells > size)
    {
        ngx_log_error(NGX_LOG_EMERG, ngx_cycle->log, 0,
                      "no room for \"%V\" in zone \"carmen_metrics\"",
                      &s->key);
        return NGX_ERROR;
    }

    e = &zone->entries[zone->used.entries];

    e->hash = ngx_murmur_hash2(s->key.data, s->key.len);
    e->len = s->key.len;
    e->offset = zone->used.texts;
    e->cell = *used;
    e->ncells = s->ncells;
    e->type = s->type;

    ngx_memcpy(zone->texts + e->offset, s->key.data, s->key.len);

    zone->used.texts += s->key.len;
    *used += s->ncells;
    zone->used.entries++;

    s->cell = e->cell;

    old = m->old;

    if (old == NULL || s->type == CARMEN_GAUGE) {
        return NGX_OK;
    }

    was = carmen_metrics_find(old, s);
    if (was == NULL) {
        return NGX_OK;
    }

    for (slot = 0; slot < old->nslots; slot++) {
        for (i = 0; i < s->ncells; i++) {
            zone->cells[e->cell + i] +=
                            old->cells[slot * old->size.cells + was->cell + i];
        }
    }

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


void
carmen_metrics_read(carmen_metrics_t *m, carmen_metrics_series_t *s,
    ngx_uint_t n, ngx_uint_t *values)
{
    ngx_uint_t              i, slot;
    ngx_atomic_t           *cells;
    carmen_metrics_zone_t  *zone;

    zone = m->zone;

    ngx_memzero(values, n * sizeof(ngx_uint_t));

    for (slot = 0; slot < zone->nslots; slot++) {
        cells = zone->cells + slot * zone->size.cells + s->cell;

        for (i = 0; i < n; i++) {
            values[i] += cells[i];
        }
    }
}


ngx_int_t
carmen_metrics_gauge(carmen_metrics_t *m, carmen_metrics_series_t *s,
    ngx_uint_t *workers)
{
    ngx_int_t               sum;
    ngx_pid_t               pid;
    ngx_uint_t              i;
    ngx_atomic_t           *row;
    carmen_metrics_zone_t  *zone;

    zone = m->zone;
    row = zone->rows;
    sum = 0;

    for (i = 0; i < CARMEN_METRICS_ROWS; i++, row += 1 + zone->size.gauges) {

        pid = (ngx_pid_t) row[0];

        if (pid == 0) {
            continue;
        }

        /* a worker that was killed did not clear its row */

        if (pid != ngx_pid && kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH) {
            continue;
        }

        if (workers) {
            (*workers)++;
        }

        if (s) {
            sum += (ngx_int_t) row[1 + s->cell];
        }
    }

    return sum;
}
