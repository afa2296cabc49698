
/* The feed of marks, and what follows when it is cut. */

#include "carmen_revocation.h"
#include "auth_statements.h"

#include <openssl/evp.h>


#define REVOCATION_FEEDS  8
#define REVOCATION_PAGE   5000               /* of auth_revocation_load */
#define REVOCATION_TICK   200                /* milliseconds */
#define REVOCATION_START  5000               /* how long requests wait */

#define REVOCATION_CHANNEL  "carmen_auth_revoked"


/*
 * "whole": what the table held when the connection began to listen has been
 * read.  "turn" tells the answers to readings that were begun before from
 * those that count.
 */

typedef struct {
    carmen_database_t        *db;
    ngx_uint_t                turn;
    unsigned                  whole:1;
    unsigned                  reading:1;
} revocation_feed_t;


typedef struct {
    ngx_queue_t               queue;
    ngx_http_request_t       *request;
} revocation_waiter_t;


static void revocation_heard(carmen_database_t *db, ngx_str_t *payload,
    void *data);
static void revocation_hearing(carmen_database_t *db, void *data);
static void revocation_read(revocation_feed_t *feed, ngx_str_t *after);
static void revocation_page(carmen_result_t *result, void *data);
static ngx_int_t revocation_mark(ngx_str_t *digest, ngx_str_t *cutoff,
    ngx_str_t *expires);
static void revocation_tick(ngx_event_t *ev);
static void revocation_look(void);
static ngx_int_t revocation_marks(carmen_token_t *token);
static ngx_int_t revocation_digest(carmen_token_t *token, const char *kind,
    ngx_str_t *id);
static void revocation_unwait(void *data);
static void revocation_resume(void);


/* a generation begins with 1, and a token that was never checked has 0 */
static const ngx_atomic_t  revocation_off = 1;
static const ngx_atomic_t  revocation_unknown = (ngx_atomic_uint_t) -1;

/* of this worker */
const ngx_atomic_t        *carmen_revocation_now = &revocation_off;

static revocation_feed_t   revocation_feeds[REVOCATION_FEEDS];
static ngx_uint_t          revocation_nfeeds;
static ngx_shm_zone_t     *revocation_zone;
static ngx_msec_t          revocation_bound;
static ngx_msec_t          revocation_started;
static ngx_event_t         revocation_event;
static ngx_queue_t         revocation_waiters;
static EVP_MD             *revocation_sha256;
static EVP_MD_CTX         *revocation_ctx;


ngx_int_t
carmen_revocation_configure(ngx_conf_t *cf, carmen_domain_t *domain)
{
    return carmen_listen(cf, domain, REVOCATION_CHANNEL, revocation_heard,
                         revocation_hearing, NULL);
}


/* "zone" is NULL when nothing in this configuration says what is revoked */

ngx_int_t
carmen_revocation_start(ngx_cycle_t *cycle, ngx_shm_zone_t *zone,
    ngx_msec_t bound)
{
    static ngx_connection_t  dummy;

    carmen_revocation_stop();

    if (zone == NULL) {
        return NGX_OK;
    }

    revocation_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    revocation_ctx = EVP_MD_CTX_new();

    if (revocation_sha256 == NULL || revocation_ctx == NULL) {
        return NGX_ERROR;
    }

    revocation_zone = zone;
    revocation_bound = bound;
    revocation_started = ngx_current_msec;
    ngx_queue_init(&revocation_waiters);

    dummy.fd = (ngx_socket_t) -1;

    ngx_memzero(&revocation_event, sizeof(ngx_event_t));
    revocation_event.handler = revocation_tick;
    revocation_event.data = &dummy;
    revocation_event.log = cycle->log;
    revocation_event.cancelable = 1;

    ngx_add_timer(&revocation_event, REVOCATION_TICK);

    carmen_revocation_now = &revocation_unknown;
    revocation_look();

    return NGX_OK;
}


void
carmen_revocation_stop(void)
{
    if (revocation_event.timer_set) {
        ngx_del_timer(&revocation_event);
    }

    EVP_MD_CTX_free(revocation_ctx);
    revocation_ctx = NULL;

    EVP_MD_free(revocation_sha256);
    revocation_sha256 = NULL;

    revocation_zone = NULL;
    revocation_nfeeds = 0;
    carmen_revocation_now = &revocation_off;
}


carmen_database_t *
carmen_revocation_database(void)
{
    return revocation_nfeeds ? revocation_feeds[0].db : NULL;
}


/* "<digest> <cutoff> <expires>", as auth.revoke() says it */

static void
revocation_heard(carmen_database_t *db, ngx_str_t *payload, void *data)
{
    u_char     *p, *last;
    ngx_str_t   part[3];
    ngx_uint_t  n;

    if (revocation_zone == NULL) {
        return;
    }

    p = payload->data;
    last = p + payload->len;

    for (n = 0; n < 3; n++) {
        part[n].data = p;

        while (p < last && *p != ' ') {
            p++;
        }

        part[n].len = p - part[n].data;

        if (p < last) {
            p++;
        }
    }

    if (p != last || revocation_mark(&part[0], &part[1], &part[2]) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "carmen: \"%V\" on channel " REVOCATION_CHANNEL
                      " is no revocation", payload);
    }
}


