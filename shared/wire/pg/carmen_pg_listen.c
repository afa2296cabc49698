
/*
 * LISTEN: a connection a worker that hears what commits say.  A heartbeat
 * tells a feed that is silent from one that is cut.
 */

#include <carmen_core.h>
#include "carmen_pg.h"


#define CARMEN_HEARTBEAT  1000               /* milliseconds */


static void carmen_pg_listen_heartbeat(ngx_event_t *ev);
static void carmen_pg_listen_heard(carmen_op_t *op);
static void carmen_pg_listening(carmen_op_t *op);


ngx_int_t
carmen_pg_listen(ngx_conf_t *cf, carmen_pg_pool_t *pool,
    carmen_channel_t *channel)
{
    carmen_channel_t  *c;

    if (pool->channels.elts == NULL
        && ngx_array_init(&pool->channels, cf->pool, 4,
                          sizeof(carmen_channel_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    c = ngx_array_push(&pool->channels);
    if (c == NULL) {
        return NGX_ERROR;
    }

    *c = *channel;

    return NGX_OK;
}


ngx_msec_t
carmen_pg_silence(carmen_pg_pool_t *pool)
{
    return pool->heard ? ngx_current_msec - pool->heard : (ngx_msec_t) -1;
}


void
carmen_pg_listen_start(carmen_pg_pool_t *pool, ngx_cycle_t *cycle)
{
    pool->heard = 0;

    if (pool->channels.nelts == 0) {
        return;
    }

    pool->heartbeat.handler = carmen_pg_listen_heartbeat;
    pool->heartbeat.data = pool;
    pool->heartbeat.log = cycle->log;
    pool->heartbeat.cancelable = 1;

    ngx_add_timer(&pool->heartbeat, CARMEN_HEARTBEAT);
}


void
carmen_pg_listen_stop(carmen_pg_pool_t *pool)
{
    if (pool->heartbeat.timer_set) {
        ngx_del_timer(&pool->heartbeat);
    }
}


/* a LISTEN a channel; the names are ours, not a client's */

ngx_int_t
carmen_pg_listen_send(carmen_pg_conn_t *conn)
{
    u_char             text[96];
    ngx_uint_t         i;
    carmen_op_t       *op;
    carmen_channel_t  *channel;

    channel = conn->lane->pool->channels.elts;

    for (i = 0; i < conn->lane->pool->channels.nelts; i++) {

        op = carmen_op_get(conn->lane->pool);
        if (op == NULL) {
            return NGX_ERROR;
        }

        op->internal = 1;
        op->lane = conn->lane;
        op->done = carmen_pg_listening;
        op->data = conn;

        carmen_pg_conn_queue(conn, op);

        *ngx_snprintf(text, sizeof(text) - 1, "LISTEN \"%s\"",
                      channel[i].channel) = '\0';

        if (PQsendQueryParams(conn->pq, (char *) text, 0, NULL, NULL, NULL,
                              NULL, 0) != 1
            || carmen_pg_conn_sync(conn) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
carmen_pg_listening(carmen_op_t *op)
{
    carmen_pg_conn_t  *conn = op->data;

    if (op->failure != CARMEN_OP_OK) {
        return;
    }

    if (PQresultStatus(op->result) != PGRES_COMMAND_OK) {
        carmen_pg_conn_break(conn);
        return;
    }

    carmen_pg_conn_prepared(conn);
}


void
carmen_pg_listen_ready(carmen_pg_pool_t *pool)
{
    ngx_uint_t         i;
    carmen_channel_t  *channel;

    pool->heard = ngx_current_msec;
    channel = pool->channels.elts;

    for (i = 0; i < pool->channels.nelts; i++) {
        if (channel[i].ready) {
            channel[i].ready(pool, channel[i].data);
        }
    }
}


void
carmen_pg_listen_notifies(carmen_pg_conn_t *conn)
{
    PGnotify          *n;
    ngx_str_t          payload;
    ngx_uint_t         i;
    carmen_pg_pool_t  *pool;
    carmen_channel_t  *channel;

    pool = conn->lane->pool;
    channel = pool->channels.elts;

    while ((n = PQnotifies(conn->pq)) != NULL) {

        payload.data = (u_char *) n->extra;
        payload.len = ngx_strlen(n->extra);

        for (i = 0; i < pool->channels.nelts; i++) {
            if (ngx_strcmp(channel[i].channel, n->relname) == 0) {
                channel[i].notify(pool, &payload, channel[i].data);
            }
        }

        PQfreemem(n);
    }
}


/* an empty query is the least that makes the server answer */

static void
carmen_pg_listen_heartbeat(ngx_event_t *ev)
{
    carmen_op_t       *op;
    carmen_pg_conn_t  *conn;
    carmen_pg_pool_t  *pool;

    pool = ev->data;
    conn = &pool->lanes[CARMEN_LANE_LISTEN].conns[0];

    ngx_add_timer(ev, CARMEN_HEARTBEAT);

    if (conn->state != CARMEN_PG_READY || conn->nflight || conn->broken) {
        return;
    }

    op = carmen_op_get(pool);
    if (op == NULL) {
        return;
    }

    op->internal = 1;
    op->lane = conn->lane;
    op->done = carmen_pg_listen_heard;
    op->data = pool;

    carmen_pg_conn_queue(conn, op);

    if (PQsendQueryParams(conn->pq, "", 0, NULL, NULL, NULL, NULL, 0) != 1
        || carmen_pg_conn_sync(conn) != NGX_OK)
    {
        carmen_pg_conn_break(conn);
        return;
    }

    ngx_post_event(&conn->flush, &ngx_posted_events);
}


static void
carmen_pg_listen_heard(carmen_op_t *op)
{
    carmen_pg_pool_t  *pool = op->data;

    if (op->failure == CARMEN_OP_OK) {
        pool->heard = ngx_current_msec;
    }
}
