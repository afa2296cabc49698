
/* A fetch: resolve, connect, handshake, send, receive. */

#include <carmen_core.h>
#include "carmen_fetch.h"


#define CARMEN_FETCH_BUFFER  4096
#define CARMEN_FETCH_POOL    4096


static ngx_int_t carmen_fetch_prepare(carmen_fetch_t *f);
static ngx_int_t carmen_fetch_build(carmen_fetch_t *f);
static void carmen_fetch_resolved(ngx_resolver_ctx_t *ctx);
static ngx_int_t carmen_fetch_allowed(carmen_fetch_t *f);
static void carmen_fetch_connect(carmen_fetch_t *f);
static void carmen_fetch_connected(ngx_event_t *ev);
static void carmen_fetch_established(carmen_fetch_t *f);
static void carmen_fetch_handshake(ngx_connection_t *c);
static void carmen_fetch_write(ngx_event_t *wev);
static void carmen_fetch_read(ngx_event_t *rev);
static void carmen_fetch_idle(ngx_event_t *ev);
static void carmen_fetch_received(carmen_fetch_t *f, ngx_uint_t eof);
static void carmen_fetch_end(carmen_fetch_t *f, const char *error);
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


/* RFC 3986, as far as http and https go: no user information, no fragment */

static ngx_int_t
carmen_fetch_prepare(carmen_fetch_t *f)
{
    u_char      *p, *end;
    ngx_str_t    rest;
    ngx_url_t   *u;

    for (p = f->url.data; p < f->url.data + f->url.len; p++) {
        if (*p <= 0x20 || *p >= 0x7f || *p == '#') {
            carmen_fetch_end(f, "the URL has a character that it must not "
                             "have");
            return NGX_ERROR;
        }
    }

    rest = f->url;

    if (rest.len > 8
        && ngx_strncasecmp(rest.data, (u_char *) "https://", 8) == 0)
    {
        f->tls = 1;
        rest.data += 8;
        rest.len -= 8;

        if (f->policy->ssl == NULL) {
            carmen_fetch_end(f, "https is not configured");
            return NGX_ERROR;
        }

    } else if (f->policy->allow_plain && rest.len > 7
               && ngx_strncasecmp(rest.data, (u_char *) "http://", 7) == 0)
    {
        rest.data += 7;
        rest.len -= 7;

    } else {
        carmen_fetch_end(f, "the URL is not https");
        return NGX_ERROR;
    }

    end = rest.data + rest.len;

    for (p = rest.data; p < end && *p != '/' && *p != '?'; p++) {
        if (*p == '@') {
            carmen_fetch_end(f, "the URL names a user");
            return NGX_ERROR;
        }
    }

    u = &f->target;
    u->url = rest;
    u->default_port = f->tls ? 443 : 80;
    u->uri_part = 1;
    u->no_resolve = 1;

    if (ngx_parse_url(f->pool, u) != NGX_OK || u->family == AF_UNIX) {
        carmen_fetch_end(f, "the URL cannot be read");
        return NGX_ERROR;
    }

    f->host = u->host;

    if (f->host.len && f->host.data[0] == '[') {
        f->host.data++;
        f->host.len -= 2;
    }

    return carmen_fetch_build(f);
}


