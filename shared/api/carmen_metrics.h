
/*
 * Requests by endpoint and status, their latency, and the lanes, in shared
 * memory of all workers.  Inside the core only; modules use carmen_metric.h.
 *
 * The core calls carmen_metrics_init() in its postconfiguration, after all
 * domains and lanes; modules may register metrics before and after it.
 * carmen_metrics_init_module(), _init_process() and _exit_process() are called
 * from the core's hooks of these names.
 */

#ifndef _CARMEN_METRICS_H_INCLUDED_
#define _CARMEN_METRICS_H_INCLUDED_


#include "../wire/pg/carmen_pg.h"


/* creates the shared memory zone "carmen_metrics", as large as it must be */
ngx_int_t carmen_metrics_init(ngx_conf_t *cf, carmen_registry_t *reg);

/* configuration time: the metrics of a lane ("fast") of an upstream{} */
ngx_int_t carmen_metrics_lane(ngx_conf_t *cf, ngx_str_t *upstream,
    const char *lane, carmen_lane_metrics_t *metrics);

ngx_int_t carmen_metrics_init_module(ngx_cycle_t *cycle);
ngx_int_t carmen_metrics_init_process(ngx_cycle_t *cycle);
void carmen_metrics_exit_process(ngx_cycle_t *cycle);

/*
 * Counts a request that was answered: three atomic adds.  "endpoint" is NULL
 * when no route matched.
 */
void carmen_metrics_request(const carmen_endpoint_t *endpoint,
    ngx_uint_t status, uint64_t usec);

/* microseconds of a clock that never goes back */
static ngx_inline uint64_t
carmen_metrics_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* the content handler of carmen_metrics: Prometheus text format 0.0.4 */
ngx_int_t carmen_metrics_handler(ngx_http_request_t *r);



/* between the files of metrics */

#define CARMEN_METRICS_BUCKETS  15           /* the last is +Inf */

/* the statuses that are told apart; what is not here counts as "other" */

#define CARMEN_METRICS_STATUSES(_)                                            \
    _(200) _(201) _(202) _(204) _(206) _(301) _(302) _(303) _(304) _(307)     \
    _(308) _(400) _(401) _(403) _(404) _(405) _(406) _(408) _(409) _(410)     \
    _(411) _(412) _(413) _(414) _(415) _(416) _(421) _(422) _(428) _(429)     \
    _(431) _(499) _(500) _(501) _(502) _(503) _(504) _(505)

#define CARMEN_METRICS_ENUM(code)  CARMEN_METRICS_##code,

enum {
    CARMEN_METRICS_OTHER = 0,
    CARMEN_METRICS_STATUSES(CARMEN_METRICS_ENUM)
    CARMEN_METRICS_CODES
};

/* the cells of a route: by status, by latency, microseconds */

#define CARMEN_METRICS_LATENCY  CARMEN_METRICS_CODES
#define CARMEN_METRICS_SUM      (CARMEN_METRICS_LATENCY                       \
                                 + CARMEN_METRICS_BUCKETS)
#define CARMEN_METRICS_ROUTE    (CARMEN_METRICS_SUM + 1)


typedef struct {
    ngx_str_t                 key;           /* what finds it in the zone */
    size_t                    family;        /* of key: the name */
    const char               *help;
    carmen_metric_e           type;
    ngx_uint_t                ncells;
    ngx_uint_t                cell;          /* known when the zone is */
} carmen_metrics_series_t;

typedef struct carmen_metrics_zone_s  carmen_metrics_zone_t;

typedef struct {
    ngx_array_t               series;        /* index is the id */
    carmen_metrics_series_t  *routes;        /* the last: none matched */
    ngx_uint_t                nroutes;

    ngx_shm_zone_t           *shm_zone;
    carmen_metrics_zone_t    *zone;
    carmen_metrics_zone_t    *old;           /* to be carried over */
} carmen_metrics_t;

/* what all processes have counted, of "n" cells from the given one */
void carmen_metrics_read(carmen_metrics_t *m, carmen_metrics_series_t *s,
    ngx_uint_t n, ngx_uint_t *values);

/* the sum over the live workers, whose number is given as well */
ngx_int_t carmen_metrics_gauge(carmen_metrics_t *m,
    carmen_metrics_series_t *s, ngx_uint_t *workers);

/* of the running configuration; NULL: none */
carmen_metrics_t *carmen_metrics_current(void);


#endif /* _CARMEN_METRICS_H_INCLUDED_ */