static void
revocation_hearing(carmen_database_t *db, void *data)
{
    ngx_uint_t          i;
    revocation_feed_t  *feed;

    static ngx_str_t  first = ngx_string("");

    if (revocation_zone == NULL) {
        return;
    }

    for (i = 0; i < revocation_nfeeds; i++) {
        if (revocation_feeds[i].db == db) {
            break;
        }
    }

    if (i == REVOCATION_FEEDS) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "carmen: revocations come from %d databases at most",
                      REVOCATION_FEEDS);
        return;
    }

    feed = &revocation_feeds[i];

    if (i == revocation_nfeeds) {
        ngx_memzero(feed, sizeof(revocation_feed_t));
        feed->db = db;
        revocation_nfeeds++;
    }

    feed->turn++;
    feed->whole = 0;

    revocation_read(feed, &first);
}


/* what cannot be read now is tried again with the next tick */

static void
revocation_read(revocation_feed_t *feed, ngx_str_t *after)
{
    carmen_pair_t  values[] = {
        { "after", *after },
        { NULL, ngx_null_string }
    };

    /* the turn goes along: the feed's place is in its low bits */

    feed->reading = carmen_background(feed->db, &auth_revocation_load, NULL,
                                      values, revocation_page,
                                      (void *) (uintptr_t)
                                      (feed->turn * REVOCATION_FEEDS
                                       + (feed - revocation_feeds)))
                    == NGX_OK;
}


static void
revocation_page(carmen_result_t *result, void *data)
{
    u_char              last[2 * CARMEN_MARK_DIGEST];
    ngx_str_t           digest, cutoff, expires;
    ngx_uint_t          i, n;
    revocation_feed_t  *feed;

    i = (uintptr_t) data % REVOCATION_FEEDS;
    feed = &revocation_feeds[i];

    if (revocation_zone == NULL || i >= revocation_nfeeds
        || feed->turn != (uintptr_t) data / REVOCATION_FEEDS)
    {
        return;
    }

    feed->reading = 0;

    if (result == NULL || carmen_result_failed(result)) {
        return;
    }

    n = carmen_result_rows(result);

    for (i = 0; i < n; i++) {
        digest = carmen_result_value(result, i, "digest");
        cutoff = carmen_result_value(result, i, "cutoff");
        expires = carmen_result_value(result, i, "expires");

        if (revocation_mark(&digest, &cutoff, &expires) != NGX_OK) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "carmen: \"%V\" in auth.revocation is no mark",
                          &digest);
            return;
        }
    }

    if (n == REVOCATION_PAGE) {
        ngx_memcpy(last, digest.data, sizeof(last));
        digest.data = last;
        digest.len = sizeof(last);

        revocation_read(feed, &digest);
        return;
    }

    feed->whole = 1;

    revocation_look();
    revocation_resume();
}


static ngx_int_t
revocation_mark(ngx_str_t *digest, ngx_str_t *cutoff, ngx_str_t *expires)
{
    time_t      until, end;
    u_char      bytes[CARMEN_MARK_DIGEST];
    ngx_int_t   n;
    ngx_uint_t  i;

    if (digest->len != 2 * CARMEN_MARK_DIGEST) {
        return NGX_DECLINED;
    }

    for (i = 0; i < CARMEN_MARK_DIGEST; i++) {
        n = ngx_hextoi(digest->data + 2 * i, 2);

        if (n == NGX_ERROR) {
            return NGX_DECLINED;
        }

        bytes[i] = (u_char) n;
    }

    until = ngx_atotm(cutoff->data, cutoff->len);
    end = ngx_atotm(expires->data, expires->len);

    if (until == NGX_ERROR || end == NGX_ERROR) {
        return NGX_DECLINED;
    }

    carmen_marks_add(revocation_zone, bytes, until, end, ngx_cycle->log);

    return NGX_OK;
}


static void
revocation_tick(ngx_event_t *ev)
{
    ngx_uint_t          i;
    revocation_feed_t  *feed;

    static ngx_str_t  first = ngx_string("");

    for (i = 0; i < revocation_nfeeds; i++) {
        feed = &revocation_feeds[i];

        if (!feed->whole && !feed->reading
            && carmen_listen_silence(feed->db) < revocation_bound)
        {
            feed->turn++;
            revocation_read(feed, &first);
        }
    }

    revocation_look();
    revocation_resume();

    ngx_add_timer(ev, REVOCATION_TICK);
}


/* are the marks fresh?  and what follows */

