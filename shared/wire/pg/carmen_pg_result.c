
/* Results: which operation they belong to, and whether it is run again. */

#include <carmen_core.h>
#include "carmen_pg.h"


static ngx_uint_t carmen_pg_conn_repeatable(carmen_pg_conn_t *conn,
    carmen_op_t *op);
static void carmen_pg_conn_done(carmen_pg_conn_t *conn, carmen_op_t *op);


/* may the transaction of this SQLSTATE be run again as it is? */

static ngx_uint_t
carmen_pg_conn_repeatable(carmen_pg_conn_t *conn, carmen_op_t *op)
{
    const char  *state;

    if (op->internal || op->orphan || op->tries >= 3) {
        return 0;
    }

    state = carmen_pg_sqlstate(op->result);

    if (ngx_strcmp(state, "40001") == 0 || ngx_strcmp(state, "40P01") == 0) {
        /* rolled back for the sake of others */
        return 1;
    }

    if (ngx_strcmp(state, "26000") == 0 || ngx_strcmp(state, "0A000") == 0) {
        /* the schema changed under the prepared statements */
        conn->stale = 1;
        return 1;
    }

    return 0;
}


static void
carmen_pg_conn_done(carmen_pg_conn_t *conn, carmen_op_t *op)
{
    const char  *state;

    ngx_queue_remove(&op->queue);
    conn->nflight--;

    if (!op->internal) {
        carmen_metric_add(conn->lane->metrics->in_flight, -1);
    }

    conn->progress = ngx_current_msec;
    conn->watch.cancelable = ngx_queue_empty(&conn->flight);
    op->answered = 1;

    state = carmen_pg_sqlstate(op->result);

    if (state[0]) {

        if (!op->internal && op->preparing) {
            /* the Parse failed: the next one tries it again */
            carmen_bit_clear(conn->prepared,
                             op->statement->number + op->variant);
        }

        if (carmen_pg_conn_repeatable(conn, op)) {
            carmen_pg_op_again(op);
            return;
        }

        if (ngx_strncmp(state, "57P0", 4) == 0) {
            /* the server goes down; what it did not commit is undone */
            conn->broken = 1;

            if (!op->internal && !op->orphan && op->tries < 3) {
                carmen_pg_op_again(op);
                return;
            }
        }

        if (state[0] != 'C' || state[1] != 'A') {
            carmen_metric_add(conn->lane->metrics->errors, 1);
        }
    }

    carmen_pg_op_finish(op, CARMEN_OP_OK);
}


void
carmen_pg_conn_results(carmen_pg_conn_t *conn)
{
    PGresult        *res;
    ngx_uint_t       nulls;
    carmen_op_t     *op;
    ExecStatusType   status;

    nulls = 0;

    while (conn->pq && !ngx_queue_empty(&conn->flight)
           && !PQisBusy(conn->pq))
    {
        res = PQgetResult(conn->pq);

        if (res == NULL) {

            /* the end of a command; twice in a row, of everything */

            if (++nulls > 2) {
                return;
            }

            continue;
        }

        nulls = 0;

        op = ngx_queue_data(ngx_queue_head(&conn->flight), carmen_op_t,
                            queue);

        status = PQresultStatus(res);

        switch (status) {

        case PGRES_PIPELINE_SYNC:
            PQclear(res);
            carmen_pg_conn_done(conn, op);
            break;

        case PGRES_PIPELINE_ABORTED:
            PQclear(res);
            break;

        case PGRES_FATAL_ERROR:
            /* also a commit that failed after the rows were sent */
            if (op->result) {
                PQclear(op->result);
            }

            op->result = res;

            if (PQstatus(conn->pq) == CONNECTION_BAD) {
                return;
            }

            break;

        default:
            if (op->preparing && !op->internal) {
                op->preparing = 0;
                carmen_bit_clear(conn->lane->pool->unfit,
                                 op->statement->index);
                PQclear(res);
                break;
            }

            if (op->result) {
                PQclear(op->result);
            }

            op->result = res;
        }
    }
}
