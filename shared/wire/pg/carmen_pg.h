
/*
 * PostgreSQL without blocking: an upstream{} is a pool, a pool has lanes, a
 * lane has a few connections in pipeline mode, and many operations are in
 * flight on each.  Everything here belongs to one worker.
 */

#ifndef _CARMEN_PG_H_INCLUDED_
#define _CARMEN_PG_H_INCLUDED_


#include <libpq-fe.h>


typedef struct carmen_pg_pool_s  carmen_pg_pool_t;
typedef struct carmen_pg_lane_s  carmen_pg_lane_t;
typedef struct carmen_pg_conn_s  carmen_pg_conn_t;
typedef struct carmen_op_s       carmen_op_t;


typedef enum {
    CARMEN_OP_OK = 0,                /* there is a result, maybe an error */
    CARMEN_OP_UNAVAILABLE,           /* not run: no connection */
    CARMEN_OP_OVERLOADED,            /* not run: waited too long */
    CARMEN_OP_LOST,                  /* sent, and the connection was lost */
    CARMEN_OP_TIMEOUT                /* sent, and no answer came in time */
} carmen_op_failure_e;


/*
 * Called once, in the worker, never from within carmen_pg_submit().
 * op->result is set when op->failure is CARMEN_OP_OK; whoever wants it longer
 * takes it (and sets it to NULL).  The operation is released on return.
 */
typedef void (*carmen_op_pt)(carmen_op_t *op);


/*
 * An operation lives outside r->pool: when its request goes, it is orphaned
 * and its result is dropped.  "values" are read when it is sent, and again
 * when it is retried, and must stay until "done" or carmen_pg_orphan().
 */
struct carmen_op_s {
    ngx_queue_t                 queue;

    const carmen_statement_t   *statement;
    ngx_uint_t                  variant;
    const char *const          *values;      /* text with a NUL, or NULL */
    ngx_str_t                   tenant;

    carmen_op_pt                done;
    void                       *data;

    carmen_pg_lane_t           *lane;
    carmen_pg_conn_t           *conn;        /* once sent */
    PGresult                   *result;
    carmen_op_failure_e         failure;

    ngx_msec_t                  submitted;
    ngx_msec_t                  sent;

    unsigned                    tries:4;
    unsigned                    internal:1;  /* the connection's own */
    unsigned                    preparing:1; /* a Parse goes before it */
    unsigned                    retry:1;     /* may be sent once more */
    unsigned                    answered:1;  /* its Sync has come */
    unsigned                    orphan:1;
};


typedef enum {
    CARMEN_PG_CLOSED = 0,
    CARMEN_PG_CONNECTING,
    CARMEN_PG_PREPARING,
    CARMEN_PG_READY
} carmen_pg_state_e;


struct carmen_pg_conn_s {
    carmen_pg_lane_t           *lane;
    PGconn                     *pq;
    ngx_connection_t           *connection;  /* of nginx, around PQsocket */

    carmen_pg_state_e           state;
    ngx_uint_t                  failures;    /* connects failed in a row */
    ngx_uint_t                  nflight;
    ngx_queue_t                 flight;      /* sent, in order */

    ngx_event_t                 flush;       /* posted: coalesces writes */
    ngx_event_t                 timer;       /* connect, reconnect */
    ngx_event_t                 watch;       /* the head of flight */
    ngx_msec_t                  progress;    /* when the head last changed */

    ngx_str_t                   tenant;      /* last sent */
    u_char                      tenant_data[64];
    uint64_t                   *prepared;    /* a bit a variant */

    ngx_peer_connection_t       peer;
    ngx_http_upstream_rr_peer_data_t  rrp;
    ngx_msec_t                  started;
    ngx_msec_t                  connect_time;

    unsigned                    has_peer:1;
    unsigned                    writing:1;   /* write interest is on */
    unsigned                    stale:1;     /* to be reopened when idle */
    unsigned                    broken:1;    /* lost, as "flush" will see */
};


