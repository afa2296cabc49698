
/*
 * A connection: libpq in pipeline mode on nginx's events.  libpq owns the
 * descriptor and reads until it would block, so events are level-triggered.
 */

#include <carmen_core.h>
#include "carmen_pg.h"


#define CARMEN_PG_BACKOFF_MIN  50            /* milliseconds */
#define CARMEN_PG_BACKOFF_MAX  3000
#define CARMEN_PG_GRACE        2000          /* beyond the lane's timeout */


static void carmen_pg_conn_lost(carmen_pg_conn_t *conn,
    carmen_op_failure_e failure);
static void carmen_pg_conn_flush(ngx_event_t *ev);
static void carmen_pg_conn_timer(ngx_event_t *ev);
static void carmen_pg_conn_watch(ngx_event_t *ev);
static void carmen_pg_prepared(carmen_op_t *op);
static void carmen_pg_tenant_set(carmen_op_t *op);


static const char  carmen_pg_tenant_sql[] =
    "SELECT pg_catalog.set_config('carmen.tenant', $1, false)";


ngx_int_t
carmen_pg_conn_init(carmen_pg_conn_t *conn, carmen_pg_lane_t *lane,
    ngx_cycle_t *cycle)
{
    ngx_uint_t                     n;
    ngx_event_t                   *events[3];
    ngx_http_upstream_rr_peers_t  *peers, *p;

    conn->lane = lane;
    ngx_queue_init(&conn->flight);

    n = carmen_bit_words(lane->pool->nvariants + 1);

    conn->prepared = ngx_pcalloc(cycle->pool, n * sizeof(uint64_t));
    if (conn->prepared == NULL) {
        return NGX_ERROR;
    }

    peers = lane->pool->upstream->peer.data;
    n = 1;

    for (p = peers; p; p = p->next) {
        n = ngx_max(n, p->number);
    }

    n = (n + 8 * sizeof(uintptr_t) - 1) / (8 * sizeof(uintptr_t));

    conn->rrp.tried = ngx_pcalloc(cycle->pool, n * sizeof(uintptr_t));
    if (conn->rrp.tried == NULL) {
        return NGX_ERROR;
    }

    conn->flush.handler = carmen_pg_conn_flush;
    conn->timer.handler = carmen_pg_conn_timer;
    conn->watch.handler = carmen_pg_conn_watch;

    /* a worker that shuts down waits for answers, not for a new connection */
    conn->timer.cancelable = 1;

    events[0] = &conn->flush;
    events[1] = &conn->timer;
    events[2] = &conn->watch;

    for (n = 0; n < 3; n++) {
        events[n]->data = conn;
        events[n]->log = cycle->log;
    }

    return NGX_OK;
}


static void
carmen_pg_conn_notice(void *arg, const PGresult *result)
{
    /* notices are for people at a terminal */
}


/*
 * All statements of the lane are prepared before the first request, each with
 * a Sync of its own, so that one which the schema does not fit is known by
 * name and hurts no other.
 */

