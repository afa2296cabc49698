
/*
 * Brakes on guessing passwords, in shared memory, the same for all workers.
 *
 * What is counted, and what follows from it:
 *
 *   account and address   after four failures the next attempt must wait 1 s,
 *                         then 2, 4, ... up to 15 minutes.  A success forgets
 *                         them, and so does a day without an attempt.
 *   account               failures from anywhere; with more than ten of them
 *   address               (one is forgotten every 30 s) the answer comes up
 *                         to 5 seconds late.
 *
 * Only the first refuses, and only those who failed themselves, so nobody can
 * lock out others.  The delays are not for an address from which the account
 * was logged in to before.  An IPv6 address counts as its /64.
 *
 * A full zone forgets what was touched last longest ago, the addresses known
 * to be good and the failures each for themselves, so that neither can drive
 * out the other.  It survives a reload, not a restart, and is of one node.
 */

#ifndef _CARMEN_ATTEMPTS_H_INCLUDED_
#define _CARMEN_ATTEMPTS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define CARMEN_ATTEMPT_DIGEST  32


typedef struct {
    u_char                    pair[CARMEN_ATTEMPT_DIGEST];
    u_char                    account[CARMEN_ATTEMPT_DIGEST];
    u_char                    address[CARMEN_ATTEMPT_DIGEST];
} carmen_attempt_t;


/* config time; NULL is logged */
ngx_shm_zone_t *carmen_attempts_zone(ngx_conf_t *cf, size_t size, void *tag);

/*
 * Fills *attempt; "login" is in lower case.  NGX_OK: go on after *delay
 * milliseconds.  NGX_BUSY: not before *wait seconds.  NGX_ERROR.
 */
ngx_int_t carmen_attempt_open(ngx_shm_zone_t *zone, carmen_attempt_t *attempt,
    ngx_str_t *tenant, ngx_str_t *login, struct sockaddr *sockaddr,
    ngx_msec_t *delay, time_t *wait);

/* how it went */
void carmen_attempt_close(ngx_shm_zone_t *zone, carmen_attempt_t *attempt,
    ngx_uint_t success);


#endif /* _CARMEN_ATTEMPTS_H_INCLUDED_ */
