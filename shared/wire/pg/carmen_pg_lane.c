
/* Lanes: who waits, who is sent where, who is answered. */

#include <carmen_core.h>
#include "carmen_pg.h"


#define CARMEN_OPS_KEPT  1024
#define CARMEN_TOGETHER  32
#define CARMEN_SLOW      20                  /* milliseconds */
#define CARMEN_SLOW_COST 1024


static void carmen_pg_lane_timer(ngx_event_t *ev);


/* how many may be in flight on a connection: a write may wait for a lock, so
 * few stand behind it; a lease is for one at a time */

static const ngx_uint_t  carmen_pg_depth[CARMEN_LANES] = {
    256, 8, 1, 1
};


ngx_int_t
carmen_pg_pool_start(carmen_pg_pool_t *pool, ngx_cycle_t *cycle)
{
    ngx_uint_t         i, n;
    carmen_pg_lane_t  *lane;

    ngx_queue_init(&pool->free);
    pool->nfree = 0;

    n = carmen_bit_words(pool->nstatements + 1);

    pool->unfit = ngx_pcalloc(cycle->pool, n * sizeof(uint64_t));
    pool->lanes = ngx_pcalloc(cycle->pool,
                              CARMEN_LANES * sizeof(carmen_pg_lane_t));

    if (pool->unfit == NULL || pool->lanes == NULL) {
        return NGX_ERROR;
    }

    pool->size[CARMEN_LANE_LISTEN] = pool->channels.nelts ? 1 : 0;

    for (n = 0; n < CARMEN_LANES; n++) {
        lane = &pool->lanes[n];

        lane->pool = pool;
        lane->type = n;
        lane->metrics = &pool->metrics[n];
        lane->depth = carmen_pg_depth[n];
        lane->nconns = pool->size[n];
        ngx_queue_init(&lane->waiting);

        lane->timer.handler = carmen_pg_lane_timer;
        lane->timer.data = lane;
        lane->timer.log = cycle->log;

        if (lane->nconns == 0) {
            continue;
        }

        lane->conns = ngx_pcalloc(cycle->pool,
                                  lane->nconns * sizeof(carmen_pg_conn_t));
        if (lane->conns == NULL) {
            return NGX_ERROR;
        }

        for (i = 0; i < lane->nconns; i++) {
            if (carmen_pg_conn_init(&lane->conns[i], lane, cycle) != NGX_OK) {
                return NGX_ERROR;
            }

            carmen_pg_conn_open(&lane->conns[i]);
        }
    }

    carmen_pg_listen_start(pool, cycle);

    return NGX_OK;
}


void
carmen_pg_pool_stop(carmen_pg_pool_t *pool)
{
    ngx_uint_t         i, n;
    ngx_queue_t       *q;
    carmen_op_t       *op;
    carmen_pg_lane_t  *lane;

    if (pool->lanes == NULL) {
        return;
    }

    carmen_pg_listen_stop(pool);

    for (n = 0; n < CARMEN_LANES; n++) {
        lane = &pool->lanes[n];

        if (lane->timer.timer_set) {
            ngx_del_timer(&lane->timer);
        }

        for (i = 0; i < lane->nconns; i++) {
            carmen_pg_conn_close(&lane->conns[i]);
        }
    }

    while (!ngx_queue_empty(&pool->free)) {
        q = ngx_queue_head(&pool->free);
        ngx_queue_remove(q);
        op = ngx_queue_data(q, carmen_op_t, queue);
        ngx_free(op);
    }
}


carmen_op_t *
carmen_op_get(carmen_pg_pool_t *pool)
{
    ngx_queue_t  *q;
    carmen_op_t  *op;

    if (ngx_queue_empty(&pool->free)) {
        op = ngx_alloc(sizeof(carmen_op_t), ngx_cycle->log);
        if (op == NULL) {
            return NULL;
        }

    } else {
        q = ngx_queue_head(&pool->free);
        ngx_queue_remove(q);
        pool->nfree--;
        op = ngx_queue_data(q, carmen_op_t, queue);
    }

    ngx_memzero(op, sizeof(carmen_op_t));

    return op;
}


void
carmen_op_free(carmen_op_t *op)
{
    carmen_pg_pool_t  *pool;

    if (op->result) {
        PQclear(op->result);
        op->result = NULL;
    }

    pool = op->lane->pool;

    if (pool->nfree >= CARMEN_OPS_KEPT) {
        ngx_free(op);
        return;
    }

    ngx_queue_insert_head(&pool->free, &op->queue);
    pool->nfree++;
}


ngx_int_t
carmen_pg_submit(carmen_op_t *op)
{
    ngx_uint_t         i, down;
    carmen_pg_lane_t  *lane;

    lane = op->lane;

    op->submitted = ngx_current_msec;

    down = 0;

    for (i = 0; i < lane->nconns; i++) {
        if (lane->conns[i].failures) {
            down++;

        } else {
            break;
        }
    }

    if (down == lane->nconns) {
        carmen_op_free(op);
        return NGX_DECLINED;
    }

    if (lane->nwaiting >= lane->pool->queue) {
        carmen_metric_add(lane->metrics->rejected, 1);
        carmen_op_free(op);
        return NGX_BUSY;
    }

    ngx_queue_insert_tail(&lane->waiting, &op->queue);
    lane->nwaiting++;

    carmen_pg_lane_dispatch(lane);

    return NGX_OK;
}


/*
 * The least loaded connection; at the same load the one whose tenant is
 * already set, which saves a set_config(); last the one that a slow statement
 * holds up.  Reads of one turn of the event
 * loop go together, in the write that one of them has asked for already.
 */