void
carmen_pg_conn_connected(carmen_pg_conn_t *conn)
{
    ngx_uint_t           i;
    carmen_op_t         *op;
    carmen_pg_pool_t    *pool;
    carmen_statement_t **st;

    pool = conn->lane->pool;
    st = pool->statements;

    if (PQenterPipelineMode(conn->pq) != 1) {
        carmen_pg_conn_failed(conn, PQerrorMessage(conn->pq));
        return;
    }

    PQsetNoticeReceiver(conn->pq, carmen_pg_conn_notice, NULL);

    conn->state = CARMEN_PG_PREPARING;
    conn->connect_time = ngx_current_msec - conn->started;

    ngx_memzero(conn->prepared,
                carmen_bit_words(pool->nvariants + 1) * sizeof(uint64_t));

    op = carmen_op_get(pool);
    if (op == NULL) {
        carmen_pg_conn_failed(conn, "no memory");
        return;
    }

    op->internal = 1;
    op->preparing = 1;
    op->lane = conn->lane;
    op->done = carmen_pg_prepared;
    op->data = conn;

    carmen_pg_conn_queue(conn, op);

    if (PQsendPrepare(conn->pq, "carmen_tenant", carmen_pg_tenant_sql, 0,
                      NULL) != 1
        || carmen_pg_conn_sync(conn) != NGX_OK)
    {
        carmen_pg_conn_break(conn);
        return;
    }

    if (conn->lane->type == CARMEN_LANE_LISTEN
        && carmen_pg_listen_send(conn) != NGX_OK)
    {
        carmen_pg_conn_break(conn);
        return;
    }

    for (i = 0; i < pool->nstatements; i++) {

        if (st[i]->lane != conn->lane->type
            || !carmen_bit_get(pool->wanted, i))
        {
            continue;
        }

        op = carmen_op_get(pool);
        if (op == NULL) {
            carmen_pg_conn_failed(conn, "no memory");
            return;
        }

        op->internal = 1;
        op->preparing = 1;
        op->lane = conn->lane;
        op->statement = st[i];
        op->done = carmen_pg_prepared;
        op->data = conn;

        carmen_pg_conn_queue(conn, op);

        if (PQsendPrepare(conn->pq, (char *) st[i]->name.data,
                          (char *) st[i]->variants[0].sql.data, 0, NULL) != 1
            || carmen_pg_conn_sync(conn) != NGX_OK)
        {
            carmen_pg_conn_break(conn);
            return;
        }
    }

    ngx_post_event(&conn->flush, &ngx_posted_events);
}


static void
carmen_pg_prepared(carmen_op_t *op)
{
    carmen_pg_conn_t  *conn;
    carmen_pg_pool_t  *pool;

    if (op->failure != CARMEN_OP_OK) {
        return;
    }

    conn = op->data;
    pool = conn->lane->pool;

    if (op->statement) {

        if (PQresultStatus(op->result) != PGRES_COMMAND_OK) {

            if (!carmen_bit_get(pool->unfit, op->statement->index)) {
                ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                              "carmen: the schema behind upstream \"%V\" does "
                              "not fit the statement \"%V\": %s; deploy the "
                              "migrations of this version", &pool->name,
                              &op->statement->name,
                              PQresultErrorMessage(op->result));
            }

            carmen_bit_set(pool->unfit, op->statement->index);

        } else {
            carmen_bit_clear(pool->unfit, op->statement->index);
            carmen_bit_set(conn->prepared, op->statement->number);
        }

    } else if (PQresultStatus(op->result) != PGRES_COMMAND_OK) {
        carmen_pg_conn_break(conn);
        return;
    }

    carmen_pg_conn_prepared(conn);
}


/* one of the first operations is through: was it the last of them? */

void
carmen_pg_conn_prepared(carmen_pg_conn_t *conn)
{
    carmen_pg_pool_t  *pool;

    if (!ngx_queue_empty(&conn->flight)) {
        return;
    }

    pool = conn->lane->pool;

    conn->state = CARMEN_PG_READY;
    conn->failures = 0;
    carmen_metric_add(conn->lane->metrics->connections, 1);
    conn->peer.tries = 0;

    if (conn->timer.timer_set) {
        ngx_del_timer(&conn->timer);
    }

    ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                  "carmen: connected to \"%V\" of upstream \"%V\" (lane %ui)",
                  conn->peer.name, &pool->name,
                  (ngx_uint_t) conn->lane->type);

    if (conn->lane->type == CARMEN_LANE_LISTEN) {
        carmen_pg_listen_ready(pool);
    }

    carmen_pg_lane_ready(conn->lane);
}


ngx_int_t
carmen_pg_conn_sync(carmen_pg_conn_t *conn)
{
    int  rc;

#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
    rc = PQsendPipelineSync(conn->pq);
#else
    carmen_pg_hold(1);
    rc = PQpipelineSync(conn->pq);
    carmen_pg_hold(0);
#endif

    return rc == 1 ? NGX_OK : NGX_ERROR;
}


void
carmen_pg_conn_queue(carmen_pg_conn_t *conn, carmen_op_t *op)
{
    if (ngx_queue_empty(&conn->flight)) {
        conn->progress = ngx_current_msec;
        conn->watch.cancelable = 0;

        if (!conn->watch.timer_set) {
            ngx_add_timer(&conn->watch, conn->lane->pool->timeout
                                        [conn->lane->type] + CARMEN_PG_GRACE);
        }
    }

    op->conn = conn;
    op->sent = ngx_current_msec;

    ngx_queue_insert_tail(&conn->flight, &op->queue);
    conn->nflight++;

    if (!op->internal) {
        carmen_metric_add(conn->lane->metrics->in_flight, 1);
    }
}


