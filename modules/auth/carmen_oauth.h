
/*
 * The OAuth 2.0 and OpenID Connect provider: what its files share, and what
 * the pages that a person sees stand on.
 *
 * The provider's endpoints are rows of route tables like all others, with
 * CARMEN_RAW: their handlers get the body as it came and answer as the RFC
 * wants it, not with a problem.  The tenant is that of the location
 * (carmen_tenant); a client, a code or a device belongs to one tenant.
 * The Authorization header is theirs too: the identify hook leaves it alone.
 */

#ifndef _CARMEN_OAUTH_H_INCLUDED_
#define _CARMEN_OAUTH_H_INCLUDED_


#include "carmen_auth.h"


/*
 * Parameters of a query or a form (application/x-www-form-urlencoded) as an
 * object of strings.  A parameter without a value counts as absent (RFC 6749
 * section 3.1).  NULL: *why says what is wrong: one was repeated, it is not
 * UTF-8, holds NUL, or there are more than 64.  The object is released with
 * the pool.
 */
json_t *carmen_oauth_form(ngx_pool_t *pool, ngx_str_t *text,
    const char **why);

/* a parameter of it; data NULL if absent; ends with NUL */
ngx_str_t carmen_oauth_param(json_t *form, const char *name);


/*
 * An authorization request that was found good, from the query, the form or
 * a pushed request (RFC 9126).  All texts are in r->pool and end with NUL;
 * absent ones have data NULL.
 */
typedef struct {
    ngx_str_t                 client;        /* client_id */
    ngx_str_t                 client_name;
    ngx_str_t                 client_uri;
    ngx_str_t                 logo_uri;
    ngx_str_t                 policy_uri;
    ngx_str_t                 tos_uri;
    ngx_str_t                 redirect_uri;  /* a registered one, exactly */
    ngx_str_t                 scope;         /* what the client may have of
                                                what it asked for */
    ngx_str_t                 state;
    ngx_str_t                 nonce;
    ngx_str_t                 challenge;     /* PKCE, S256; never absent */
    ngx_str_t                 dpop_jkt;      /* RFC 9449 section 10 */
    ngx_str_t                 prompt;        /* as given; it is valid */
    ngx_str_t                 login_hint;
    ngx_str_t                 acr_values;
    ngx_str_t                 ui_locales;
    ngx_str_t                 id_token_hint;
    time_t                    max_age;       /* -1: not asked for */
    unsigned                  form_post:1;   /* response_mode */
    unsigned                  offline:1;     /* offline_access is asked for */
    unsigned                  trusted:1;     /* a client of the house: needs
                                                no consent */
    json_t                   *parameters;    /* all of them, a flat object of
                                                strings: what the server may
                                                keep (not the browser: it says
                                                that a request was pushed) and
                                                give in again later */
} carmen_oauth_request_t;


/*
 * NGX_OK:       request is good.
 * NGX_DECLINED: it is not; "error" (RFC 6749 section 4.1.2.1) goes to
 *               request->redirect_uri, with request->state and iss.
 * NGX_ABORT:    the client or its redirect_uri is not known: a page says so,
 *               and nobody is redirected anywhere.
 */
typedef void (*carmen_oauth_request_pt)(carmen_request_t *cr, ngx_int_t rc,
    carmen_oauth_request_t *request, const char *error,
    const char *description, void *data);

/*
 * Checks an authorization request: "form" is what carmen_oauth_form() gave,
 * or "parameters" of a request that was checked before.  With a request_uri
 * the pushed request is taken; it can be used for a second time only through
 * "parameters".  NGX_DONE: "next" is or was called, or the core has answered
 * (database down); NGX_ERROR.
 */
ngx_int_t carmen_oauth_authorize(carmen_request_t *cr, json_t *form,
    carmen_oauth_request_pt next, void *data);


/* what a person has proved and allowed */

typedef struct {
    ngx_str_t                 user;          /* uuid */
    ngx_str_t                 browser;       /* browser session, uuid; may be
                                                absent */
    ngx_str_t                 scope;         /* allowed, of request->scope */
    ngx_str_t                 acr;
    ngx_str_t                 amr;           /* a JSON array: ["pwd","otp"] */
    time_t                    auth_time;
} carmen_oauth_consent_t;

/*
 * Stores a code (hashed, single use, one minute; bound to client,
 * redirect_uri, challenge, nonce, jkt) and calls "next" with it.
 * auth.oauth_code_issue() is what it calls.  The session at the client
 * begins when the code is redeemed: a row of auth.session with client_id and
 * browser_session, whose session_id is the "sid" of the ID token, so that
 * back-channel logout finds the clients of a browser session there.
 */
typedef void (*carmen_oauth_code_pt)(carmen_request_t *cr, ngx_str_t *code,
    void *data);

ngx_int_t carmen_oauth_code(carmen_request_t *cr,
    carmen_oauth_request_t *request, carmen_oauth_consent_t *consent,
    carmen_oauth_code_pt next, void *data);


/*
 * The device flow (RFC 8628) meets the page in two statements:
 *
 *   auth_oauth_device_find    :value.code (as typed)
 *       a row while it waits: user_code (as shown), client_id, client_name,
 *       logo_uri, scope, trusted
 *   auth_oauth_device_decide  :value.code, :value.user,
 *       :value.browser, :value.scope (NULL: denied), :value.acr, :value.amr,
 *       :value.auth_time (seconds)
 *       a row: decided (boolean); false when it was not waiting any more
 */


/*
 * Signs claims with the first signing key.  "typ" is "JWT" (ID tokens),
 * "logout+jwt" and so on.  NGX_OK, NGX_ERROR.
 */
ngx_int_t carmen_oauth_sign(ngx_pool_t *pool, carmen_auth_conf_t *acf,
    const char *typ, json_t *claims, ngx_str_t *token);

/*
 * Reads an ID token of ours as id_token_hint or at logout: signature and
 * issuer; it may have expired.  NULL: it is none.  Released with the pool.
 */
json_t *carmen_oauth_hint(ngx_pool_t *pool, carmen_auth_conf_t *acf,
    ngx_str_t *token);

/* answers with RFC 6749 section 5.2 */
void carmen_oauth_refuse(carmen_request_t *cr, ngx_uint_t status,
    const char *error, const char *description);

/* answers with JSON and Cache-Control: no-store; takes the reference */
void carmen_oauth_reply(carmen_request_t *cr, ngx_uint_t status,
    json_t *body);


/* the provider's endpoints: carmen_oauth_routes.c */
extern carmen_domain_t  carmen_oauth_domain;


#endif /* _CARMEN_OAUTH_H_INCLUDED_ */
