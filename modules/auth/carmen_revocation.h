
/*
 * What is revoked, in shared memory, the same for all workers of this node.
 *
 * Marks come from the table auth.revocation: each worker listens to its
 * commits, and reads it whole whenever it begins to listen.  What one worker
 * hears, all know.  Every new mark raises a generation; a token that was
 * checked in the generation of now passes with one compare.
 *
 * As long as one worker of the node hears, the marks are fresh.  When nobody
 * has heard for carmen_auth_revocation_bound, every token is refused with 503
 * until somebody does.
 *
 * A zone without room for another mark is emptied, and refuses every token
 * issued until then: clients get new ones, and what is revoked stays so.
 */

#ifndef _CARMEN_REVOCATION_H_INCLUDED_
#define _CARMEN_REVOCATION_H_INCLUDED_


#include <carmen.h>
#include "carmen_token_cache.h"


#define CARMEN_MARK_DIGEST  16


typedef struct carmen_marks_s  carmen_marks_t;


/* config time; NULL is logged */
ngx_shm_zone_t *carmen_marks_zone(ngx_conf_t *cf, size_t size, void *tag);

/* puts in a mark; the same one again changes nothing */
void carmen_marks_add(ngx_shm_zone_t *zone, const u_char *digest,
    time_t cutoff, time_t expires, ngx_log_t *log);

/*
 * Whether one of the marks is about what was issued then: 1 or 0.
 * "generation" gets that of the answer.
 */
ngx_uint_t carmen_marks_cover(ngx_shm_zone_t *zone,
    u_char digests[][CARMEN_MARK_DIGEST], ngx_uint_t n, time_t issued,
    ngx_atomic_uint_t *generation);

/* the generation, for the compare; when anybody has heard last, or 0 */
const ngx_atomic_t *carmen_marks_generation(ngx_shm_zone_t *zone);
ngx_msec_t carmen_marks_heard(ngx_shm_zone_t *zone);
void carmen_marks_hear(ngx_shm_zone_t *zone, ngx_msec_t when);


/* configuration time, and a worker's life */
ngx_int_t carmen_revocation_configure(ngx_conf_t *cf, carmen_domain_t *domain);
ngx_int_t carmen_revocation_start(ngx_cycle_t *cycle, ngx_shm_zone_t *zone,
    ngx_msec_t bound);
void carmen_revocation_stop(void);


/* of this worker: what the generation of a token must be; see the macro */
extern const ngx_atomic_t  *carmen_revocation_now;

#define carmen_revocation_passed(token)                                       \
    ((token)->checked == *carmen_revocation_now)

/*
 * When it did not pass.  NGX_OK: it is good; NGX_DECLINED: it is revoked;
 * NGX_BUSY: nobody can say, the answer is 503; NGX_AGAIN: the same, but the
 * server has only just started: carmen_revocation_wait().
 */
ngx_int_t carmen_revocation_check(carmen_token_t *token);

/* identifies the request again when the marks were read; NGX_AGAIN */
ngx_int_t carmen_revocation_wait(ngx_http_request_t *r);

/* whether the server has only just started, so that waiting makes sense */
ngx_uint_t carmen_revocation_starting(void);

/* the database that says what is revoked; NULL before it was reached */
carmen_database_t *carmen_revocation_database(void);


#endif /* _CARMEN_REVOCATION_H_INCLUDED_ */