/* tells the connection the tenant of the requests that follow */

static ngx_int_t
carmen_pg_conn_tenant(carmen_pg_conn_t *conn, ngx_str_t *tenant)
{
    const char   *values[1];
    carmen_op_t  *op;

    if (tenant->len >= sizeof(conn->tenant_data)) {
        return NGX_ERROR;
    }

    op = carmen_op_get(conn->lane->pool);
    if (op == NULL) {
        return NGX_ERROR;
    }

    op->internal = 1;
    op->lane = conn->lane;
    op->done = carmen_pg_tenant_set;
    op->data = conn;

    ngx_memcpy(conn->tenant_data, tenant->data, tenant->len);
    conn->tenant_data[tenant->len] = '\0';
    conn->tenant.data = conn->tenant_data;
    conn->tenant.len = tenant->len;

    values[0] = (char *) conn->tenant_data;

    carmen_pg_conn_queue(conn, op);

    if (PQsendQueryPrepared(conn->pq, "carmen_tenant", 1, values, NULL, NULL,
                            0) != 1)
    {
        return NGX_ERROR;
    }

    return carmen_pg_conn_sync(conn);
}


static void
carmen_pg_tenant_set(carmen_op_t *op)
{
    if (op->failure == CARMEN_OP_OK
        && PQresultStatus(op->result) != PGRES_TUPLES_OK)
    {
        /* whatever follows would run as another tenant */
        carmen_pg_conn_break(op->data);
    }
}


/*
 * Puts the operation on the wire, or rather into libpq's buffer: all that the
 * requests of one turn of the event loop have to say goes in one write.  An
 * error shows when the posted event runs, never here.
 */

void
carmen_pg_conn_send(carmen_pg_conn_t *conn, carmen_op_t *op)
{
    char                       numbered[128], *name;
    ngx_uint_t                 number;
    carmen_pg_lane_t          *lane;
    const carmen_variant_t    *variant;
    const carmen_statement_t  *st;

    lane = conn->lane;
    st = op->statement;
    variant = &st->variants[op->variant];

    carmen_metric_add(lane->metrics->statements, 1);

    ngx_post_event(&conn->flush, &ngx_posted_events);

    if (!carmen_pg_same_tenant(conn, op)
        && carmen_pg_conn_tenant(conn, &op->tenant) != NGX_OK)
    {
        goto failed;
    }

    number = st->number + op->variant;

    if (op->variant == 0) {
        name = (char *) st->name.data;

    } else {
        *ngx_snprintf((u_char *) numbered, sizeof(numbered) - 1, "%V:%ui",
                      &st->name, op->variant) = '\0';
        name = numbered;
    }

    op->preparing = 0;

    if (!carmen_bit_get(conn->prepared, number)) {

        /* a variant is prepared when it is first asked for; those behind it
         * in the pipeline count on it, and fail as it does */

        op->preparing = 1;

        if (PQsendPrepare(conn->pq, name, (char *) variant->sql.data, 0,
                          NULL) != 1)
        {
            goto failed;
        }

        carmen_bit_set(conn->prepared, number);
    }

    if (PQsendQueryPrepared(conn->pq, name, variant->nargs, op->values, NULL,
                            NULL, 0) != 1
        || carmen_pg_conn_sync(conn) != NGX_OK)
    {
        goto failed;
    }

    carmen_pg_conn_queue(conn, op);

    return;

failed:

    carmen_pg_conn_queue(conn, op);
    carmen_pg_conn_break(conn);
}


static void
carmen_pg_conn_flush(ngx_event_t *ev)
{
    int                rc;
    carmen_pg_conn_t  *conn;

    conn = ev->data;

    if (conn->pq == NULL || conn->connection == NULL) {
        return;
    }

    if (conn->broken) {
        carmen_pg_conn_lost(conn, CARMEN_OP_LOST);
        return;
    }

    rc = PQflush(conn->pq);

    if (rc == -1) {
        carmen_pg_conn_lost(conn, CARMEN_OP_LOST);
        return;
    }

    carmen_pg_conn_write_interest(conn, rc == 1);
}


