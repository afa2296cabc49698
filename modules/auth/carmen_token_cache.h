
/*
 * Verified tokens of a worker, by the SHA-256 of their text: a signature is
 * checked once.  Bounded; the entry not used for longest goes first; nothing
 * is given out at or after its exp.  An entry lives as long as someone holds
 * it, so its identity may be used for the length of a request.
 *
 * Beside it a few tokens that were refused for good are remembered, so that a
 * client that repeats an expired or forged one costs little.
 */

#ifndef _CARMEN_TOKEN_CACHE_H_INCLUDED_
#define _CARMEN_TOKEN_CACHE_H_INCLUDED_


#include <carmen.h>
#include "carmen_jwt.h"


#define CARMEN_TOKEN_DIGEST   32
#define CARMEN_TOKEN_REFUSED  256
#define CARMEN_TOKEN_MARKS    4


typedef struct carmen_token_s        carmen_token_t;
typedef struct carmen_token_cache_s  carmen_token_cache_t;

typedef enum {
    CARMEN_TOKEN_JWT = 0,
    CARMEN_TOKEN_KEY,                    /* an API key */
    CARMEN_TOKEN_CERTIFICATE
} carmen_token_e;

struct carmen_token_s {
    carmen_identity_t         identity;
    time_t                    issued;
    carmen_token_e            kind;
    ngx_atomic_uint_t         checked;   /* see carmen_revocation.h */
    ngx_uint_t                nmarks;
    u_char                    marks[CARMEN_TOKEN_MARKS][16];
    ngx_queue_t               queue;     /* by use */
    carmen_token_t           *next;      /* of the bucket */
    const carmen_verifier_t  *verifier;  /* who found it good */
    ngx_uint_t                refs;
    ngx_str_t                 jkt;       /* what it is bound to, or empty */
    ngx_str_t                 x5t;
    u_char                    digest[CARMEN_TOKEN_DIGEST];
};


/* NULL: no memory */
carmen_token_cache_t *carmen_token_cache_create(ngx_uint_t size,
    ngx_log_t *log);
void carmen_token_cache_destroy(carmen_token_cache_t *cache);

/* held for the caller; NULL when there is none, or it has expired */
carmen_token_t *carmen_token_cache_find(carmen_token_cache_t *cache,
    const u_char *digest, const carmen_verifier_t *verifier, time_t now);

/* puts in a token that is not there, and that has not expired */
void carmen_token_cache_add(carmen_token_cache_t *cache,
    carmen_token_t *token);

/* takes out a token; it stays with those who hold it */
void carmen_token_cache_remove(carmen_token_cache_t *cache,
    carmen_token_t *token);

/* why this token was refused before, or NULL; remembers a static text */
const char *carmen_token_cache_refused(carmen_token_cache_t *cache,
    const u_char *digest, const carmen_verifier_t *verifier);
void carmen_token_cache_refuse(carmen_token_cache_t *cache,
    const u_char *digest, const carmen_verifier_t *verifier,
    const char *why);

/* the identity of a token, in memory of its own, held once; NULL: no memory */
carmen_token_t *carmen_token_create(const carmen_jwt_t *jwt,
    const u_char *digest, const carmen_verifier_t *verifier, ngx_log_t *log);

/* lets go of a token; the handler of a pool cleanup */
void carmen_token_release(void *token);


#endif /* _CARMEN_TOKEN_CACHE_H_INCLUDED_ */
