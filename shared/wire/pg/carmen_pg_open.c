
/* Opening a connection: a server of the upstream{}, and libpq's descriptor on
 * nginx's events. */

#include <carmen_core.h>
#include "carmen_pg.h"


static void carmen_pg_conn_peers_reset(carmen_pg_conn_t *conn);
static ngx_int_t carmen_pg_conn_address(carmen_pg_conn_t *conn, char *host,
    size_t size, char *port, size_t port_size, ngx_uint_t *local);
static ngx_int_t carmen_pg_conn_attach(carmen_pg_conn_t *conn);


static void
carmen_pg_conn_peers_reset(carmen_pg_conn_t *conn)
{
    ngx_uint_t                     n;
    ngx_http_upstream_rr_peers_t  *peers, *p;

    peers = conn->lane->pool->upstream->peer.data;

    n = 1;

    for (p = peers; p; p = p->next) {
        n = ngx_max(n, p->number);
    }

    n = (n + 8 * sizeof(uintptr_t) - 1) / (8 * sizeof(uintptr_t));

    ngx_memzero(conn->rrp.tried, n * sizeof(uintptr_t));

    conn->rrp.peers = peers;
    conn->rrp.current = NULL;
    conn->rrp.config = 0;

#if (nginx_version >= 1027003 && NGX_HTTP_UPSTREAM_ZONE)
    conn->rrp.config = peers->config ? *peers->config : 0;
#endif

    ngx_memzero(&conn->peer, sizeof(ngx_peer_connection_t));

    conn->peer.log = ngx_cycle->log;
    conn->peer.tries = peers->number
                       + (peers->next ? peers->next->number : 0);
}


void
carmen_pg_conn_peer_free(carmen_pg_conn_t *conn, ngx_uint_t state)
{
    if (conn->has_peer) {
        conn->has_peer = 0;
        ngx_http_upstream_free_round_robin_peer(&conn->peer, &conn->rrp,
                                                state);
    }
}


/*
 * The address of a server line as libpq wants it: hostaddr and port, or the
 * directory of a Unix socket and the port in its name.
 */

static ngx_int_t
carmen_pg_conn_address(carmen_pg_conn_t *conn, char *host, size_t size,
    char *port, size_t port_size, ngx_uint_t *local)
{
    char                *dot, *slash;
    size_t               len;
    struct sockaddr     *sa;
    struct sockaddr_un  *saun;

    sa = conn->peer.sockaddr;
    *local = 0;

    if (sa->sa_family == AF_UNIX) {
        saun = (struct sockaddr_un *) sa;
        slash = strrchr(saun->sun_path, '/');
        dot = strrchr(saun->sun_path, '.');

        if (slash == NULL || dot == NULL || dot < slash) {
            return NGX_ERROR;
        }

        len = slash - saun->sun_path;

        if (len >= size || ngx_strlen(dot + 1) >= port_size) {
            return NGX_ERROR;
        }

        ngx_memcpy(host, saun->sun_path, len);
        host[len] = '\0';
        ngx_cpystrn((u_char *) port, (u_char *) dot + 1, port_size);
        *local = 1;

        return NGX_OK;
    }

    len = ngx_sock_ntop(sa, conn->peer.socklen, (u_char *) host, size - 1, 0);
    host[len] = '\0';

    *ngx_snprintf((u_char *) port, port_size - 1, "%d",
                  (int) ngx_inet_get_port(sa)) = '\0';

    return NGX_OK;
}


