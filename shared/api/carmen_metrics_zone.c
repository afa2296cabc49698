
#include <carmen_core.h>
#include "carmen_metrics.h"
#include "carmen_metrics_zone.h"


static void carmen_metrics_sizes(carmen_metrics_t *m,
    carmen_metrics_sizes_t *size);
static void carmen_metrics_need(carmen_metrics_t *m,
    carmen_metrics_zone_t *zone, carmen_metrics_sizes_t *need);
static void carmen_metrics_count(carmen_metrics_zone_t *zone,
    carmen_metrics_series_t *s, carmen_metrics_sizes_t *need);
static size_t carmen_metrics_round(size_t n, size_t min);
static size_t carmen_metrics_bytes(carmen_metrics_sizes_t *size,
    ngx_uint_t nslots);
static ngx_uint_t carmen_metrics_nslots(void);
static ngx_shm_zone_t *carmen_metrics_running(ngx_conf_t *cf);
static ngx_int_t carmen_metrics_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);
static carmen_metrics_entry_t *carmen_metrics_find(
    carmen_metrics_zone_t *zone, carmen_metrics_series_t *s);
static ngx_int_t carmen_metrics_place(carmen_metrics_t *m,
    carmen_metrics_series_t *s);


/* something with an address of its own */
static ngx_uint_t  carmen_metrics_tag;


ngx_int_t
carmen_metrics_zone_add(ngx_conf_t *cf, carmen_metrics_t *m)
{
    ngx_str_t  name;

    ngx_str_set(&name, "carmen_metrics");

    m->shm_zone = ngx_shared_memory_add(cf, &name, ngx_pagesize,
                                        &carmen_metrics_tag);
    if (m->shm_zone == NULL) {
        return NGX_ERROR;
    }

    m->shm_zone->init = carmen_metrics_init_zone;
    m->shm_zone->data = m;

    return NGX_OK;
}


void
carmen_metrics_zone_plan(ngx_conf_t *cf, carmen_metrics_t *m)
{
    size_t                   bytes, *size;
    ngx_uint_t               nslots;
    ngx_shm_zone_t          *running;
    carmen_metrics_zone_t   *old;
    carmen_metrics_sizes_t   need;

    nslots = carmen_metrics_nslots();
    size = &m->shm_zone->shm.size;
    m->old = NULL;

    running = carmen_metrics_running(cf);

    if (running) {
        old = ((ngx_slab_pool_t *) running->shm.addr)->data;

        if (old->layout == CARMEN_METRICS_LAYOUT) {
            carmen_metrics_need(m, old, &need);

            if (old->nslots == nslots
                && old->used.entries + need.entries <= old->size.entries
                && old->used.texts + need.texts <= old->size.texts
                && old->used.cells + need.cells <= old->size.cells
                && old->used.gauges + need.gauges <= old->size.gauges)
            {
                *size = running->shm.size;
                return;
            }

            m->old = old;
        }
    }

    carmen_metrics_sizes(m, &need);

    bytes = carmen_metrics_bytes(&need, nslots);

    /* and what the slab allocator wants for itself */

    *size = ngx_align(bytes + bytes / 64, ngx_pagesize) + 8 * ngx_pagesize;

    /* nginx takes the old memory when name, tag and size are the same */

    if (running && *size == running->shm.size) {
        *size += ngx_pagesize;
    }
}


/* of a new zone: with some room for the next reload */

static void
carmen_metrics_sizes(carmen_metrics_t *m, carmen_metrics_sizes_t *size)
{
    carmen_metrics_need(m, NULL, size);

    size->entries = carmen_metrics_round(size->entries, 64);
    size->texts = carmen_metrics_round(size->texts, 4096);
    size->cells = carmen_metrics_round(size->cells, 1024);
    size->gauges = carmen_metrics_round(size->gauges, 32) - 1;
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


/* a power of two, a quarter to spare */

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


/* the zone of the running configuration, or NULL */

static ngx_shm_zone_t *
carmen_metrics_running(ngx_conf_t *cf)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_shm_zone_t   *z;

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

        if (z[i].tag == &carmen_metrics_tag && z[i].shm.addr
            && ((ngx_slab_pool_t *) z[i].shm.addr)->data)
        {
            return &z[i];
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
