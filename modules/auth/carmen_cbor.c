
#include "carmen_cbor.h"


static ngx_int_t cbor_skip(carmen_cbor_t *c, ngx_uint_t depth);


ngx_int_t
carmen_cbor_next(carmen_cbor_t *c, carmen_cbor_item_t *item)
{
    size_t      left;
    u_char      info;
    ngx_uint_t  i, n;

    if (c->pos == c->last) {
        return NGX_DECLINED;
    }

    item->type = *c->pos >> 5;
    info = *c->pos++ & 31;
    item->data = NULL;

    if (info < 24) {
        item->value = info;

    } else {
        if (info > 27 || item->type == CARMEN_CBOR_SIMPLE) {
            return NGX_DECLINED;
        }

        n = 1 << (info - 24);

        if ((size_t) (c->last - c->pos) < n) {
            return NGX_DECLINED;
        }

        item->value = 0;

        for (i = 0; i < n; i++) {
            item->value = (item->value << 8) | *c->pos++;
        }

        /* the shortest form */

        if (item->value < 24
            || (n > 1 && item->value >> (4 * n) == 0))
        {
            return NGX_DECLINED;
        }
    }

    left = c->last - c->pos;

    switch (item->type) {

    case CARMEN_CBOR_UINT:
    case CARMEN_CBOR_NINT:
        return NGX_OK;

    case CARMEN_CBOR_BYTES:
    case CARMEN_CBOR_TEXT:
        if (item->value > left) {
            return NGX_DECLINED;
        }

        item->data = c->pos;
        c->pos += item->value;
        return NGX_OK;

    case CARMEN_CBOR_ARRAY:
        /* an item takes a byte or more */
        return item->value <= left ? NGX_OK : NGX_DECLINED;

    case CARMEN_CBOR_MAP:
        return item->value <= left / 2 ? NGX_OK : NGX_DECLINED;

    case CARMEN_CBOR_SIMPLE:
        return item->value >= 20 && item->value <= 22 ? NGX_OK
                                                      : NGX_DECLINED;
    }

    return NGX_DECLINED;
}


ngx_int_t
carmen_cbor_skip(carmen_cbor_t *c)
{
    return cbor_skip(c, 0);
}


static ngx_int_t
cbor_skip(carmen_cbor_t *c, ngx_uint_t depth)
{
    uint64_t            n;
    carmen_cbor_item_t  item;

    if (carmen_cbor_next(c, &item) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (item.type != CARMEN_CBOR_ARRAY && item.type != CARMEN_CBOR_MAP) {
        return NGX_OK;
    }

    if (depth == CARMEN_CBOR_DEPTH) {
        return NGX_DECLINED;
    }

    n = item.type == CARMEN_CBOR_MAP ? 2 * item.value : item.value;

    while (n--) {
        if (cbor_skip(c, depth + 1) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


ngx_int_t
carmen_cbor_int(const carmen_cbor_item_t *item, int64_t *n)
{
    if (item->value > 0xffffffff) {
        return NGX_DECLINED;
    }

    if (item->type == CARMEN_CBOR_UINT) {
        *n = item->value;
        return NGX_OK;
    }

    if (item->type == CARMEN_CBOR_NINT) {
        *n = -1 - (int64_t) item->value;
        return NGX_OK;
    }

    return NGX_DECLINED;
}


ngx_uint_t
carmen_cbor_is(const carmen_cbor_item_t *item, const char *text)
{
    return item->type == CARMEN_CBOR_TEXT
           && item->value == ngx_strlen(text)
           && ngx_memcmp(item->data, text, item->value) == 0;
}
