
/*
 * Counters and gauges of a module, shown at /metrics.  Counters live in shared
 * memory, survive a reload and the death of a worker.  A gauge is the sum over
 * the live workers of what each has set.
 */

#ifndef _CARMEN_METRIC_H_INCLUDED_
#define _CARMEN_METRIC_H_INCLUDED_


typedef enum {
    CARMEN_COUNTER = 0,
    CARMEN_GAUGE
} carmen_metric_e;


/*
 * Configuration time (up to and including postconfiguration).  "name" is a
 * Prometheus name, which may carry fixed labels: "carmen_tokens_total" or
 * "carmen_tokens_total{result=\"hit\"}"; names of counters end in "_total".
 * All series of a name are registered one after the other with one help text.
 * Both strings must live as long as the cycle.  Returns the id, the same one
 * for a series registered again, or NGX_ERROR after logging why.
 */
CARMEN_API ngx_int_t carmen_metric_register(ngx_conf_t *cf, const char *name,
    const char *help, carmen_metric_e type);

/*
 * Run time, in a worker or a thread of it: an atomic add.  For a gauge "n" may
 * be negative.  Ids below 0 are passed over.
 */
CARMEN_API void carmen_metric_add(ngx_int_t id, ngx_int_t n);

/* run time: a gauge of this worker; one plain store, not for threads */
CARMEN_API void carmen_metric_set(ngx_int_t id, ngx_int_t value);


#endif /* _CARMEN_METRIC_H_INCLUDED_ */
