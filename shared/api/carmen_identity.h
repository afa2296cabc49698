
/* Who is calling: filled by the auth module, read by everyone. */

#ifndef _CARMEN_IDENTITY_H_INCLUDED_
#define _CARMEN_IDENTITY_H_INCLUDED_


#define CARMEN_SCOPES_MAX   256
#define CARMEN_SCOPE_WORDS  (CARMEN_SCOPES_MAX / 64)


/* a set of scopes, a bit for each scope that a route of this process names */

typedef struct {
    uint64_t                  word[CARMEN_SCOPE_WORDS];
} carmen_scopes_t;


typedef struct {
    ngx_str_t                 tenant;
    ngx_str_t                 subject;       /* "sub" */
    ngx_str_t                 client;        /* "client_id", may be empty */
    ngx_str_t                 session;       /* "sid", may be empty */
    ngx_str_t                 jti;
    ngx_str_t                 scope;         /* as in the token */
    carmen_scopes_t           scopes;
    time_t                    exp;
} carmen_identity_t;


/*
 * Sets *identity for a request with credentials.  Returns NGX_OK; NGX_DECLINED
 * when the request carries no credentials; NGX_AGAIN when it will call
 * carmen_identify_done() later; NGX_ERROR when the credentials were refused
 * and the response (401 or 503) has been given by carmen_identity_refuse().
 * The identity must live as long as r->pool: copy what may be evicted.
 */
typedef ngx_int_t (*carmen_identify_pt)(ngx_http_request_t *r,
    carmen_identity_t **identity);


/* config time: makes "identify" the one that the access phase calls */
CARMEN_API ngx_int_t carmen_identify_register(ngx_conf_t *cf,
    carmen_identify_pt identify);

/* ends an NGX_AGAIN of carmen_identify_pt: the access phase is run again */
CARMEN_API void carmen_identify_done(ngx_http_request_t *r);

/*
 * Whether Carmen itself answers in the request's location, by endpoints or by
 * a page of its own: these say themselves who may see them.
 */
CARMEN_API ngx_uint_t carmen_location(ngx_http_request_t *r);

/* the identity of the request, or NULL if it is anonymous */
CARMEN_API carmen_identity_t *carmen_identity(ngx_http_request_t *r);

/* adds the scopes named in a space-separated list to the set; unknown names
 * are passed over */
CARMEN_API void carmen_scopes_parse(ngx_str_t *list, carmen_scopes_t *scopes);

/* config time: the bit of a scope, made if new; NGX_ERROR when full */
CARMEN_API ngx_int_t carmen_scope_intern(const char *name);

#define carmen_scopes_has(s, bit)                                             \
    (((s)->word[(bit) >> 6] >> ((bit) & 63)) & 1)

/*
 * 401 with WWW-Authenticate (RFC 6750 section 3): "error" is NULL when no
 * credentials were given, else "invalid_token" and so on; "description" is
 * shown to the client and must hold nothing of the token.
 */
CARMEN_API ngx_int_t carmen_identity_refuse(ngx_http_request_t *r,
    const char *error, const char *description);


#endif /* _CARMEN_IDENTITY_H_INCLUDED_ */
