
/* The provider, between its own files. */

#ifndef _CARMEN_OAUTH_PARTS_H_INCLUDED_
#define _CARMEN_OAUTH_PARTS_H_INCLUDED_


#include "carmen_oauth.h"
#include "carmen_binding.h"
#include "carmen_jws.h"


#define CARMEN_OAUTH_DEVICE                                                   \
    "urn:ietf:params:oauth:grant-type:device_code"
#define CARMEN_OAUTH_REQUEST_URN  "urn:ietf:params:oauth:request_uri:"
#define CARMEN_OAUTH_ASSERTION                                                \
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


/* a client is the object that auth.oauth_client_find() makes */

typedef void (*carmen_oauth_client_pt)(carmen_request_t *cr, json_t *client,
    void *data);

/*
 * Who asks, proved as it is registered (RFC 6749 section 2.3, RFC 7523,
 * RFC 8705 section 2).  "next" is called with the client; all else has been
 * answered.  NGX_DONE, NGX_ERROR.
 */
ngx_int_t carmen_oauth_client(carmen_request_t *cr, json_t *form,
    carmen_oauth_client_pt next, void *data);

/* looks a client up, without proof; "client" is NULL if there is none */
ngx_int_t carmen_oauth_client_find(carmen_request_t *cr, ngx_str_t *id,
    carmen_oauth_client_pt next, void *data);

/* whether an array of strings of the client has this one */
ngx_uint_t carmen_oauth_has(json_t *client, const char *list,
    const char *value);

/* words of "asked" that the client may have; data NULL: no memory */
ngx_str_t carmen_oauth_narrow(ngx_pool_t *pool, json_t *client,
    ngx_str_t *asked);

/*
 * What a token for this client is bound to; both may come out empty.
 * NGX_OK; NGX_DONE: it was answered.
 */
ngx_int_t carmen_oauth_bind(carmen_request_t *cr, json_t *client,
    ngx_str_t *jkt, ngx_str_t *x5t);


/* the form of a POST; NULL: it was answered */
json_t *carmen_oauth_post(carmen_request_t *cr);

/* a member of an object; data NULL if it is no string; ends with NUL */
ngx_str_t carmen_oauth_text(json_t *object, const char *name);

/* a random text of 256 bits, and its hash; NGX_OK, NGX_ERROR */
ngx_int_t carmen_oauth_random(ngx_pool_t *pool, const char *prefix,
    ngx_str_t *text, ngx_str_t *hash);

/* a copy that ends with NUL; data NULL: no memory, or s is absent */
ngx_str_t carmen_oauth_copy(ngx_pool_t *pool, ngx_str_t s);

ngx_str_t carmen_oauth_number(ngx_pool_t *pool, time_t n);

carmen_auth_conf_t *carmen_oauth_conf(carmen_request_t *cr);

/* the issuer and a path; data NULL: no memory */
ngx_str_t carmen_oauth_url(carmen_request_t *cr, const char *path);

/* for handlers of results: NGX_ERROR is answered */
void carmen_oauth_run(carmen_request_t *cr, ngx_int_t rc);

ngx_int_t carmen_oauth_header(ngx_http_request_t *r, const char *name,
    const char *value);


/*
 * An authorization request without its client's look-up.  As
 * carmen_oauth_request_pt gets it.
 */
ngx_int_t carmen_oauth_request(ngx_pool_t *pool, json_t *client,
    json_t *form, ngx_uint_t pushed, carmen_oauth_request_t *request,
    const char **error, const char **description);


/* handlers of routes */
ngx_int_t carmen_oauth_token(carmen_request_t *cr);
ngx_int_t carmen_oauth_push(carmen_request_t *cr);
ngx_int_t carmen_oauth_device(carmen_request_t *cr);
ngx_int_t carmen_oauth_introspect(carmen_request_t *cr);
ngx_int_t carmen_oauth_revoke(carmen_request_t *cr);
ngx_int_t carmen_oauth_userinfo(carmen_request_t *cr);
ngx_int_t carmen_oauth_register(carmen_request_t *cr);
ngx_int_t carmen_oauth_registration(carmen_request_t *cr);


#endif /* _CARMEN_OAUTH_PARTS_H_INCLUDED_ */