void
carmen_pg_conn_open(carmen_pg_conn_t *conn)
{
    char               host[256], port[16], settings[512];
    ngx_int_t          rc;
    ngx_uint_t         n, local;
    const char        *names[12], *values[12];
    carmen_pg_pool_t  *pool;
    carmen_pg_lane_t  *lane;

    lane = conn->lane;
    pool = lane->pool;

    if (conn->rrp.peers == NULL || conn->peer.tries == 0) {
        carmen_pg_conn_peers_reset(conn);
    }

    rc = ngx_http_upstream_get_round_robin_peer(&conn->peer, &conn->rrp);

    if (rc != NGX_OK) {
        conn->peer.tries = 0;
        carmen_pg_conn_failed(conn, "no live servers");
        return;
    }

    conn->has_peer = 1;

    if (carmen_pg_conn_address(conn, host, sizeof(host), port, sizeof(port),
                               &local)
        != NGX_OK)
    {
        carmen_pg_conn_failed(conn, "a Unix socket of PostgreSQL is named "
                              "\"<directory>/.s.PGSQL.<port>\"");
        return;
    }

    *ngx_snprintf((u_char *) settings, sizeof(settings) - 1,
                  "-c statement_timeout=%M -c lock_timeout=%M "
                  "-c idle_in_transaction_session_timeout=%M "
                  "-c client_min_messages=error -c timezone=UTC "
                  "-c default_transaction_read_only=%s",
                  pool->timeout[lane->type], pool->lock_timeout,
                  pool->timeout[lane->type],
                  lane->type == CARMEN_LANE_FAST ? "on" : "off")
        = '\0';

    /* what follows dbname wins over what the connection string says, and what
     * goes before it gives way */

    n = 0;
    names[n] = "fallback_application_name"; values[n++] = "carmen";
    names[n] = "gssencmode"; values[n++] = "disable";
    names[n] = "dbname";  values[n++] = (char *) pool->conninfo.data;
    names[n] = local ? "host" : "hostaddr";  values[n++] = host;
    names[n] = "port";    values[n++] = port;
    names[n] = "options"; values[n++] = settings;
    names[n] = "client_encoding"; values[n++] = "UTF8";
    names[n] = NULL;      values[n] = NULL;

    conn->started = ngx_current_msec;
    conn->tenant.data = conn->tenant_data;
    conn->tenant.len = 0;
    conn->stale = 0;
    conn->broken = 0;
    conn->writing = 0;
    conn->state = CARMEN_PG_CONNECTING;

    conn->pq = PQconnectStartParams(names, values, 1);

    if (conn->pq == NULL) {
        carmen_pg_conn_failed(conn, "no memory");
        return;
    }

    if (PQstatus(conn->pq) == CONNECTION_BAD) {
        carmen_pg_conn_failed(conn, PQerrorMessage(conn->pq));
        return;
    }

    PQsetnonblocking(conn->pq, 1);

    ngx_add_timer(&conn->timer, pool->connect_timeout);

    if (carmen_pg_conn_attach(conn) != NGX_OK) {
        carmen_pg_conn_failed(conn, "no connection slot");
        return;
    }

    carmen_pg_conn_write_interest(conn, 1);
}


static ngx_int_t
carmen_pg_conn_attach(carmen_pg_conn_t *conn)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(PQsocket(conn->pq), ngx_cycle->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->data = conn;
    c->log = ngx_cycle->log;
    c->read->log = c->log;
    c->write->log = c->log;
    c->read->handler = carmen_pg_conn_event;
    c->write->handler = carmen_pg_conn_event;
    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);

    conn->connection = c;
    conn->writing = 0;

    if (ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT) != NGX_OK) {
        conn->connection = NULL;
        ngx_free_connection(c);
        c->fd = (ngx_socket_t) -1;
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * The descriptor stays with libpq, which may have closed it already: an event
 * of a closed descriptor is forgotten, not deleted.
 */

void
carmen_pg_conn_detach(carmen_pg_conn_t *conn)
{
    ngx_uint_t         flags;
    ngx_connection_t  *c;

    c = conn->connection;

    if (c == NULL) {
        return;
    }

    conn->connection = NULL;
    conn->writing = 0;

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    flags = (conn->pq && PQsocket(conn->pq) == c->fd) ? 0 : NGX_CLOSE_EVENT;

    if (c->read->active) {
        ngx_del_event(c->read, NGX_READ_EVENT, flags);
    }

    if (c->write->active) {
        ngx_del_event(c->write, NGX_WRITE_EVENT, flags);
    }

    c->read->closed = 1;
    c->write->closed = 1;

    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;
}


void
carmen_pg_conn_write_interest(carmen_pg_conn_t *conn, ngx_uint_t on)
{
    ngx_event_t  *wev;

    if (conn->writing == on) {
        return;
    }

    wev = conn->connection->write;

    if (on) {
        if (ngx_add_event(wev, NGX_WRITE_EVENT, NGX_LEVEL_EVENT) != NGX_OK) {
            carmen_pg_conn_break(conn);
            return;
        }

    } else if (ngx_del_event(wev, NGX_WRITE_EVENT, 0) != NGX_OK) {
        carmen_pg_conn_break(conn);
        return;
    }

    conn->writing = on;
}


void
carmen_pg_conn_poll(carmen_pg_conn_t *conn)
{
    PostgresPollingStatusType  status;

    status = PQconnectPoll(conn->pq);

    if (status == PGRES_POLLING_FAILED) {
        carmen_pg_conn_failed(conn, PQerrorMessage(conn->pq));
        return;
    }

    /* libpq may have closed one socket and opened another */

    if (conn->connection->fd != PQsocket(conn->pq)) {
        carmen_pg_conn_detach(conn);

        if (carmen_pg_conn_attach(conn) != NGX_OK) {
            carmen_pg_conn_failed(conn, "no connection slot");
            return;
        }
    }

    if (status == PGRES_POLLING_OK) {
        carmen_pg_conn_write_interest(conn, 0);
        carmen_pg_conn_connected(conn);
        return;
    }

    carmen_pg_conn_write_interest(conn, status == PGRES_POLLING_WRITING);
}