void
carmen_pg_conn_event(ngx_event_t *ev)
{
    ngx_connection_t  *c;
    carmen_pg_conn_t  *conn;

    c = ev->data;
    conn = c->data;

    if (conn->state == CARMEN_PG_CONNECTING) {
        carmen_pg_conn_poll(conn);
        return;
    }

    if (ev->write) {
        carmen_pg_conn_flush(&conn->flush);
        return;
    }

    if (PQconsumeInput(conn->pq) != 1) {
        /* an answer, or a farewell, may have come before the end */
        carmen_pg_conn_results(conn);
        carmen_pg_conn_lost(conn, CARMEN_OP_LOST);
        return;
    }

    carmen_pg_conn_results(conn);

    if (conn->connection == NULL) {
        return;
    }

    if (conn->lane->type == CARMEN_LANE_LISTEN) {
        carmen_pg_listen_notifies(conn);
    }

    if (conn->broken || PQstatus(conn->pq) == CONNECTION_BAD
        || (conn->stale && ngx_queue_empty(&conn->flight)))
    {
        carmen_pg_conn_lost(conn, CARMEN_OP_LOST);
        return;
    }

    carmen_pg_lane_ready(conn->lane);
}


/* loses the connection when the posted event runs */

void
carmen_pg_conn_break(carmen_pg_conn_t *conn)
{
    conn->broken = 1;
    ngx_post_event(&conn->flush, &ngx_posted_events);
}


static void
carmen_pg_conn_release(carmen_pg_conn_t *conn)
{
    if (conn->state == CARMEN_PG_READY) {
        carmen_metric_add(conn->lane->metrics->connections, -1);
    }

    if (conn->timer.timer_set) {
        ngx_del_timer(&conn->timer);
    }

    if (conn->watch.timer_set) {
        ngx_del_timer(&conn->watch);
    }

    if (conn->flush.posted) {
        ngx_delete_posted_event(&conn->flush);
    }

    carmen_pg_conn_detach(conn);

    if (conn->pq) {
        PQfinish(conn->pq);
        conn->pq = NULL;
    }

    conn->state = CARMEN_PG_CLOSED;
    conn->broken = 0;
    conn->tenant.len = 0;
}


/*
 * What is in flight is sent again when that is safe: reads, keyed writes, and
 * everything that was never sent.
 */

static void
carmen_pg_conn_abandon(carmen_pg_conn_t *conn, carmen_op_failure_e failure)
{
    ngx_queue_t   lost, *q;
    carmen_op_t  *op;

    if (ngx_queue_empty(&conn->flight)) {
        return;
    }

    ngx_queue_init(&lost);
    ngx_queue_add(&lost, &conn->flight);
    ngx_queue_init(&conn->flight);
    conn->nflight = 0;

    /* from the tail, since each goes to the head of those that wait */

    while (!ngx_queue_empty(&lost)) {
        q = ngx_queue_last(&lost);
        ngx_queue_remove(q);
        op = ngx_queue_data(q, carmen_op_t, queue);

        if (!op->internal) {
            carmen_metric_add(conn->lane->metrics->in_flight, -1);
        }

        if (failure == CARMEN_OP_LOST && op->retry && !op->orphan
            && op->tries < 3)
        {
            carmen_pg_op_again(op);

        } else {
            op->answered = 1;
            carmen_pg_op_finish(op, failure);
        }
    }
}


