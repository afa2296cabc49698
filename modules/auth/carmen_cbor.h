
/*
 * CBOR (RFC 8949) as CTAP2 writes it: definite lengths, shortest forms, no
 * tags, no floating point.  Anything else is refused.  Needs of nginx its
 * types only.
 */

#ifndef _CARMEN_CBOR_H_INCLUDED_
#define _CARMEN_CBOR_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define CARMEN_CBOR_DEPTH  4             /* CTAP 2.1 section 8 */


typedef enum {
    CARMEN_CBOR_UINT = 0,
    CARMEN_CBOR_NINT,                    /* -1 - value */
    CARMEN_CBOR_BYTES,                   /* data, value bytes */
    CARMEN_CBOR_TEXT,
    CARMEN_CBOR_ARRAY,                   /* value items follow */
    CARMEN_CBOR_MAP,                     /* value pairs follow */
    CARMEN_CBOR_SIMPLE = 7               /* false, true, null: 20 to 22 */
} carmen_cbor_e;


typedef struct {
    const u_char             *pos;
    const u_char             *last;
} carmen_cbor_t;


typedef struct {
    carmen_cbor_e             type;
    uint64_t                  value;
    const u_char             *data;      /* into the input */
} carmen_cbor_item_t;


/* the next item; of an array or a map its head; NGX_OK, NGX_DECLINED */
ngx_int_t carmen_cbor_next(carmen_cbor_t *c, carmen_cbor_item_t *item);

/* passes over an item with all that is in it; NGX_OK, NGX_DECLINED */
ngx_int_t carmen_cbor_skip(carmen_cbor_t *c);

/* a number of 32 bits, of either sign; NGX_OK, NGX_DECLINED */
ngx_int_t carmen_cbor_int(const carmen_cbor_item_t *item, int64_t *n);

/* whether it is this text */
ngx_uint_t carmen_cbor_is(const carmen_cbor_item_t *item, const char *text);


#endif /* _CARMEN_CBOR_H_INCLUDED_ */
