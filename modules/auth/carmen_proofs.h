
/*
 * Proofs that are good once: DPoP proofs (RFC 9449 section 11.1) and client
 * assertions (RFC 7523 section 3), the same for all workers of a node.  A
 * table of digests and when each expires; a proof for which there is no room
 * is refused, so that nobody can drive out the others.
 */

#ifndef _CARMEN_PROOFS_H_INCLUDED_
#define _CARMEN_PROOFS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define CARMEN_PROOF_DIGEST  32


/* config time; NULL is logged */
ngx_shm_zone_t *carmen_proofs_zone(ngx_conf_t *cf, size_t size, void *tag);

/*
 * NGX_OK: it was not used before.  NGX_DECLINED: it was.  NGX_BUSY: there is
 * no room to remember it.
 */
ngx_int_t carmen_proof_use(ngx_shm_zone_t *zone, const u_char *digest,
    time_t expires);


#endif /* _CARMEN_PROOFS_H_INCLUDED_ */
