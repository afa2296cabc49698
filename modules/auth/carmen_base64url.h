
/*
 * Base64url as RFC 7515 section 2 wants it: no padding, no white space, and
 * of each value one spelling only (the unused bits of the last character are
 * zero).
 */

#ifndef _CARMEN_BASE64URL_H_INCLUDED_
#define _CARMEN_BASE64URL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define carmen_base64url_len(len)          (((len) * 4 + 2) / 3)
#define carmen_base64url_decoded_len(len)  ((len) * 3 / 4)


/* writes carmen_base64url_len(len) bytes; returns their end */
u_char *carmen_base64url_encode(u_char *dst, const u_char *src, size_t len);

/*
 * Writes carmen_base64url_decoded_len(len) bytes to dst; src may be dst.
 * NGX_OK, or NGX_DECLINED.
 */
ngx_int_t carmen_base64url_decode(u_char *dst, const u_char *src, size_t len);


#endif /* _CARMEN_BASE64URL_H_INCLUDED_ */
