
/*
 * Page cursors: opaque to the client, bound by HMAC-SHA-256 to the tenant,
 * the statement, the sort and the filters they were made for.
 */

#ifndef _CARMEN_CURSOR_H_INCLUDED_
#define _CARMEN_CURSOR_H_INCLUDED_


#define CARMEN_CURSOR_KEYS  4

typedef struct {
    carmen_page_e             page;          /* AFTER or BEFORE */
    ngx_uint_t                sort;
    ngx_uint_t                nkeys;
    ngx_str_t                 keys[CARMEN_CURSOR_KEYS];
} carmen_cursor_t;


/*
 * "secret" is 32 bytes; "context" is what the cursor is bound to; "keys" is
 * the JSON array of texts that the statement gave as "first" or "last".
 * The cursor is base64url text in the pool.  NGX_OK or NGX_ERROR.
 */
ngx_int_t carmen_cursor_encode(ngx_pool_t *pool, const u_char *secret,
    ngx_str_t *context, carmen_page_e page, ngx_uint_t sort, ngx_str_t *keys,
    ngx_str_t *cursor);

/* NGX_OK; NGX_DECLINED: not one of ours, or for another context; NGX_ERROR */
ngx_int_t carmen_cursor_decode(ngx_pool_t *pool, const u_char *secret,
    ngx_str_t *context, ngx_str_t *cursor, carmen_cursor_t *out);


#endif /* _CARMEN_CURSOR_H_INCLUDED_ */
