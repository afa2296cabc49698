
/* A fetch: resolve, connect, handshake, send, receive. */

#include <carmen_core.h>
#include "carmen_fetch.h"


#define CARMEN_FETCH_BUFFER  4096
#define CARMEN_FETCH_POOL    4096


static void carmen_fetch_resolved(ngx_resolver_ctx_t *ctx);
static ngx_int_t carmen_fetch_allowed(carmen_fetch_t *f);
static void carmen_fetch_connect(carmen_fetch_t *f);
static void carmen_fetch_connected(ngx_event_t *ev);
static void carmen_fetch_established(carmen_fetch_t *f);
static void carmen_fetch_handshake(ngx_connection_t *c);
static ngx_int_t carmen_fetch_named(carmen_fetch_t *f);
static void carmen_fetch_write(ngx_event_t *wev);
static void carmen_fetch_read(ngx_event_t *rev);
static void carmen_fetch_idle(ngx_event_t *ev);
static void carmen_fetch_disconnect(carmen_fetch_t *f);
static void carmen_fetch_timeout(ngx_event_t *ev);
static void carmen_fetch_finish(ngx_event_t *ev);


carmen_fetch_t *
carmen_fetch_create(const carmen_fetch_policy_t *policy, ngx_log_t *log)
{
    ngx_pool_t      *pool;
    carmen_fetch_t  *f;

    pool = ngx_create_pool(CARMEN_FETCH_POOL, log);
    if (pool == NULL) {
        return NULL;
    }

    f = ngx_pcalloc(pool, sizeof(carmen_fetch_t));

    if (f == NULL
        || ngx_array_init(&f->headers, pool, 4, sizeof(ngx_keyval_t))
           != NGX_OK
        || ngx_array_init(&f->response_headers, pool, 8, sizeof(ngx_keyval_t))
           != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    f->pool = pool;
    f->policy = policy;
    f->length = -1;

    f->timer.handler = carmen_fetch_timeout;
    f->timer.data = f;
    f->timer.log = log;

    f->finish.handler = carmen_fetch_finish;
    f->finish.data = f;
    f->finish.log = log;

    return f;
}


ngx_int_t
carmen_fetch_header(carmen_fetch_t *f, const char *name, ngx_str_t *value)
{
    ngx_uint_t     i;
    ngx_keyval_t  *kv;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < 0x20 && value->data[i] != '\t') {
            return NGX_ERROR;
        }
    }

    kv = ngx_array_push(&f->headers);
    if (kv == NULL) {
        return NGX_ERROR;
    }

    kv->key.data = (u_char *) name;
    kv->key.len = ngx_strlen(name);
    kv->value = *value;

    return NGX_OK;
}


void
carmen_fetch_start(carmen_fetch_t *f)
{
    ngx_resolver_ctx_t  *ctx, temp;

    ngx_add_timer(&f->timer, f->policy->timeout);

    if (carmen_fetch_prepare(f) != NGX_OK) {
        return;
    }

    if (f->target.naddrs) {
        /* an address, not a name */
        f->addrs = f->target.addrs;
        f->naddrs = f->target.naddrs;

        if (carmen_fetch_allowed(f) == NGX_OK) {
            carmen_fetch_connect(f);
        }

        return;
    }

    if (f->policy->resolver == NULL) {
        carmen_fetch_end(f, "no resolver is configured");
        return;
    }

    ngx_memzero(&temp, sizeof(ngx_resolver_ctx_t));
    temp.name = f->host;

    ctx = ngx_resolve_start(f->policy->resolver, &temp);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        carmen_fetch_end(f, "the resolver did not start");
        return;
    }

    ctx->name = f->host;
    ctx->handler = carmen_fetch_resolved;
    ctx->data = f;
    ctx->timeout = f->policy->resolver_timeout;

    f->resolving = ctx;

    if (ngx_resolve_name(ctx) != NGX_OK) {
        f->resolving = NULL;
        carmen_fetch_end(f, "the resolver did not start");
    }
}


static void
carmen_fetch_resolved(ngx_resolver_ctx_t *ctx)
{
    ngx_uint_t        i;
    carmen_fetch_t   *f;
    struct sockaddr  *sa;

    f = ctx->data;

    if (ctx->state || ctx->naddrs == 0) {
        f->resolving = NULL;
        ngx_resolve_name_done(ctx);
        carmen_fetch_end(f, "the name cannot be resolved");
        return;
    }

    f->addrs = ngx_pcalloc(f->pool, ctx->naddrs * sizeof(ngx_addr_t));

    for (i = 0; f->addrs && i < ctx->naddrs; i++) {

        sa = ngx_pcalloc(f->pool, ctx->addrs[i].socklen);
        if (sa == NULL) {
            f->addrs = NULL;
            break;
        }

        ngx_memcpy(sa, ctx->addrs[i].sockaddr, ctx->addrs[i].socklen);
        ngx_inet_set_port(sa, f->target.port);

        f->addrs[i].sockaddr = sa;
        f->addrs[i].socklen = ctx->addrs[i].socklen;
        f->addrs[i].name = f->host;
        f->naddrs++;
    }

    f->resolving = NULL;
    ngx_resolve_name_done(ctx);

    if (f->addrs == NULL) {
        carmen_fetch_end(f, "no memory");
        return;
    }

    if (carmen_fetch_allowed(f) == NGX_OK) {
        carmen_fetch_connect(f);
    }
}


