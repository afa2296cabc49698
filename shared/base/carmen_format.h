
/*
 * Forms of text: what a string must look like to be a UUID, a date, an email
 * address.  Leaf functions without memory; all return 1 or 0 unless said
 * otherwise, and take bytes that need not end with a NUL.
 */

#ifndef _CARMEN_FORMAT_H_INCLUDED_
#define _CARMEN_FORMAT_H_INCLUDED_


#define CARMEN_CODE_MAX  128                 /* of a CARMEN_CODE without max */


#define carmen_is_digit(c)  ((u_char) ((c) - '0') < 10)
#define carmen_is_alpha(c)  ((u_char) (((c) | 0x20) - 'a') < 26)
#define carmen_is_alnum(c)  (carmen_is_digit(c) || carmen_is_alpha(c))


/* the number of code points, or NGX_ERROR if it is not UTF-8 (RFC 3629) */
ngx_int_t carmen_utf8_length(const u_char *p, size_t len);

/* UTF-8 that a database takes and a log survives: no control characters */
ngx_uint_t carmen_format_text(const u_char *p, size_t len);

/* an integer in JSON's spelling; NGX_OK, or NGX_DECLINED */
ngx_int_t carmen_format_integer(const u_char *p, size_t len, int64_t *value);

/* a number in JSON's spelling; NGX_OK, or NGX_DECLINED; beyond the range of a
 * double too */
ngx_int_t carmen_format_number(const u_char *p, size_t len, double *value);

/* 8-4-4-4-12 hexadecimal digits of any case (RFC 9562 section 4) */
ngx_uint_t carmen_format_uuid(const u_char *p, size_t len);

/*
 * RFC 3339 section 5.6.  Years 0001 to 9999, a second 60 only at the end of
 * a UTC day, up to 9 digits of fraction, offsets up to 15:59 (PostgreSQL has
 * no others, nor has the earth).
 */
ngx_uint_t carmen_format_date(const u_char *p, size_t len);
ngx_uint_t carmen_format_timestamp(const u_char *p, size_t len);

/* RFC 5321 Mailbox and RFC 6531, with a dot-atom and a domain of two labels */
ngx_uint_t carmen_format_email(const u_char *p, size_t len);

/* RFC 3986 with scheme http or https, a host, and no user information */
ngx_uint_t carmen_format_uri(const u_char *p, size_t len);

/* ISO 4217, list one, currencies that can be paid with */
ngx_uint_t carmen_format_currency(const u_char *p, size_t len);

/* GS1 General Specifications section 7.9: 8, 12, 13, 14 digits */
ngx_uint_t carmen_format_gtin(const u_char *p, size_t len);

/* [A-Za-z0-9][A-Za-z0-9._:-]* */
ngx_uint_t carmen_format_code(const u_char *p, size_t len);

/*
 * A pattern is "^" pieces "$".  A piece is a class ([A-Z0-9_-], ASCII, no
 * negation), an ASCII letter, digit or one of "-_:/@#%&=,;<> !~'\"", or a
 * group of pieces in parentheses, which does not nest and has no "|"; each
 * with an optional ?, *, +, {n}, {m,} or {m,n}.  A piece takes as much as it
 * can and gives none back, so that matching needs neither memory nor
 * backtracking: "^[0-9]*[0-9]$" matches nothing.
 * NGX_OK; NGX_DECLINED: does not match; NGX_ERROR: the pattern is malformed,
 * whatever the text.
 */
ngx_int_t carmen_format_pattern(const char *pattern, const u_char *p,
    size_t len);


#endif /* _CARMEN_FORMAT_H_INCLUDED_ */