static carmen_pg_conn_t *
carmen_pg_lane_choose(carmen_pg_lane_t *lane, carmen_op_t *op)
{
    ngx_uint_t         i, cost, best, slow;
    carmen_pg_conn_t  *conn, *chosen;

    chosen = NULL;
    best = 0;

    for (i = 0; i < lane->nconns; i++) {
        conn = &lane->conns[i];

        if (conn->state != CARMEN_PG_READY || conn->stale || conn->broken
            || conn->nflight >= lane->depth)
        {
            continue;
        }

        cost = conn->nflight * 2;
        slow = conn->nflight
               && ngx_current_msec - conn->progress > CARMEN_SLOW;

        if (slow) {
            cost += CARMEN_SLOW_COST;
        }

        if (!carmen_pg_same_tenant(conn, op)) {
            cost += 3;

        } else if (lane->type == CARMEN_LANE_FAST && conn->flush.posted
                   && !slow && conn->nflight < CARMEN_TOGETHER)
        {
            return conn;
        }

        if (chosen == NULL || cost < best) {
            chosen = conn;
            best = cost;
        }
    }

    return chosen;
}


void
carmen_pg_lane_dispatch(carmen_pg_lane_t *lane)
{
    ngx_queue_t       *q;
    carmen_op_t       *op;
    carmen_pg_conn_t  *conn;

    while (!ngx_queue_empty(&lane->waiting)) {

        q = ngx_queue_head(&lane->waiting);
        op = ngx_queue_data(q, carmen_op_t, queue);

        conn = carmen_pg_lane_choose(lane, op);

        if (conn == NULL) {
            carmen_metric_set(lane->metrics->queued, lane->nwaiting);

            if (!lane->timer.timer_set) {
                ngx_add_timer(&lane->timer, lane->pool->queue_timeout);
            }

            return;
        }

        ngx_queue_remove(q);
        lane->nwaiting--;

        carmen_pg_conn_send(conn, op);
    }

    carmen_metric_set(lane->metrics->queued, 0);

    if (lane->timer.timer_set) {
        ngx_del_timer(&lane->timer);
    }
}


/* a connection became ready, or has room again */

void
carmen_pg_lane_ready(carmen_pg_lane_t *lane)
{
    if (lane->nwaiting) {
        carmen_pg_lane_dispatch(lane);
    }
}


/* a connect failed: when no connection is left, nobody waits any longer */

void
carmen_pg_lane_down(carmen_pg_lane_t *lane)
{
    ngx_uint_t    i;
    ngx_queue_t  *q;
    carmen_op_t  *op;

    for (i = 0; i < lane->nconns; i++) {
        if (lane->conns[i].failures == 0) {
            return;
        }
    }

    while (!ngx_queue_empty(&lane->waiting)) {
        q = ngx_queue_head(&lane->waiting);
        ngx_queue_remove(q);
        lane->nwaiting--;

        op = ngx_queue_data(q, carmen_op_t, queue);
        carmen_pg_op_finish(op, op->tries ? CARMEN_OP_LOST
                                          : CARMEN_OP_UNAVAILABLE);
    }

    if (lane->timer.timer_set) {
        ngx_del_timer(&lane->timer);
    }
}


static void
carmen_pg_lane_timer(ngx_event_t *ev)
{
    ngx_msec_int_t     left;
    ngx_queue_t       *q;
    carmen_op_t       *op;
    carmen_pg_lane_t  *lane;

    lane = ev->data;

    while (!ngx_queue_empty(&lane->waiting)) {
        q = ngx_queue_head(&lane->waiting);
        op = ngx_queue_data(q, carmen_op_t, queue);

        left = (ngx_msec_int_t) (op->submitted + lane->pool->queue_timeout
                                 - ngx_current_msec);
        if (left > 0) {
            ngx_add_timer(&lane->timer, left);
            return;
        }

        ngx_queue_remove(q);
        lane->nwaiting--;
        carmen_metric_add(lane->metrics->rejected, 1);

        carmen_pg_op_finish(op, CARMEN_OP_OVERLOADED);
    }
}


/* the operation is in no queue */

void
carmen_pg_op_finish(carmen_op_t *op, carmen_op_failure_e failure)
{
    op->failure = failure;

    if (failure != CARMEN_OP_OK && op->result) {
        PQclear(op->result);
        op->result = NULL;
    }

    if (failure == CARMEN_OP_TIMEOUT) {
        carmen_metric_add(op->lane->metrics->timeouts, 1);
    }

    if (!op->orphan && op->done) {
        op->done(op);
    }

    carmen_op_free(op);
}


/* sends an operation once more, at the head of those that wait */

void
carmen_pg_op_again(carmen_op_t *op)
{
    if (op->result) {
        PQclear(op->result);
        op->result = NULL;
    }

    op->conn = NULL;
    op->preparing = 0;
    op->tries++;

    ngx_queue_insert_head(&op->lane->waiting, &op->queue);
    op->lane->nwaiting++;

    if (!op->lane->timer.timer_set) {
        ngx_add_timer(&op->lane->timer, op->lane->pool->queue_timeout);
    }
}


void
carmen_pg_orphan(carmen_op_t *op)
{
    op->orphan = 1;

    if (op->conn == NULL) {
        ngx_queue_remove(&op->queue);
        op->lane->nwaiting--;
        carmen_op_free(op);
        return;
    }

    op->values = NULL;
    op->retry = 0;

    if (op->lane->type == CARMEN_LANE_LEASE && !op->answered) {
        /* nobody shares the connection: the server need not finish */
        carmen_pg_conn_break(op->conn);
    }
}


const char *
carmen_pg_sqlstate(PGresult *result)
{
    const char  *state;

    if (result == NULL || PQresultStatus(result) != PGRES_FATAL_ERROR) {
        return "";
    }

    state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    return state ? state : "";
}