/*
 * All addresses of the name are looked at, and those are connected to: a name
 * that resolves otherwise the second time gains nothing.
 */

static ngx_int_t
carmen_fetch_allowed(carmen_fetch_t *f)
{
    ngx_uint_t  i;

    if (f->policy->allow_private) {
        return NGX_OK;
    }

    for (i = 0; i < f->naddrs; i++) {
        if (carmen_fetch_private(f->addrs[i].sockaddr)) {
            carmen_fetch_end(f, "the address is private");
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
carmen_fetch_connect(carmen_fetch_t *f)
{
    ngx_int_t          rc;
    ngx_addr_t        *addr;
    ngx_connection_t  *c;

    while (f->next < f->naddrs) {

        addr = &f->addrs[f->next++];

        ngx_memzero(&f->peer, sizeof(ngx_peer_connection_t));

        f->peer.sockaddr = addr->sockaddr;
        f->peer.socklen = addr->socklen;
        f->peer.name = &f->host;
        f->peer.get = ngx_event_get_peer;
        f->peer.log = f->timer.log;
        f->peer.log_error = NGX_ERROR_INFO;

        rc = ngx_event_connect_peer(&f->peer);

        if (rc != NGX_OK && rc != NGX_AGAIN) {
            carmen_fetch_disconnect(f);
            continue;
        }

        c = f->peer.connection;
        c->data = f;
        c->pool = f->pool;
        c->log = f->timer.log;
        c->read->log = c->log;
        c->write->log = c->log;
        c->read->handler = carmen_fetch_connected;
        c->write->handler = carmen_fetch_connected;

        ngx_add_timer(c->write, f->policy->connect_timeout);

        if (rc == NGX_OK) {
            ngx_post_event(c->write, &ngx_posted_events);
        }

        return;
    }

    carmen_fetch_end(f, "the server cannot be reached");
}


static void
carmen_fetch_connected(ngx_event_t *ev)
{
    int                err;
    socklen_t          len;
    carmen_fetch_t    *f;
    ngx_connection_t  *c;

    c = ev->data;
    f = c->data;

    err = 0;
    len = sizeof(int);

    if (ev->timedout
        || getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1
        || err)
    {
        carmen_fetch_disconnect(f);
        carmen_fetch_connect(f);
        return;
    }

    if (!ev->write) {
        return;
    }

    carmen_fetch_established(f);
}


static void
carmen_fetch_established(carmen_fetch_t *f)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = f->peer.connection;

    if (f->tls) {

        if (ngx_ssl_create_connection(f->policy->ssl, c,
                                      NGX_SSL_BUFFER|NGX_SSL_CLIENT)
            != NGX_OK)
        {
            carmen_fetch_end(f, "TLS failed");
            return;
        }

        /* RFC 6066 section 3: names only */

        if (f->target.naddrs == 0) {
            u_char  *name;

            name = ngx_pnalloc(f->pool, f->host.len + 1);
            if (name == NULL) {
                carmen_fetch_end(f, "no memory");
                return;
            }

            (void) ngx_cpystrn(name, f->host.data, f->host.len + 1);

            if (SSL_set_tlsext_host_name(c->ssl->connection, (char *) name)
                != 1)
            {
                carmen_fetch_end(f, "TLS failed");
                return;
            }
        }

        rc = ngx_ssl_handshake(c);

        if (rc == NGX_AGAIN) {
            c->ssl->handler = carmen_fetch_handshake;
            return;
        }

        carmen_fetch_handshake(c);
        return;
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    c->read->handler = carmen_fetch_read;
    c->write->handler = carmen_fetch_write;

    carmen_fetch_write(c->write);
}


static void
carmen_fetch_handshake(ngx_connection_t *c)
{
    carmen_fetch_t  *f;

    f = c->data;

    if (!c->ssl->handshaked) {
        carmen_fetch_end(f, "the TLS handshake failed");
        return;
    }

    if (SSL_get_verify_result(c->ssl->connection) != X509_V_OK) {
        carmen_fetch_end(f, "the certificate is not trusted");
        return;
    }

    if (carmen_fetch_named(f) != NGX_OK) {
        carmen_fetch_end(f, "the certificate is for another name");
        return;
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    c->read->handler = carmen_fetch_read;
    c->write->handler = carmen_fetch_write;

    carmen_fetch_write(c->write);
}


/* the certificate is for the name, or the address, in the URL */

static ngx_int_t
carmen_fetch_named(carmen_fetch_t *f)
{
    int                rc;
    X509              *cert;
    u_char             text[NGX_INET6_ADDRSTRLEN + 1];
    ngx_connection_t  *c;

    c = f->peer.connection;

    if (f->target.naddrs == 0) {
        return ngx_ssl_check_host(c, &f->host);
    }

    cert = SSL_get_peer_certificate(c->ssl->connection);

    if (cert == NULL || f->host.len > NGX_INET6_ADDRSTRLEN) {
        X509_free(cert);
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(text, f->host.data, f->host.len + 1);
    rc = X509_check_ip_asc(cert, (char *) text, 0);
    X509_free(cert);

    return rc == 1 ? NGX_OK : NGX_ERROR;
}


static void
carmen_fetch_write(ngx_event_t *wev)
{
    ssize_t            n;
    carmen_fetch_t    *f;
    ngx_connection_t  *c;

    c = wev->data;
    f = c->data;

    while (f->sent < f->request.len) {

        n = c->send(c, f->request.data + f->sent, f->request.len - f->sent);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            carmen_fetch_end(f, "the connection was lost");
            return;
        }

        f->sent += n;
    }

    if (f->sent == f->request.len) {
        wev->handler = carmen_fetch_idle;
    }

    if (ngx_handle_write_event(wev, 0) != NGX_OK) {
        carmen_fetch_end(f, "no memory");
        return;
    }

    if (f->sent == f->request.len) {
        /* the answer may be here already */
        carmen_fetch_read(c->read);
    }
}


static void
carmen_fetch_idle(ngx_event_t *ev)
{
    /* nothing more is to be written */
}


static ngx_int_t
carmen_fetch_room(carmen_fetch_t *f)
{
    u_char  *p;
    size_t   size, used;

    if (f->in.last < f->in.end) {
        return NGX_OK;
    }

    used = f->in.last - f->in.start;

    if (used >= f->policy->max_response) {
        carmen_fetch_end(f, "the response is too large");
        return NGX_ERROR;
    }

    size = used ? used * 2 : CARMEN_FETCH_BUFFER;
    size = ngx_min(size, f->policy->max_response);

    p = ngx_palloc(f->pool, size);
    if (p == NULL) {
        carmen_fetch_end(f, "no memory");
        return NGX_ERROR;
    }

    if (used) {
        ngx_memcpy(p, f->in.start, used);
        ngx_pfree(f->pool, f->in.start);
    }

    f->in.start = p;
    f->in.last = p + used;
    f->in.end = p + size;

    return NGX_OK;
}


static void
carmen_fetch_read(ngx_event_t *rev)
{
    ssize_t            n;
    carmen_fetch_t    *f;
    ngx_connection_t  *c;

    c = rev->data;
    f = c->data;

    for ( ;; ) {

        if (carmen_fetch_room(f) != NGX_OK) {
            return;
        }

        n = c->recv(c, f->in.last, f->in.end - f->in.last);

        if (n == NGX_AGAIN) {
            if (ngx_handle_read_event(rev, 0) != NGX_OK) {
                carmen_fetch_end(f, "no memory");
            }

            return;
        }

        if (n == NGX_ERROR) {
            carmen_fetch_end(f, "the connection was lost");
            return;
        }

        f->in.last += n;

        carmen_fetch_received(f, n == 0);

        if (f->ended) {
            return;
        }
    }
}


static void
carmen_fetch_disconnect(carmen_fetch_t *f)
{
    ngx_connection_t  *c;

    c = f->peer.connection;

    if (c == NULL) {
        return;
    }

    f->peer.connection = NULL;

    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;
        (void) ngx_ssl_shutdown(c);
    }

    c->pool = NULL;
    ngx_close_connection(c);
}


/* the caller hears of it from a posted event, so never from within a call */

void
carmen_fetch_end(carmen_fetch_t *f, const char *error)
{
    f->error = error;
    f->ended = 1;

    carmen_fetch_disconnect(f);

    if (f->timer.timer_set) {
        ngx_del_timer(&f->timer);
    }

    ngx_post_event(&f->finish, &ngx_posted_events);
}


static void
carmen_fetch_timeout(ngx_event_t *ev)
{
    carmen_fetch_t  *f = ev->data;

    if (f->resolving) {
        ngx_resolve_name_done(f->resolving);
        f->resolving = NULL;
    }

    carmen_fetch_end(f, "the server did not answer in time");
}


static void
carmen_fetch_finish(ngx_event_t *ev)
{
    carmen_fetch_t  *f = ev->data;

    if (f->done) {
        f->done(f);
    }

    f->done = NULL;
    carmen_fetch_abort(f);
}


void
carmen_fetch_abort(carmen_fetch_t *f)
{
    if (f->resolving) {
        ngx_resolve_name_done(f->resolving);
        f->resolving = NULL;
    }

    carmen_fetch_disconnect(f);

    if (f->timer.timer_set) {
        ngx_del_timer(&f->timer);
    }

    if (f->finish.posted) {
        ngx_delete_posted_event(&f->finish);
    }

    ngx_destroy_pool(f->pool);
}


ngx_str_t *
carmen_fetch_response_header(carmen_fetch_t *f, const char *name)
{
    ngx_uint_t     i;
    ngx_keyval_t  *kv;

    kv = f->response_headers.elts;

    for (i = 0; i < f->response_headers.nelts; i++) {
        if (ngx_strcmp(kv[i].key.data, name) == 0) {
            return &kv[i].value;
        }
    }

    return NULL;
}
