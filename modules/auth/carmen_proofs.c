
#include "carmen_proofs.h"


#define PROOF_WAYS  16


typedef struct {
    u_char                    digest[24];
    time_t                    expires;       /* 0: free */
} proof_t;


typedef struct {
    ngx_uint_t                nsets;
    proof_t                  *proofs;        /* PROOF_WAYS a set */
} proofs_t;


static ngx_int_t proofs_init(ngx_shm_zone_t *zone, void *data);


ngx_shm_zone_t *
carmen_proofs_zone(ngx_conf_t *cf, size_t size, void *tag)
{
    ngx_shm_zone_t  *zone;

    ngx_str_t  name = ngx_string("carmen_auth_proofs");

    zone = ngx_shared_memory_add(cf, &name, size, tag);

    if (zone) {
        zone->init = proofs_init;
    }

    return zone;
}


static ngx_int_t
proofs_init(ngx_shm_zone_t *zone, void *data)
{
    size_t            size;
    proofs_t         *proofs;
    ngx_slab_pool_t  *pool;

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data || zone->shm.exists) {
        zone->data = data ? data : pool->data;
        return NGX_OK;
    }

    proofs = ngx_slab_calloc(pool, sizeof(proofs_t));
    if (proofs == NULL) {
        return NGX_ERROR;
    }

    /* what the slab pool keeps for itself is less than an eighth */

    size = PROOF_WAYS * sizeof(proof_t);
    proofs->nsets = zone->shm.size / 8 * 7 / size;
    proofs->proofs = ngx_slab_calloc(pool, proofs->nsets * size);

    while (proofs->proofs == NULL && proofs->nsets > 1) {
        proofs->nsets /= 2;
        proofs->proofs = ngx_slab_calloc(pool, proofs->nsets * size);
    }

    if (proofs->proofs == NULL) {
        return NGX_ERROR;
    }

    pool->data = proofs;
    zone->data = proofs;

    return NGX_OK;
}


ngx_int_t
carmen_proof_use(ngx_shm_zone_t *zone, const u_char *digest, time_t expires)
{
    time_t            now;
    uint64_t          hash;
    proof_t          *p, *room;
    proofs_t         *proofs;
    ngx_int_t         rc;
    ngx_uint_t        i;
    ngx_slab_pool_t  *pool;

    proofs = zone->data;
    pool = (ngx_slab_pool_t *) zone->shm.addr;
    now = ngx_time();

    ngx_memcpy(&hash, digest + 24, sizeof(uint64_t));
    p = proofs->proofs + hash % proofs->nsets * PROOF_WAYS;
    room = NULL;
    rc = NGX_OK;

    ngx_shmtx_lock(&pool->mutex);

    for (i = 0; i < PROOF_WAYS; i++) {

        if (p[i].expires < now) {
            room = &p[i];
            continue;
        }

        if (ngx_memcmp(p[i].digest, digest, sizeof(p[i].digest)) == 0) {
            rc = NGX_DECLINED;
            break;
        }
    }

    if (rc == NGX_OK && room == NULL) {
        rc = NGX_BUSY;
    }

    if (rc == NGX_OK) {
        ngx_memcpy(room->digest, digest, sizeof(room->digest));
        room->expires = expires;
    }

    ngx_shmtx_unlock(&pool->mutex);

    return rc;
}