static void
revocation_look(void)
{
    ngx_msec_t           heard, silence, longest;
    ngx_uint_t           i;
    const ngx_atomic_t  *now;

    longest = 0;

    for (i = 0; i < revocation_nfeeds; i++) {
        silence = revocation_feeds[i].whole
                  ? carmen_listen_silence(revocation_feeds[i].db)
                  : (ngx_msec_t) -1;
        longest = ngx_max(longest, silence);
    }

    if (revocation_nfeeds && longest < revocation_bound) {
        carmen_marks_hear(revocation_zone, ngx_current_msec - longest);
    }

    heard = carmen_marks_heard(revocation_zone);

    now = heard && (ngx_msec_int_t) (ngx_current_msec - heard
                                     - revocation_bound) <= 0
          ? carmen_marks_generation(revocation_zone) : &revocation_unknown;

    if (now == carmen_revocation_now) {
        return;
    }

    carmen_revocation_now = now;

    if (now == &revocation_unknown) {
        ngx_log_error(NGX_LOG_ERR, revocation_event.log, 0,
                      "carmen: revocations were not heard of for %M ms: "
                      "tokens are refused", revocation_bound);
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, revocation_event.log, 0,
                  "carmen: revocations are heard of");
}


ngx_int_t
carmen_revocation_check(carmen_token_t *token)
{
    ngx_atomic_uint_t  generation;

    if (carmen_revocation_now == &revocation_unknown) {

        /* another worker may have heard since the last tick */

        revocation_look();
    }

    if (carmen_revocation_now == &revocation_unknown) {
        return carmen_revocation_starting() ? NGX_AGAIN : NGX_BUSY;
    }

    if (revocation_zone == NULL) {
        token->checked = revocation_off;
        return NGX_OK;
    }

    if (token->nmarks == 0 && revocation_marks(token) != NGX_OK) {
        token->nmarks = 0;
        return NGX_BUSY;
    }

    if (carmen_marks_cover(revocation_zone, token->marks, token->nmarks,
                           token->issued, &generation))
    {
        return NGX_DECLINED;
    }

    token->checked = generation;

    return NGX_OK;
}


/* all that may be revoked of it */

static ngx_int_t
revocation_marks(carmen_token_t *token)
{
    carmen_identity_t  *id = &token->identity;

    if (revocation_digest(token, token->kind == CARMEN_TOKEN_JWT ? "token"
                                                                 : "key",
                          &id->jti) != NGX_OK
        || revocation_digest(token, "user", &id->subject) != NGX_OK
        || revocation_digest(token, "client", &id->client) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return id->session.len ? revocation_digest(token, "session", &id->session)
                           : NGX_OK;
}


/* as auth.revocation_digest() makes it */

static ngx_int_t
revocation_digest(carmen_token_t *token, const char *kind, ngx_str_t *id)
{
    u_char      md[32];
    ngx_str_t  *tenant;

    tenant = &token->identity.tenant;

    if (EVP_DigestInit_ex2(revocation_ctx, revocation_sha256, NULL) != 1
        || EVP_DigestUpdate(revocation_ctx, kind, ngx_strlen(kind)) != 1
        || EVP_DigestUpdate(revocation_ctx, "\n", 1) != 1
        || EVP_DigestUpdate(revocation_ctx, tenant->data, tenant->len) != 1
        || EVP_DigestUpdate(revocation_ctx, "\n", 1) != 1
        || EVP_DigestUpdate(revocation_ctx, id->data, id->len) != 1
        || EVP_DigestFinal_ex(revocation_ctx, md, NULL) != 1)
    {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      "carmen: SHA-256 failed");
        return NGX_ERROR;
    }

    ngx_memcpy(token->marks[token->nmarks++], md, CARMEN_MARK_DIGEST);

    return NGX_OK;
}


ngx_int_t
carmen_revocation_wait(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t   *cln;
    revocation_waiter_t  *waiter;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(revocation_waiter_t));

    if (cln == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    waiter = cln->data;
    waiter->request = r;
    ngx_queue_insert_tail(&revocation_waiters, &waiter->queue);

    cln->handler = revocation_unwait;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_AGAIN;
}


static void
revocation_unwait(void *data)
{
    revocation_waiter_t  *waiter = data;

    if (waiter->request) {
        ngx_queue_remove(&waiter->queue);
        waiter->request = NULL;
    }
}


ngx_uint_t
carmen_revocation_starting(void)
{
    return revocation_zone && carmen_marks_heard(revocation_zone) == 0
           && ngx_current_msec - revocation_started < REVOCATION_START;
}


/* those who come to wait meanwhile are not of this round */

static void
revocation_resume(void)
{
    ngx_queue_t           *q, round;
    ngx_connection_t      *c;
    ngx_http_request_t    *r;
    revocation_waiter_t   *waiter;

    if (ngx_queue_empty(&revocation_waiters) || carmen_revocation_starting())
    {
        return;
    }

    ngx_queue_init(&round);
    ngx_queue_add(&round, &revocation_waiters);
    ngx_queue_init(&revocation_waiters);

    while (!ngx_queue_empty(&round)) {
        q = ngx_queue_head(&round);
        waiter = ngx_queue_data(q, revocation_waiter_t, queue);

        r = waiter->request;
        c = r->connection;
        revocation_unwait(waiter);

        r->read_event_handler = ngx_http_block_reading;
        carmen_identify_done(r);
        ngx_http_run_posted_requests(c);
    }
}
