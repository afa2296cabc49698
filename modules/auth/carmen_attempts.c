
#include "carmen_attempts.h"

#include <openssl/evp.h>


#define ATTEMPTS_FREE        4           /* failures without a wait */
#define ATTEMPTS_WAIT_MAX    900         /* seconds */
#define ATTEMPTS_FORGET      86400
#define ATTEMPTS_DRAIN       30          /* seconds a point of a score */
#define ATTEMPTS_SCORE_FREE  10
#define ATTEMPTS_SCORE_MAX   60
#define ATTEMPTS_DELAY       250         /* milliseconds a point */
#define ATTEMPTS_DELAY_MAX   5000


typedef enum {
    ATTEMPTS_STRANGERS = 0,
    ATTEMPTS_KNOWN,                      /* pairs that have succeeded */
    ATTEMPTS_QUEUES
} attempts_queue_e;


typedef struct {
    ngx_rbtree_node_t         node;      /* must be first */
    ngx_queue_t               queue;
    time_t                    last;
    uint32_t                  count;     /* failures, or a score */
    attempts_queue_e          list;
    u_char                    digest[CARMEN_ATTEMPT_DIGEST];
} attempts_node_t;


typedef struct {
    ngx_rbtree_t              rbtree;
    ngx_rbtree_node_t         sentinel;
    ngx_queue_t               queues[ATTEMPTS_QUEUES];   /* newest first */
    ngx_uint_t                lengths[ATTEMPTS_QUEUES];
} attempts_shm_t;


static ngx_int_t attempts_init(ngx_shm_zone_t *zone, void *data);
static void attempts_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel);
static ngx_int_t attempts_digests(carmen_attempt_t *attempt,
    ngx_str_t *tenant, ngx_str_t *login, struct sockaddr *sockaddr);
static size_t attempts_address(struct sockaddr *sockaddr, u_char *buf);
static attempts_node_t *attempts_find(attempts_shm_t *sh,
    const u_char *digest);
static attempts_node_t *attempts_touch(ngx_slab_pool_t *shpool,
    const u_char *digest, attempts_queue_e list);
static void attempts_drop(ngx_slab_pool_t *shpool, attempts_node_t *node);
static uint32_t attempts_score(attempts_node_t *node, time_t now);
static ngx_msec_t attempts_delay(attempts_node_t *node, time_t now);
static time_t attempts_wait(attempts_node_t *node, time_t now);


ngx_shm_zone_t *
carmen_attempts_zone(ngx_conf_t *cf, size_t size, void *tag)
{
    ngx_shm_zone_t  *zone;

    static ngx_str_t  name = ngx_string("carmen_auth_attempts");

    zone = ngx_shared_memory_add(cf, &name, size, tag);
    if (zone == NULL) {
        return NULL;
    }

    zone->init = attempts_init;

    return zone;
}


