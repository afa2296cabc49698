
/*
 * Text that grows in a pool, and the answer made of it: for the pages of the
 * core itself.  A failed allocation is remembered, and asked for once at the
 * end.
 */

#ifndef _CARMEN_TEXT_H_INCLUDED_
#define _CARMEN_TEXT_H_INCLUDED_


typedef struct {
    ngx_pool_t               *pool;
    u_char                   *start;
    u_char                   *last;
    u_char                   *end;
    ngx_uint_t                failed;        /* unsigned  failed:1; */
} carmen_text_t;


void carmen_text_init(carmen_text_t *t, ngx_pool_t *pool, size_t size);

void carmen_text_add(carmen_text_t *t, const void *data, size_t len);

/* a formatted piece of at most 512 bytes (ngx_sprintf) */
void carmen_text_format(carmen_text_t *t, const char *fmt, ...);

/* quoted and escaped: RFC 8259 */
void carmen_text_json(carmen_text_t *t, const void *data, size_t len);

/* the same without the quotes */
void carmen_text_escape(carmen_text_t *t, const void *data, size_t len);

/* escaped for text and attributes */
void carmen_text_html(carmen_text_t *t, const char *s);

/* the value of a label, quoted and escaped: Prometheus text format 0.0.4 */
void carmen_text_label(carmen_text_t *t, const void *data, size_t len);

#define carmen_text_lit(t, s)    carmen_text_add(t, s, sizeof(s) - 1)
#define carmen_text_cstr(t, s)   carmen_text_add(t, s, ngx_strlen(s))
#define carmen_text_str(t, s)    carmen_text_add(t, (s)->data, (s)->len)
#define carmen_text_jsonc(t, s)  carmen_text_json(t, s, ngx_strlen(s))

/* takes back a comma at the end */
#define carmen_text_uncomma(t)                                                \
    if ((t)->last > (t)->start && (t)->last[-1] == ',') (t)->last--


/*
 * For GET and HEAD: NGX_DECLINED, and the request has no body any more.
 * Otherwise the request was answered (OPTIONS, 405) and the value is what a
 * content handler returns.
 */
ngx_int_t carmen_page_method(ngx_http_request_t *r);

/* a header of the answer; "name" and "value" are static or in r->pool */
ngx_int_t carmen_page_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);

/*
 * Answers with the bytes, which live in r->pool or longer.  "etag" may be
 * NULL; "cache" is the Cache-Control.
 */
ngx_int_t carmen_page_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, ngx_str_t *body, ngx_str_t *etag, const char *cache);

/* the same with a text */
ngx_int_t carmen_page_text(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, carmen_text_t *t, const char *cache);


#endif /* _CARMEN_TEXT_H_INCLUDED_ */
