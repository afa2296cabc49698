
/* What a module does without a request: statements, and listening. */

#ifndef _CARMEN_BACKGROUND_H_INCLUDED_
#define _CARMEN_BACKGROUND_H_INCLUDED_


/* a database of this worker: an upstream{} with carmen_postgres */
typedef struct carmen_pg_pool_s  carmen_database_t;


/*
 * "result" is NULL when the statement could not be run; otherwise it is valid
 * until the function returns.
 */
typedef void (*carmen_background_pt)(carmen_result_t *result, void *data);

/*
 * Runs a statement whose parameters are :tenant and :value.x only; the texts
 * are copied.  "tenant" may be NULL for a statement with "tenant: none".
 * "done" (or NULL) is called once, never from within.  NGX_OK; NGX_ERROR: it
 * was not begun, and "done" will not be called.
 */
CARMEN_API ngx_int_t carmen_background(carmen_database_t *db,
    const carmen_statement_t *st, ngx_str_t *tenant,
    const carmen_pair_t *values, carmen_background_pt done, void *data);


/*
 * Configuration time: listens to a channel of NOTIFY in each database that a
 * location with the domain uses.  "heard" is called for each message in the
 * order of the commits; "hearing" (or NULL) whenever a connection has begun to
 * listen: what was said before it must then be read from a table.  Every
 * worker listens.  NGX_OK or NGX_ERROR.
 */
typedef void (*carmen_heard_pt)(carmen_database_t *db, ngx_str_t *payload,
    void *data);
typedef void (*carmen_hearing_pt)(carmen_database_t *db, void *data);

CARMEN_API ngx_int_t carmen_listen(ngx_conf_t *cf, carmen_domain_t *domain,
    const char *channel, carmen_heard_pt heard, carmen_hearing_pt hearing,
    void *data);

/*
 * Milliseconds since the database's notifications were last known to arrive
 * (a heartbeat each second); the largest value when they never did.
 */
CARMEN_API ngx_msec_t carmen_listen_silence(carmen_database_t *db);

/* the database of a request's location, or NULL */
CARMEN_API carmen_database_t *carmen_request_database(ngx_http_request_t *r);


#endif /* _CARMEN_BACKGROUND_H_INCLUDED_ */
