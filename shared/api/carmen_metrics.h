
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


/* ids for carmen_metric_add() and, where it says gauge, carmen_metric_set() */

typedef struct {
    ngx_int_t                 in_flight;     /* gauge */
    ngx_int_t                 queued;        /* gauge */
    ngx_int_t                 connections;   /* gauge: those that are up */
    ngx_int_t                 statements;
    ngx_int_t                 errors;        /* answered with an error that
                                                was not a refusal (CA…) */
    ngx_int_t                 timeouts;
    ngx_int_t                 rejected;      /* queue full */
    ngx_int_t                 reconnects;
} carmen_lane_metrics_t;


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

/* GET /metrics: Prometheus text format 0.0.4 */
ngx_int_t carmen_metrics_handler(ngx_http_request_t *r);


#endif /* _CARMEN_METRICS_H_INCLUDED_ */
