
/* The zone of marks: a hash table of fixed size. */

#include "carmen_revocation.h"


#define MARKS_NONE  0xffffffff


typedef struct {
    u_char                    digest[CARMEN_MARK_DIGEST];
    int64_t                   cutoff;
    uint32_t                  expires;
    uint32_t                  next;      /* of the bucket, or free */
} marks_entry_t;


/* under the mutex of the zone, but for generation and heard */

struct carmen_marks_s {
    ngx_atomic_t              generation;
    ngx_atomic_t              heard;     /* ngx_current_msec; 0: never */
    time_t                    cutoff;    /* what was there when it was full */
    uint32_t                  size;
    uint32_t                  mask;
    uint32_t                  free;
    uint32_t                 *buckets;
    marks_entry_t            *entries;
};


static ngx_int_t marks_init(ngx_shm_zone_t *zone, void *data);
static void marks_empty(carmen_marks_t *marks);
static void marks_expire(carmen_marks_t *marks, time_t now);
static marks_entry_t *marks_find(carmen_marks_t *marks, const u_char *digest);
static uint32_t *marks_bucket(carmen_marks_t *marks, const u_char *digest);


ngx_shm_zone_t *
carmen_marks_zone(ngx_conf_t *cf, size_t size, void *tag)
{
    ngx_shm_zone_t  *zone;

    static ngx_str_t  name = ngx_string("carmen_auth_revocations");

    zone = ngx_shared_memory_add(cf, &name, size, tag);
    if (zone == NULL) {
        return NULL;
    }

    zone->init = marks_init;

    return zone;
}


static ngx_int_t
marks_init(ngx_shm_zone_t *zone, void *data)
{
    uint32_t          buckets;
    carmen_marks_t   *marks;
    ngx_slab_pool_t  *shpool;

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data || zone->shm.exists) {
        zone->data = shpool->data;
        return NGX_OK;
    }

    marks = ngx_slab_calloc(shpool, sizeof(carmen_marks_t));
    if (marks == NULL) {
        return NGX_ERROR;
    }

    /* a slab keeps some of the zone to itself */

    marks->size = (zone->shm.size - zone->shm.size / 16 - 4 * ngx_pagesize)
                  / (sizeof(marks_entry_t) + 2 * sizeof(uint32_t));

    for (buckets = 64; buckets * 2 <= marks->size; buckets *= 2) { /* void */ }

    marks->mask = buckets - 1;
    marks->entries = ngx_slab_alloc(shpool,
                                    marks->size * sizeof(marks_entry_t));
    marks->buckets = ngx_slab_alloc(shpool, buckets * sizeof(uint32_t));

    if (marks->entries == NULL || marks->buckets == NULL) {
        return NGX_ERROR;
    }

    marks->generation = 1;
    marks_empty(marks);

    shpool->data = marks;
    zone->data = marks;

    return NGX_OK;
}


static void
marks_empty(carmen_marks_t *marks)
{
    uint32_t  i;

    for (i = 0; i <= marks->mask; i++) {
        marks->buckets[i] = MARKS_NONE;
    }

    for (i = 0; i < marks->size; i++) {
        marks->entries[i].next = i + 1 < marks->size ? i + 1 : MARKS_NONE;
    }

    marks->free = 0;
}


static void
marks_expire(carmen_marks_t *marks, time_t now)
{
    uint32_t        i, n, *p;
    marks_entry_t  *e;

    for (i = 0; i <= marks->mask; i++) {

        p = &marks->buckets[i];

        while (*p != MARKS_NONE) {
            n = *p;
            e = &marks->entries[n];

            if ((time_t) e->expires > now) {
                p = &e->next;
                continue;
            }

            *p = e->next;
            e->next = marks->free;
            marks->free = n;
        }
    }
}


/* a digest is as random as any hash of it */

static uint32_t *
marks_bucket(carmen_marks_t *marks, const u_char *digest)
{
    uint32_t  hash;

    ngx_memcpy(&hash, digest, sizeof(uint32_t));

    return &marks->buckets[hash & marks->mask];
}


static marks_entry_t *
marks_find(carmen_marks_t *marks, const u_char *digest)
{
    uint32_t        n;
    marks_entry_t  *e;

    n = *marks_bucket(marks, digest);

    while (n != MARKS_NONE) {
        e = &marks->entries[n];

        if (ngx_memcmp(e->digest, digest, CARMEN_MARK_DIGEST) == 0) {
            return e;
        }

        n = e->next;
    }

    return NULL;
}


void
carmen_marks_add(ngx_shm_zone_t *zone, const u_char *digest, time_t cutoff,
    time_t expires, ngx_log_t *log)
{
    uint32_t          n, *bucket;
    marks_entry_t    *e;
    carmen_marks_t   *marks;
    ngx_slab_pool_t  *shpool;

    marks = zone->data;
    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    ngx_shmtx_lock(&shpool->mutex);

    e = marks_find(marks, digest);

    if (e) {
        e->expires = ngx_max((time_t) e->expires, expires);

        if (e->cutoff < cutoff) {
            e->cutoff = cutoff;
            (void) ngx_atomic_fetch_add(&marks->generation, 1);
        }

        ngx_shmtx_unlock(&shpool->mutex);
        return;
    }

    if (marks->free == MARKS_NONE) {
        marks_expire(marks, ngx_time());
    }

    if (marks->free == MARKS_NONE) {
        marks_empty(marks);
        marks->cutoff = ngx_time();

        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "carmen: no room for more than %uD revocations: all "
                      "tokens issued until now are refused; raise "
                      "\"carmen_auth_revocations\"", marks->size);
    }

    n = marks->free;
    e = &marks->entries[n];
    marks->free = e->next;

    ngx_memcpy(e->digest, digest, CARMEN_MARK_DIGEST);
    e->cutoff = cutoff;
    e->expires = (uint32_t) ngx_min(expires, (time_t) 0xffffffff);

    bucket = marks_bucket(marks, digest);
    e->next = *bucket;
    *bucket = n;

    (void) ngx_atomic_fetch_add(&marks->generation, 1);

    ngx_shmtx_unlock(&shpool->mutex);
}


ngx_uint_t
carmen_marks_cover(ngx_shm_zone_t *zone,
    u_char digests[][CARMEN_MARK_DIGEST], ngx_uint_t n, time_t issued,
    ngx_atomic_uint_t *generation)
{
    ngx_uint_t        i, covered;
    marks_entry_t    *e;
    carmen_marks_t   *marks;
    ngx_slab_pool_t  *shpool;

    marks = zone->data;
    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    ngx_shmtx_lock(&shpool->mutex);

    *generation = marks->generation;
    covered = (issued <= marks->cutoff);

    for (i = 0; i < n && !covered; i++) {
        e = marks_find(marks, digests[i]);
        covered = (e && issued <= (time_t) e->cutoff);
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return covered;
}


const ngx_atomic_t *
carmen_marks_generation(ngx_shm_zone_t *zone)
{
    carmen_marks_t  *marks = zone->data;

    return &marks->generation;
}


ngx_msec_t
carmen_marks_heard(ngx_shm_zone_t *zone)
{
    carmen_marks_t  *marks = zone->data;

    return marks->heard;
}


/* of several workers the one that has heard last counts */

void
carmen_marks_hear(ngx_shm_zone_t *zone, ngx_msec_t when)
{
    ngx_atomic_uint_t   was;
    carmen_marks_t     *marks;

    marks = zone->data;

    do {
        was = marks->heard;

        if (was && (ngx_msec_int_t) (when - was) <= 0) {
            return;
        }

    } while (!ngx_atomic_cmp_set(&marks->heard, was, when));
}