/*
 * A channel of NOTIFY.  "notify" is called for each message, in the order of
 * the commits; "ready" when the connection begins to listen, also after it was
 * lost: what was said meanwhile must then be read from a table.
 */

typedef void (*carmen_notify_pt)(carmen_pg_pool_t *pool, ngx_str_t *payload,
    void *data);
typedef void (*carmen_listening_pt)(carmen_pg_pool_t *pool, void *data);

typedef struct {
    const char                 *channel;
    carmen_notify_pt            notify;
    carmen_listening_pt         ready;
    void                       *data;
} carmen_channel_t;


/* the ids of a lane's metrics: carmen_metric_add() */

typedef struct {
    ngx_int_t                   in_flight;   /* gauges */
    ngx_int_t                   queued;
    ngx_int_t                   connections; /* those that are up */
    ngx_int_t                   statements;  /* counters */
    ngx_int_t                   errors;      /* beyond refusals */
    ngx_int_t                   timeouts;
    ngx_int_t                   rejected;    /* queue full */
    ngx_int_t                   reconnects;
} carmen_lane_metrics_t;


struct carmen_pg_lane_s {
    carmen_pg_pool_t           *pool;
    carmen_lane_e               type;
    ngx_uint_t                  depth;       /* in flight a connection */
    ngx_uint_t                  nconns;
    carmen_pg_conn_t           *conns;

    ngx_queue_t                 waiting;
    ngx_uint_t                  nwaiting;
    ngx_event_t                 timer;       /* of the waiting */

    carmen_lane_metrics_t      *metrics;
};


/* the configuration of an upstream{} with carmen_postgres */

struct carmen_pg_pool_s {
    ngx_http_upstream_srv_conf_t  *upstream;
    ngx_str_t                   name;        /* of the upstream{} */
    ngx_str_t                   conninfo;    /* NUL-terminated */

    ngx_uint_t                  size[CARMEN_LANES];
    ngx_msec_t                  timeout[CARMEN_LANES];
    ngx_msec_t                  lock_timeout;
    ngx_msec_t                  connect_timeout;
    ngx_uint_t                  queue;
    ngx_msec_t                  queue_timeout;

    carmen_statement_t        **statements;  /* of all domains */
    ngx_uint_t                  nstatements;
    ngx_uint_t                  nvariants;
    uint64_t                   *wanted;      /* those asked for here, a bit an
                                                index */
    carmen_lane_metrics_t       metrics[CARMEN_LANES];
    ngx_array_t                 channels;    /* carmen_channel_t */

    /* of the worker */
    carmen_pg_lane_t           *lanes;
    ngx_queue_t                 free;        /* operations for reuse */
    ngx_uint_t                  nfree;
    uint64_t                   *unfit;       /* statements that the schema
                                                did not take */
    ngx_event_t                 heartbeat;   /* of the listening */
    ngx_msec_t                  heard;       /* when it was last known to
                                                work; 0: never */
};


/* worker start: opens the connections; NGX_OK or NGX_ERROR (memory) */
ngx_int_t carmen_pg_pool_start(carmen_pg_pool_t *pool, ngx_cycle_t *cycle);

/* worker end: closes them; nothing may be in flight that matters */
void carmen_pg_pool_stop(carmen_pg_pool_t *pool);

/* an operation to be filled in and submitted; NULL: no memory */
carmen_op_t *carmen_op_get(carmen_pg_pool_t *pool);

/* one that was not submitted after all */
void carmen_op_free(carmen_op_t *op);

/*
 * NGX_OK: op->done will be called.  NGX_BUSY: the queue is full; NGX_DECLINED:
 * the database is down; the operation was released then.
 */
ngx_int_t carmen_pg_submit(carmen_op_t *op);

/* the caller went: op->done will not be called, op->values are not read */
void carmen_pg_orphan(carmen_op_t *op);

