
/*
 * Work that would hold up a worker, in nginx's thread pools.  The task is in
 * memory of its own: the request may go while a thread is at it.
 */

#include <carmen_core.h>
#include <stddef.h>
#include <openssl/crypto.h>
#include "carmen_context.h"


#define CARMEN_TASKS_MAX      256            /* of a worker */
#define CARMEN_TASKS_CLIENT   16             /* of a client's address */
#define CARMEN_TASK_PATIENCE  60000


typedef struct {
    ngx_thread_task_t         task;          /* must be first */
    ngx_queue_t               queue;
    carmen_request_t         *cr;            /* NULL: orphaned */
    carmen_work_pt            work;
    carmen_done_pt            done;
    ngx_event_t               timer;         /* keeps the worker here */
    u_char                    address[NGX_SOCKADDRLEN];
    socklen_t                 address_len;
    size_t                    size;
    max_align_t               data[];
} carmen_task_t;


static void carmen_offload_work(void *data, ngx_log_t *log);
static void carmen_offload_done(ngx_event_t *ev);
static void carmen_offload_timer(ngx_event_t *ev);
static void carmen_offload_free(carmen_task_t *task);


static ngx_queue_t  carmen_tasks;
static ngx_uint_t   carmen_ntasks;


ngx_int_t
carmen_offload(carmen_request_t *cr, ngx_str_t *name, carmen_work_pt work,
    carmen_done_pt done, const void *data, size_t size)
{
    ngx_str_t           detail;
    ngx_uint_t          mine;
    ngx_queue_t        *q;
    carmen_task_t      *task;
    ngx_connection_t   *c;
    ngx_thread_pool_t  *pool;

    c = cr->http->connection;

    pool = ngx_thread_pool_get((ngx_cycle_t *) ngx_cycle, name);

    if (pool == NULL) {
        ngx_log_error(NGX_LOG_ERR, c->log, 0,
                      "carmen: thread pool \"%V\" not found", name);
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
        return NGX_BUSY;
    }

    if (carmen_tasks.next == NULL) {
        ngx_queue_init(&carmen_tasks);
    }

    mine = 0;

    for (q = ngx_queue_head(&carmen_tasks);
         q != ngx_queue_sentinel(&carmen_tasks);
         q = ngx_queue_next(q))
    {
        task = ngx_queue_data(q, carmen_task_t, queue);

        if (ngx_cmp_sockaddr((struct sockaddr *) task->address,
                             task->address_len, c->sockaddr, c->socklen, 0)
            == NGX_OK)
        {
            mine++;
        }
    }

    if (carmen_ntasks >= CARMEN_TASKS_MAX || mine >= CARMEN_TASKS_CLIENT) {
        goto busy;
    }

    task = ngx_calloc(sizeof(carmen_task_t) + size, ngx_cycle->log);
    if (task == NULL) {
        goto busy;
    }

    if (carmen_request_keep(cr) != NGX_OK) {
        ngx_free(task);
        goto busy;
    }

    ngx_memcpy(task->data, data, size);
    ngx_memcpy(task->address, c->sockaddr, ngx_min(c->socklen,
                                                   NGX_SOCKADDRLEN));
    task->address_len = c->socklen;
    task->size = size;
    task->cr = cr;
    task->work = work;
    task->done = done;

    task->task.ctx = task;
    task->task.handler = carmen_offload_work;
    task->task.event.handler = carmen_offload_done;
    task->task.event.data = task;
    task->task.event.log = ngx_cycle->log;

    if (ngx_thread_task_post(pool, &task->task) != NGX_OK) {
        OPENSSL_cleanse(task->data, size);
        ngx_free(task);
        goto busy;
    }

    task->timer.handler = carmen_offload_timer;
    task->timer.data = task;
    task->timer.log = ngx_cycle->log;
    ngx_add_timer(&task->timer, CARMEN_TASK_PATIENCE);

    ngx_queue_insert_tail(&carmen_tasks, &task->queue);
    carmen_ntasks++;

    cr->task = task;
    carmen_request_wait(cr);

    return NGX_OK;

busy:

    ngx_str_set(&detail, "Too many passwords are being checked.");
    carmen_problem_reply(cr, "overloaded", &detail, NULL);

    return NGX_BUSY;
}


static void
carmen_offload_work(void *data, ngx_log_t *log)
{
    carmen_task_t  *task = data;

    task->work(task->data, log);
}


static void
carmen_offload_done(ngx_event_t *ev)
{
    ngx_connection_t  *c;
    carmen_task_t     *task;
    carmen_request_t  *cr;

    task = ev->data;
    cr = task->cr;

    if (cr) {
        c = cr->http->connection;
        cr->task = NULL;
        task->cr = NULL;
        task->done(cr, task->data);
        ngx_http_run_posted_requests(c);
    }

    carmen_offload_free(task);
}


static void
carmen_offload_free(carmen_task_t *task)
{
    if (task->timer.timer_set) {
        ngx_del_timer(&task->timer);
    }

    ngx_queue_remove(&task->queue);
    carmen_ntasks--;

    OPENSSL_cleanse(task->data, task->size);
    ngx_free(task);
}


static void
carmen_offload_timer(ngx_event_t *ev)
{
    /* the thread will say when it is done; till then the worker stays */

    ngx_add_timer(ev, CARMEN_TASK_PATIENCE);
}


void
carmen_offload_orphan(carmen_request_t *cr)
{
    carmen_task_t  *task = cr->task;

    task->cr = NULL;
    cr->task = NULL;
}
