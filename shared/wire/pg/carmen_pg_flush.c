
/*
 * One write for many requests.
 *
 * Each request has a Sync of its own, and PQpipelineSync() of libpq before
 * 17 flushes: a system call and a wake-up of the backend a request.  libpq
 * makes that call through its procedure linkage table, and the dynamic linker
 * looks a symbol up in a module before the libraries that the module brought
 * along, so the PQflush() of this file is the one that libpq finds.  It does
 * nothing while carmen_pg_hold() is on, and is PQflush() otherwise.  Should
 * libpq have been in the process before (brought by another module), it keeps
 * its own PQflush(): the answers are the same, only the batching is lost.
 */

#include <carmen_core.h>
#include "carmen_pg.h"

#ifndef LIBPQ_HAS_SEND_PIPELINE_SYNC

#include <dlfcn.h>


typedef int (*carmen_pg_flush_pt)(PGconn *pq);


static ngx_uint_t          carmen_pg_held;
static carmen_pg_flush_pt  carmen_pg_flush;


int
PQflush(PGconn *pq)
{
    if (carmen_pg_held) {
        return 0;
    }

    if (carmen_pg_flush == NULL) {
        *(void **) &carmen_pg_flush = dlsym(RTLD_NEXT, "PQflush");

        if (carmen_pg_flush == NULL) {
            return -1;
        }
    }

    return carmen_pg_flush(pq);
}


void
carmen_pg_hold(ngx_uint_t on)
{
    carmen_pg_held = on;
}


#else


void
carmen_pg_hold(ngx_uint_t on)
{
    /* PQsendPipelineSync() does not flush */
}


#endif