static ngx_int_t
carmen_fetch_build(carmen_fetch_t *f)
{
    u_char        *p;
    size_t         len;
    ngx_str_t      method;
    ngx_url_t     *u;
    ngx_uint_t     i, slash;
    ngx_keyval_t  *kv;

    u = &f->target;
    kv = f->headers.elts;

    ngx_str_set(&method, "GET");

    if (f->method.len) {
        method = f->method;
    }

    /* "https://host?query" lacks a slash */

    slash = (u->uri.len == 0 || u->uri.data[0] != '/');

    len = method.len + u->uri.len + u->host.len + f->body.len
          + sizeof(" / HTTP/1.1" CRLF "Host: :65535" CRLF
                   "Connection: close" CRLF "User-Agent: Carmen" CRLF
                   "Content-Length: " CRLF CRLF) + NGX_OFF_T_LEN;

    for (i = 0; i < f->headers.nelts; i++) {
        len += kv[i].key.len + kv[i].value.len + sizeof(": " CRLF);
    }

    p = ngx_pnalloc(f->pool, len);
    if (p == NULL) {
        carmen_fetch_end(f, "no memory");
        return NGX_ERROR;
    }

    f->request.data = p;

    p = ngx_sprintf(p, "%V %s%V HTTP/1.1" CRLF "Host: %V", &method,
                    slash ? "/" : "", &u->uri, &u->host);

    if (u->port != u->default_port) {
        p = ngx_sprintf(p, ":%d", (int) u->port);
    }

    p = ngx_sprintf(p, CRLF "Connection: close" CRLF
                    "User-Agent: Carmen" CRLF);

    if (f->body.data) {
        p = ngx_sprintf(p, "Content-Length: %uz" CRLF, f->body.len);
    }

    for (i = 0; i < f->headers.nelts; i++) {
        p = ngx_sprintf(p, "%V: %V" CRLF, &kv[i].key, &kv[i].value);
    }

    *p++ = CR;
    *p++ = LF;

    p = ngx_cpymem(p, f->body.data, f->body.len);

    f->request.len = p - f->request.data;

    return NGX_OK;
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

    if (ngx_ssl_check_host(c, &f->host) != NGX_OK) {
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


/* names in lower case, values without the white space around them */

static ngx_int_t
carmen_fetch_head_line(carmen_fetch_t *f, u_char *p, u_char *end)
{
    u_char        *colon;
    ngx_keyval_t  *kv;

    colon = ngx_strlchr(p, end, ':');

    if (colon == NULL || colon == p || *p == ' ' || *p == '\t') {
        return NGX_ERROR;
    }

    kv = ngx_array_push(&f->response_headers);
    if (kv == NULL) {
        return NGX_ERROR;
    }

    kv->key.len = colon - p;
    kv->key.data = ngx_pnalloc(f->pool, kv->key.len + 1);

    if (kv->key.data == NULL) {
        return NGX_ERROR;
    }

    ngx_strlow(kv->key.data, p, kv->key.len);
    kv->key.data[kv->key.len] = '\0';

    for (p = colon + 1; p < end && (*p == ' ' || *p == '\t'); p++) { /* */ }

    while (end > p && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }

    kv->value.len = end - p;
    kv->value.data = ngx_pnalloc(f->pool, kv->value.len + 1);

    if (kv->value.data == NULL) {
        return NGX_ERROR;
    }

    *ngx_cpymem(kv->value.data, p, kv->value.len) = '\0';

    return NGX_OK;
}


/* NGX_OK; NGX_AGAIN: not whole yet; NGX_ERROR: not HTTP */

static ngx_int_t
carmen_fetch_head(carmen_fetch_t *f)
{
    u_char     *p, *end, *line;
    ngx_int_t   n;
    ngx_str_t  *h;

    p = f->in.start;
    end = ngx_strlcasestrn(p, f->in.last, (u_char *) "\r\n\r\n", 4 - 1);

    if (end == NULL) {
        return NGX_AGAIN;
    }

    if (end - p < 12 || ngx_strncmp(p, "HTTP/1.", 7) != 0 || p[8] != ' ') {
        return NGX_ERROR;
    }

    n = ngx_atoi(p + 9, 3);

    if (n < 100 || n > 599) {
        return NGX_ERROR;
    }

    f->status = n;
    f->response_headers.nelts = 0;
    f->head = end + 4 - f->in.start;

    line = ngx_strlchr(p, end, LF);

    while (line && line < end) {
        p = line + 1;
        line = ngx_strlchr(p, end, LF);

        if (carmen_fetch_head_line(f, p, line ? line - 1 : end) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (f->status < 200) {
        /* an interim response: the final one follows */
        ngx_memmove(f->in.start, f->in.start + f->head,
                    f->in.last - f->in.start - f->head);
        f->in.last -= f->head;
        f->head = 0;
        return carmen_fetch_head(f);
    }

    h = carmen_fetch_response_header(f, "transfer-encoding");

    if (h) {
        if (h->len != 7 || ngx_strncasecmp(h->data, (u_char *) "chunked", 7)
                           != 0)
        {
            return NGX_ERROR;
        }

        f->chunked = 1;
        return NGX_OK;
    }

    h = carmen_fetch_response_header(f, "content-length");

    if (h) {
        f->length = ngx_atoof(h->data, h->len);

        if (f->length == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * RFC 9112 section 7.1, over the bytes so far: joins the chunks into "out"
 * when the last one is there.  Returns as above.
 */

static ngx_int_t
carmen_fetch_chunks(carmen_fetch_t *f, ngx_str_t *out)
{
    u_char     *p, *end, *eol, *d;
    size_t      size;
    ngx_int_t   digit;
    ngx_uint_t  pass;

    out->data = NULL;

    for (pass = 0; pass < 2; pass++) {
        p = f->in.start + f->head;
        end = f->in.last;
        d = out->data;
        out->len = 0;

        for ( ;; ) {
            eol = ngx_strlchr(p, end, LF);

            if (eol == NULL) {
                return NGX_AGAIN;
            }

            size = 0;

            for (digit = 0; p < eol && *p != CR && *p != ';' && *p != ' ';
                 p++)
            {
                digit = ngx_hextoi(p, 1);

                if (digit == NGX_ERROR || size > f->policy->max_response) {
                    return NGX_ERROR;
                }

                size = size * 16 + digit;
            }

            p = eol + 1;

            if (size == 0) {
                /* a trailer, if any, ends with an empty line */

                if (end - p < 2) {
                    return NGX_AGAIN;
                }

                if (p[0] != CR
                    && ngx_strlcasestrn(p, end, (u_char *) "\r\n\r\n", 3)
                       == NULL)
                {
                    return NGX_AGAIN;
                }

                break;
            }

            if ((size_t) (end - p) < size + 2) {
                return NGX_AGAIN;
            }

            if (d) {
                d = ngx_cpymem(d, p, size);
            }

            out->len += size;
            p += size;

            if (p[0] != CR || p[1] != LF) {
                return NGX_ERROR;
            }

            p += 2;
        }

        if (pass == 0) {
            out->data = ngx_pnalloc(f->pool, out->len + 1);
            if (out->data == NULL) {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static void
carmen_fetch_received(carmen_fetch_t *f, ngx_uint_t eof)
{
    size_t     have;
    ngx_int_t  rc;

    if (f->head == 0) {
        rc = carmen_fetch_head(f);

        if (rc == NGX_ERROR) {
            carmen_fetch_end(f, "the response is not HTTP");
            return;
        }

        if (rc == NGX_AGAIN) {
            if (eof) {
                carmen_fetch_end(f, "the connection was lost");
            }

            return;
        }
    }

    if (f->status == 204 || f->status == 304
        || (f->method.len == 4 && ngx_strncmp(f->method.data, "HEAD", 4) == 0))
    {
        carmen_fetch_end(f, NULL);
        return;
    }

    if (f->chunked) {
        rc = carmen_fetch_chunks(f, &f->response);

        if (rc == NGX_AGAIN && !eof) {
            return;
        }

        carmen_fetch_end(f, rc == NGX_OK ? NULL
                            : "the response is not whole");
        return;
    }

    have = f->in.last - f->in.start - f->head;

    if (f->length >= 0 && have >= (size_t) f->length) {
        have = f->length;

    } else if (f->length >= 0 || !eof) {

        if (eof) {
            carmen_fetch_end(f, "the response is not whole");
        }

        return;
    }

    f->response.data = f->in.start + f->head;
    f->response.len = have;

    carmen_fetch_end(f, NULL);
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

static void
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
