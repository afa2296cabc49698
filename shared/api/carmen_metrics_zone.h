
/*
 * The shared memory of the metrics.  A directory maps the key of a series to
 * its cells; it only grows, so that workers of the old configuration go on
 * counting after a reload.  Counters have a copy for each slot, which a worker
 * shares with few others; gauges have a row for each process, which is void
 * when the process is.
 */

#ifndef _CARMEN_METRICS_ZONE_H_INCLUDED_
#define _CARMEN_METRICS_ZONE_H_INCLUDED_


#define CARMEN_METRICS_LAYOUT  1             /* of all below */
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


/* adds the zone, whose size is planned later */
ngx_int_t carmen_metrics_zone_add(ngx_conf_t *cf, carmen_metrics_t *m);

/*
 * Takes the zone of the running configuration when all series fit into it,
 * and a larger one otherwise.  To be called after each change.
 */
void carmen_metrics_zone_plan(ngx_conf_t *cf, carmen_metrics_t *m);


#endif /* _CARMEN_METRICS_ZONE_H_INCLUDED_ */