static ngx_int_t
attempts_init(ngx_shm_zone_t *zone, void *data)
{
    attempts_shm_t   *sh;
    ngx_slab_pool_t  *shpool;

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data || zone->shm.exists) {
        zone->data = shpool->data;
        return NGX_OK;
    }

    sh = ngx_slab_calloc(shpool, sizeof(attempts_shm_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    ngx_rbtree_init(&sh->rbtree, &sh->sentinel, attempts_insert);
    ngx_queue_init(&sh->queues[ATTEMPTS_STRANGERS]);
    ngx_queue_init(&sh->queues[ATTEMPTS_KNOWN]);

    shpool->data = sh;
    shpool->log_nomem = 0;
    zone->data = sh;

    return NGX_OK;
}


static ngx_int_t
attempts_order(const attempts_node_t *a, const attempts_node_t *b)
{
    return ngx_memcmp(a->digest, b->digest, CARMEN_ATTEMPT_DIGEST);
}


static void
attempts_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t  **p;

    for ( ;; ) {
        if (node->key != temp->key) {
            p = node->key < temp->key ? &temp->left : &temp->right;

        } else {
            p = attempts_order((attempts_node_t *) node,
                               (attempts_node_t *) temp)
                < 0 ? &temp->left : &temp->right;
        }

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


ngx_int_t
carmen_attempt_open(ngx_shm_zone_t *zone, carmen_attempt_t *attempt,
    ngx_str_t *tenant, ngx_str_t *login, struct sockaddr *sockaddr,
    ngx_msec_t *delay, time_t *wait)
{
    time_t            now;
    ngx_msec_t        a, b;
    attempts_shm_t   *sh;
    attempts_node_t  *pair;
    ngx_slab_pool_t  *shpool;

    *delay = 0;
    *wait = 0;

    if (attempts_digests(attempt, tenant, login, sockaddr) != NGX_OK) {
        return NGX_ERROR;
    }

    now = ngx_time();
    sh = zone->data;
    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    ngx_shmtx_lock(&shpool->mutex);

    pair = attempts_find(sh, attempt->pair);

    if (pair) {
        *wait = attempts_wait(pair, now);
    }

    if (pair == NULL || pair->list != ATTEMPTS_KNOWN) {
        a = attempts_delay(attempts_find(sh, attempt->account), now);
        b = attempts_delay(attempts_find(sh, attempt->address), now);
        *delay = ngx_max(a, b);
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return *wait ? NGX_BUSY : NGX_OK;
}


void
carmen_attempt_close(ngx_shm_zone_t *zone, carmen_attempt_t *attempt,
    ngx_uint_t success)
{
    time_t            now;
    ngx_uint_t        i;
    const u_char     *scores[2];
    attempts_shm_t   *sh;
    attempts_node_t  *node;
    ngx_slab_pool_t  *shpool;

    now = ngx_time();
    sh = zone->data;
    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    ngx_shmtx_lock(&shpool->mutex);

    if (success) {
        node = attempts_touch(shpool, attempt->pair, ATTEMPTS_KNOWN);

        if (node) {
            node->count = 0;
            node->last = now;
        }

        goto done;
    }

    node = attempts_find(sh, attempt->pair);
    node = attempts_touch(shpool, attempt->pair,
                          node ? node->list : ATTEMPTS_STRANGERS);
    if (node) {
        if (now - node->last > ATTEMPTS_FORGET) {
            node->count = 0;
        }

        node->count++;
        node->last = now;
    }

    scores[0] = attempt->account;
    scores[1] = attempt->address;

    for (i = 0; i < 2; i++) {
        node = attempts_touch(shpool, scores[i], ATTEMPTS_STRANGERS);

        if (node) {
            node->count = ngx_min(attempts_score(node, now) + 1,
                                  ATTEMPTS_SCORE_MAX);
            node->last = now;
        }
    }

done:

    ngx_shmtx_unlock(&shpool->mutex);
}


/* what is kept is no name and no address, only digests of them */

static ngx_int_t
attempts_digests(carmen_attempt_t *attempt, ngx_str_t *tenant,
    ngx_str_t *login, struct sockaddr *sockaddr)
{
    u_char       address[16], *digest;
    size_t       len;
    ngx_int_t    rc;
    ngx_uint_t   i;
    EVP_MD_CTX  *ctx;

    len = attempts_address(sockaddr, address);
    ctx = EVP_MD_CTX_new();
    rc = ctx ? NGX_OK : NGX_ERROR;

    for (i = 0; i < 3 && rc == NGX_OK; i++) {
        digest = i == 0 ? attempt->pair
                        : i == 1 ? attempt->account : attempt->address;

        if (EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1
            || EVP_DigestUpdate(ctx, "pal" + i, 1) != 1
            || (i != 2 && (EVP_DigestUpdate(ctx, tenant->data, tenant->len)
                           != 1
                           || EVP_DigestUpdate(ctx, "\n", 1) != 1
                           || EVP_DigestUpdate(ctx, login->data, login->len)
                              != 1
                           || EVP_DigestUpdate(ctx, "\n", 1) != 1))
            || (i != 1 && EVP_DigestUpdate(ctx, address, len) != 1)
            || EVP_DigestFinal_ex(ctx, digest, NULL) != 1)
        {
            rc = NGX_ERROR;
        }
    }

    EVP_MD_CTX_free(ctx);

    return rc;
}


static size_t
attempts_address(struct sockaddr *sockaddr, u_char *buf)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    switch (sockaddr->sa_family) {

    case AF_INET:
        sin = (struct sockaddr_in *) sockaddr;
        ngx_memcpy(buf, &sin->sin_addr, 4);
        return 4;

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sockaddr;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            ngx_memcpy(buf, &sin6->sin6_addr.s6_addr[12], 4);
            return 4;
        }

        ngx_memcpy(buf, &sin6->sin6_addr, 8);
        return 8;
#endif

    default:
        return 0;
    }
}


static ngx_rbtree_key_t
attempts_key(const u_char *digest)
{
    ngx_rbtree_key_t  key;

    ngx_memcpy(&key, digest, sizeof(ngx_rbtree_key_t));

    return key;
}


static attempts_node_t *
attempts_find(attempts_shm_t *sh, const u_char *digest)
{
    ngx_int_t           rc;
    ngx_rbtree_key_t    key;
    ngx_rbtree_node_t  *node;

    key = attempts_key(digest);
    node = sh->rbtree.root;

    while (node != &sh->sentinel) {
        if (key != node->key) {
            node = key < node->key ? node->left : node->right;
            continue;
        }

        rc = ngx_memcmp(digest, ((attempts_node_t *) node)->digest,
                        CARMEN_ATTEMPT_DIGEST);
        if (rc == 0) {
            return (attempts_node_t *) node;
        }

        node = rc < 0 ? node->left : node->right;
    }

    return NULL;
}


/* the node, at the head of the list; a new one if need be */

static attempts_node_t *
attempts_touch(ngx_slab_pool_t *shpool, const u_char *digest,
    attempts_queue_e list)
{
    ngx_uint_t        tries;
    ngx_queue_t      *q;
    attempts_shm_t   *sh;
    attempts_node_t  *node;
    attempts_queue_e  longer;

    sh = shpool->data;
    node = attempts_find(sh, digest);

    if (node) {
        ngx_queue_remove(&node->queue);
        sh->lengths[node->list]--;

    } else {
        node = ngx_slab_calloc_locked(shpool, sizeof(attempts_node_t));

        for (tries = 0; node == NULL && tries < 4; tries++) {
            longer = sh->lengths[ATTEMPTS_KNOWN]
                     > sh->lengths[ATTEMPTS_STRANGERS]
                     ? ATTEMPTS_KNOWN : ATTEMPTS_STRANGERS;

            if (sh->lengths[longer] == 0) {
                return NULL;
            }

            q = ngx_queue_last(&sh->queues[longer]);
            attempts_drop(shpool, ngx_queue_data(q, attempts_node_t, queue));

            node = ngx_slab_calloc_locked(shpool, sizeof(attempts_node_t));
        }

        if (node == NULL) {
            return NULL;
        }

        ngx_memcpy(node->digest, digest, CARMEN_ATTEMPT_DIGEST);
        node->node.key = attempts_key(digest);
        ngx_rbtree_insert(&sh->rbtree, &node->node);
    }

    node->list = list;
    ngx_queue_insert_head(&sh->queues[list], &node->queue);
    sh->lengths[list]++;

    return node;
}


static void
attempts_drop(ngx_slab_pool_t *shpool, attempts_node_t *node)
{
    attempts_shm_t  *sh;

    sh = shpool->data;

    ngx_rbtree_delete(&sh->rbtree, &node->node);
    ngx_queue_remove(&node->queue);
    sh->lengths[node->list]--;
    ngx_slab_free_locked(shpool, node);
}


static uint32_t
attempts_score(attempts_node_t *node, time_t now)
{
    time_t  drained;

    drained = (now - node->last) / ATTEMPTS_DRAIN;

    if (drained <= 0) {
        return node->count;
    }

    return drained >= (time_t) node->count ? 0 : node->count - drained;
}


static ngx_msec_t
attempts_delay(attempts_node_t *node, time_t now)
{
    uint32_t  score;

    score = node ? attempts_score(node, now) : 0;

    if (score <= ATTEMPTS_SCORE_FREE) {
        return 0;
    }

    return ngx_min((score - ATTEMPTS_SCORE_FREE) * ATTEMPTS_DELAY,
                   ATTEMPTS_DELAY_MAX);
}


static time_t
attempts_wait(attempts_node_t *node, time_t now)
{
    time_t    wait;
    uint32_t  over;

    if (node->count < ATTEMPTS_FREE || now - node->last > ATTEMPTS_FORGET) {
        return 0;
    }

    over = node->count - ATTEMPTS_FREE;
    wait = over >= 10 ? ATTEMPTS_WAIT_MAX : (time_t) 1 << over;
    wait = ngx_min(wait, ATTEMPTS_WAIT_MAX) - (now - node->last);

    return ngx_max(wait, 0);
}