static void
carmen_pg_conn_lost(carmen_pg_conn_t *conn, carmen_op_failure_e failure)
{
    ngx_uint_t         stale, ready;
    carmen_pg_pool_t  *pool;

    pool = conn->lane->pool;
    stale = conn->stale;
    ready = (conn->state == CARMEN_PG_READY);

    if (!ready) {
        carmen_pg_conn_failed(conn, PQerrorMessage(conn->pq));
        return;
    }

    if (!stale) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "carmen: lost the connection to \"%V\" of upstream "
                      "\"%V\": %s", conn->peer.name, &pool->name,
                      failure == CARMEN_OP_TIMEOUT ? "no answer in time"
                      : PQerrorMessage(conn->pq));
    }

    carmen_metric_add(conn->lane->metrics->reconnects, 1);

    carmen_pg_conn_release(conn);
    carmen_pg_conn_peer_free(conn, stale ? 0 : NGX_PEER_FAILED);
    carmen_pg_conn_abandon(conn, failure);

    if (ngx_exiting || ngx_terminate || ngx_quit) {
        if (conn->lane->nwaiting == 0) {
            return;
        }
    }

    /* at once, but not from inside an event of the connection that went */
    conn->peer.tries = 0;
    ngx_add_timer(&conn->timer, 1);
}


void
carmen_pg_conn_failed(carmen_pg_conn_t *conn, const char *why)
{
    size_t             len;
    ngx_str_t          name, text;
    ngx_uint_t         level;
    ngx_msec_t         delay;
    carmen_pg_pool_t  *pool;

    pool = conn->lane->pool;

    len = ngx_strlen(why);

    while (len && (why[len - 1] == '\n' || why[len - 1] == ' ')) {
        len--;
    }

    text.data = (u_char *) why;
    text.len = len;

    ngx_str_set(&name, "-");

    if (conn->has_peer && conn->peer.name) {
        name = *conn->peer.name;
    }

    level = conn->failures ? NGX_LOG_INFO : NGX_LOG_ERR;

    ngx_log_error(level, ngx_cycle->log, 0,
                  "carmen: cannot connect to \"%V\" of upstream \"%V\": %V",
                  &name, &pool->name, &text);

    carmen_pg_conn_release(conn);
    carmen_pg_conn_abandon(conn, CARMEN_OP_UNAVAILABLE);

    if (conn->has_peer) {
        carmen_pg_conn_peer_free(conn, NGX_PEER_FAILED);

        if (conn->peer.tries > 0) {
            /* another server of the upstream{}, at once */
            ngx_add_timer(&conn->timer, 1);
            return;
        }
    }

    conn->peer.tries = 0;
    conn->failures++;

    delay = CARMEN_PG_BACKOFF_MIN << ngx_min(conn->failures, 7);
    delay = ngx_min(delay, CARMEN_PG_BACKOFF_MAX);
    delay = delay / 2 + (ngx_msec_t) ngx_random() % (delay / 2 + 1);

    ngx_add_timer(&conn->timer, delay);

    carmen_pg_lane_down(conn->lane);
}


static void
carmen_pg_conn_timer(ngx_event_t *ev)
{
    carmen_pg_conn_t  *conn;

    conn = ev->data;

    if (conn->state == CARMEN_PG_CLOSED) {
        carmen_pg_conn_open(conn);
        return;
    }

    carmen_pg_conn_failed(conn, "timed out");
}


/*
 * PostgreSQL ends what takes too long by itself; this is for a server that
 * does not answer any more.
 */

static void
carmen_pg_conn_watch(ngx_event_t *ev)
{
    ngx_msec_t         limit;
    ngx_msec_int_t     left;
    carmen_pg_conn_t  *conn;

    conn = ev->data;

    if (ngx_queue_empty(&conn->flight)) {
        return;
    }

    limit = conn->lane->pool->timeout[conn->lane->type] + CARMEN_PG_GRACE;
    left = (ngx_msec_int_t) (conn->progress + limit - ngx_current_msec);

    if (left > 0) {
        ngx_add_timer(&conn->watch, left);
        return;
    }

    carmen_pg_conn_lost(conn, CARMEN_OP_TIMEOUT);
}


void
carmen_pg_conn_close(carmen_pg_conn_t *conn)
{
    ngx_queue_t  *q;
    carmen_op_t  *op;

    carmen_pg_conn_release(conn);
    carmen_pg_conn_peer_free(conn, 0);

    while (!ngx_queue_empty(&conn->flight)) {
        q = ngx_queue_head(&conn->flight);
        ngx_queue_remove(q);
        op = ngx_queue_data(q, carmen_op_t, queue);
        op->orphan = 1;
        carmen_pg_op_finish(op, CARMEN_OP_LOST);
    }

    conn->nflight = 0;
}