/* PGRES_FATAL_ERROR and what PostgreSQL called it; "" if not an error */
const char *carmen_pg_sqlstate(PGresult *result);


/* config time: NGX_OK or NGX_ERROR; before carmen_pg_pool_start() */
ngx_int_t carmen_pg_listen(ngx_conf_t *cf, carmen_pg_pool_t *pool,
    carmen_channel_t *channel);

/* milliseconds since the notifications were last known to arrive */
ngx_msec_t carmen_pg_silence(carmen_pg_pool_t *pool);


/* between the files of this folder */

void carmen_pg_listen_start(carmen_pg_pool_t *pool, ngx_cycle_t *cycle);
void carmen_pg_listen_stop(carmen_pg_pool_t *pool);
ngx_int_t carmen_pg_listen_send(carmen_pg_conn_t *conn);
void carmen_pg_listen_ready(carmen_pg_pool_t *pool);
void carmen_pg_listen_notifies(carmen_pg_conn_t *conn);
ngx_int_t carmen_pg_conn_sync(carmen_pg_conn_t *conn);
void carmen_pg_conn_queue(carmen_pg_conn_t *conn, carmen_op_t *op);
ngx_int_t carmen_pg_conn_init(carmen_pg_conn_t *conn, carmen_pg_lane_t *lane,
    ngx_cycle_t *cycle);
void carmen_pg_conn_open(carmen_pg_conn_t *conn);
void carmen_pg_conn_poll(carmen_pg_conn_t *conn);
void carmen_pg_conn_connected(carmen_pg_conn_t *conn);
void carmen_pg_conn_prepared(carmen_pg_conn_t *conn);
void carmen_pg_conn_failed(carmen_pg_conn_t *conn, const char *why);
void carmen_pg_conn_detach(carmen_pg_conn_t *conn);
void carmen_pg_conn_write_interest(carmen_pg_conn_t *conn, ngx_uint_t on);
void carmen_pg_conn_peer_free(carmen_pg_conn_t *conn, ngx_uint_t state);
void carmen_pg_conn_event(ngx_event_t *ev);
void carmen_pg_conn_results(carmen_pg_conn_t *conn);
void carmen_pg_conn_close(carmen_pg_conn_t *conn);
void carmen_pg_conn_send(carmen_pg_conn_t *conn, carmen_op_t *op);
void carmen_pg_conn_break(carmen_pg_conn_t *conn);

void carmen_pg_lane_dispatch(carmen_pg_lane_t *lane);
void carmen_pg_lane_ready(carmen_pg_lane_t *lane);
void carmen_pg_lane_down(carmen_pg_lane_t *lane);
void carmen_pg_op_finish(carmen_op_t *op, carmen_op_failure_e failure);
void carmen_pg_op_again(carmen_op_t *op);

/* was this tenant the last to be told to the connection? */

static ngx_inline ngx_uint_t
carmen_pg_same_tenant(carmen_pg_conn_t *conn, carmen_op_t *op)
{
    return conn->tenant.len == op->tenant.len
           && (op->tenant.len == 0
               || ngx_memcmp(conn->tenant.data, op->tenant.data,
                             op->tenant.len)
                  == 0);
}


/* while on, PQpipelineSync() leaves its bytes in libpq's buffer */
void carmen_pg_hold(ngx_uint_t on);


#define carmen_bit(i)            ((uint64_t) 1 << ((i) & 63))
#define carmen_bit_get(map, i)   (((map)[(i) >> 6] >> ((i) & 63)) & 1)
#define carmen_bit_set(map, i)   ((map)[(i) >> 6] |= carmen_bit(i))
#define carmen_bit_clear(map, i) ((map)[(i) >> 6] &= ~carmen_bit(i))
#define carmen_bit_words(n)      (((n) + 63) / 64)


#endif /* _CARMEN_PG_H_INCLUDED_ */
