
/*
 * An HTTP request of our own to another server, without blocking: names by
 * nginx's resolver, TLS verified, everything bounded in time and size, no
 * redirects.  A fetch has its own pool and outlives the request that began it,
 * unless that aborts it.
 */

#ifndef _CARMEN_FETCH_H_INCLUDED_
#define _CARMEN_FETCH_H_INCLUDED_


typedef struct carmen_fetch_s  carmen_fetch_t;

typedef void (*carmen_fetch_pt)(carmen_fetch_t *f);


/* what holds for many fetches: set at configuration time, constant after */

typedef struct {
    ngx_resolver_t           *resolver;          /* NULL: addresses only */
    ngx_msec_t                resolver_timeout;
    ngx_ssl_t                *ssl;               /* NULL: no https */
    ngx_msec_t                connect_timeout;   /* the TLS handshake too */
    ngx_msec_t                timeout;           /* of the whole */
    size_t                    max_response;      /* bytes of header and body */
    ngx_uint_t                allow_private;     /* loopback, RFC 1918, … */
    ngx_uint_t                allow_plain;       /* http:// as well */
} carmen_fetch_policy_t;


struct carmen_fetch_s {
    ngx_pool_t               *pool;
    const carmen_fetch_policy_t  *policy;

    /* the request; texts in f->pool, or at least as long as the fetch */
    ngx_str_t                 method;            /* empty: GET */
    ngx_str_t                 url;
    ngx_array_t               headers;           /* ngx_keyval_t */
    ngx_str_t                 body;

    /*
     * Called once, never from within carmen_fetch_start(), and not after
     * carmen_fetch_abort().  The fetch and its pool go when it returns.
     */
    carmen_fetch_pt           done;
    void                     *data;

    /* the response: "error" is NULL when it came whole */
    const char               *error;
    ngx_uint_t                status;
    ngx_array_t               response_headers;  /* ngx_keyval_t, lower case */
    ngx_str_t                 response;

    /* inside */
    ngx_url_t                 target;
    ngx_str_t                 host;              /* without port or brackets */
    ngx_str_t                 request;
    ngx_uint_t                tls;
    ngx_resolver_ctx_t       *resolving;
    ngx_addr_t               *addrs;
    ngx_uint_t                naddrs;
    ngx_uint_t                next;              /* of addrs */
    ngx_peer_connection_t     peer;
    ngx_event_t               timer;             /* of the whole */
    ngx_event_t               finish;            /* posted */
    size_t                    sent;
    ngx_buf_t                 in;
    size_t                    head;              /* bytes of header, or 0 */
    off_t                     length;            /* Content-Length, or -1 */
    ngx_uint_t                chunked;
    ngx_uint_t                interim;           /* responses so far */
    ngx_uint_t                ended;
};


/* NULL: no memory */
CARMEN_API carmen_fetch_t *carmen_fetch_create(
    const carmen_fetch_policy_t *policy, ngx_log_t *log);

/* a header of the request; NGX_OK or NGX_ERROR */
CARMEN_API ngx_int_t carmen_fetch_header(carmen_fetch_t *f, const char *name,
    ngx_str_t *value);

/* begins; whatever goes wrong is told to "done" */
CARMEN_API void carmen_fetch_start(carmen_fetch_t *f);

/* lets go of a fetch that was created or started: "done" is not called */
CARMEN_API void carmen_fetch_abort(carmen_fetch_t *f);

/* a header of the response, NULL if there is none; the name in lower case */
CARMEN_API ngx_str_t *carmen_fetch_response_header(carmen_fetch_t *f,
    const char *name);

/*
 * Is the address one that a stranger's URL must not reach: loopback, private,
 * link-local, multicast, unspecified, documentation, and IPv4 within IPv6
 * (RFC 6890, RFC 4193, RFC 6052)?
 */
CARMEN_API ngx_uint_t carmen_fetch_private(struct sockaddr *sa);


/* between the files of this folder */

ngx_int_t carmen_fetch_prepare(carmen_fetch_t *f);
void carmen_fetch_received(carmen_fetch_t *f, ngx_uint_t eof);
void carmen_fetch_end(carmen_fetch_t *f, const char *error);


#endif /* _CARMEN_FETCH_H_INCLUDED_ */
