
/* Forms and queries of those who do not leave them to a field table. */

#ifndef _CARMEN_FORM_H_INCLUDED_
#define _CARMEN_FORM_H_INCLUDED_


/*
 * A parameter of an application/x-www-form-urlencoded text, decoded in the
 * pool, ended with NUL.  NGX_OK; NGX_DECLINED: not there, *value is null;
 * NGX_ABORT: there more than once, not valid UTF-8, or with control
 * characters; NGX_ERROR.
 */
CARMEN_API ngx_int_t carmen_form_value(ngx_pool_t *pool, ngx_str_t *form,
    const char *name, ngx_str_t *value);

/* percent-encodes all but the unreserved (RFC 3986); data NULL: no memory */
CARMEN_API ngx_str_t carmen_form_encode(ngx_pool_t *pool, ngx_str_t text);


#endif /* _CARMEN_FORM_H_INCLUDED_ */
