
/*
 * Health in application/health+json (draft-inadarei-api-health-check-06).
 * Inside the core only.
 */

#ifndef _CARMEN_HEALTH_H_INCLUDED_
#define _CARMEN_HEALTH_H_INCLUDED_


typedef enum {
    CARMEN_HEALTH_PASS = 0,
    CARMEN_HEALTH_WARN,          /* degraded, but requests are answered: 200 */
    CARMEN_HEALTH_FAIL           /* requests would fail: 503 */
} carmen_health_e;


typedef struct carmen_health_s  carmen_health_t;


/*
 * One thing that was looked at: "checks" gets it in the array
 * "<check>:<measurement>".  The measurement and the unit are static, the other
 * texts need not outlive the call.  "output" is shown to whoever may ask: no
 * credentials, no addresses.
 */
typedef struct {
    const char               *measurement;   /* "connections" */
    carmen_health_e           status;
    ngx_str_t                 component;     /* "fast"; empty: none */
    ngx_int_t                 value;         /* shown when unit is not NULL */
    const char               *unit;          /* "connections", "ms" */
    ngx_str_t                 output;        /* why not pass; empty: none */
} carmen_health_entry_t;


/*
 * Reports what this worker knows, by carmen_health_report(); must not block.
 * A statement that the schema did not fit is an entry with measurement
 * "statements" and the statement's name as component.
 */
typedef void (*carmen_health_pt)(carmen_health_t *health, void *data);


/*
 * Configuration time: a dependency, such as an upstream{}.  "name" and "type"
 * ("datastore", "component", "system") must live as long as the cycle.
 */
ngx_int_t carmen_health_register(ngx_conf_t *cf, ngx_str_t *name,
    const char *type, carmen_health_pt check, void *data);

void carmen_health_report(carmen_health_t *health,
    const carmen_health_entry_t *entry);

/* called from the core's init_module hook */
ngx_int_t carmen_health_init_module(ngx_cycle_t *cycle);


/*
 * The content handler of carmen_health.  What follows the location's name
 * chooses: "/live" (never looks at a dependency), "/ready" (the checks), or
 * nothing (the checks and the process).
 */
ngx_int_t carmen_health_handler(ngx_http_request_t *r);


#endif /* _CARMEN_HEALTH_H_INCLUDED_ */
