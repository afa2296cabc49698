
/*
 * Time-based one-time passwords (RFC 6238: HMAC-SHA-1, 30 seconds, 6 digits)
 * and recovery codes.  Needs of nginx its types only.
 */

#ifndef _CARMEN_TOTP_H_INCLUDED_
#define _CARMEN_TOTP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define CARMEN_TOTP_SECRET     20        /* bytes: RFC 4226 section 4 */
#define CARMEN_TOTP_DIGITS     6
#define CARMEN_TOTP_PERIOD     30

#define CARMEN_RECOVERY_CODES  10
#define CARMEN_RECOVERY_TEXT   19        /* "abcd-efgh-ijkl-mnop" */
#define CARMEN_RECOVERY_HASH   64        /* hex digits */

#define carmen_base32_len(len)  (((len) * 8 + 4) / 5)


/* RFC 4648 section 6 without padding, in capitals; returns the end */
u_char *carmen_base32_encode(u_char *dst, const u_char *src, size_t len);

/* the code of a step; NGX_OK, NGX_ERROR */
ngx_int_t carmen_totp_code(const u_char *secret, size_t len, uint64_t step,
    ngx_uint_t *code);

/*
 * NGX_OK: "text" is the code of *step, which is that of "now" or one beside
 * it (RFC 6238 section 5.2).  Spaces in it are passed over.  NGX_DECLINED;
 * NGX_ERROR.  That a step is not used twice is for the caller to see to.
 */
ngx_int_t carmen_totp_check(const u_char *secret, size_t len,
    const ngx_str_t *text, time_t now, uint64_t *step);

/* a new code; "text" has CARMEN_RECOVERY_TEXT bytes; NGX_OK, NGX_ERROR */
ngx_int_t carmen_recovery_create(u_char *text);

/*
 * The hash under which the database knows a code, CARMEN_RECOVERY_HASH bytes.
 * Dashes, spaces and case do not count.  NGX_OK; NGX_DECLINED: it cannot be
 * one; NGX_ERROR.
 */
ngx_int_t carmen_recovery_hash(const ngx_str_t *text, u_char *hash);


#endif /* _CARMEN_TOTP_H_INCLUDED_ */
