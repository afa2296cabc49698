
/*
 * Signing in with a browser: what a factor must offer to take part.
 *
 * Whoever is to be signed in sees the login page: the password form, built
 * in, and below it what each factor with CARMEN_FACTOR_FIRST draws (a passkey,
 * a button of a social provider).  A factor with CARMEN_FACTOR_SECOND is asked
 * for after the first one, when the user has enrolled it, or when the client
 * wants more than a password (acr_values): one of those enrolled, the first
 * registered by default, the others behind a link.
 *
 * What a user has enrolled is one SQL answer, the names (carmen_factor_t.name)
 * in the order of preference:
 *
 *   auth.browser_factors(tenant text, user_id uuid) RETURNS text[]
 *
 * The change auth:browser makes it with no names; the change that brings a
 * factor replaces the function (CREATE OR REPLACE, same signature).
 *
 * A factor is registered at configuration time and is constant after.  Both
 * functions may go on with carmen_query() and carmen_offload(); what they
 * begin must end in exactly one of the calls named at them.  On failure of a
 * statement call carmen_browser_error().  A "b" is valid while its request is.
 */

#ifndef _CARMEN_BROWSER_H_INCLUDED_
#define _CARMEN_BROWSER_H_INCLUDED_


#include <carmen.h>


typedef struct carmen_browser_s  carmen_browser_t;


#define CARMEN_FACTOR_FIRST    0x01      /* says who it is, on its own */
#define CARMEN_FACTOR_SECOND   0x02      /* of a user who is known */
#define CARMEN_FACTOR_STRONG   0x04      /* as good as two (a passkey with user
                                            verification): no second one */


typedef struct {
    const char               *name;      /* "totp": [a-z0-9-]; NULL ends */
    const char               *title;     /* "Authenticator app": plain text */
    const char               *amr;       /* RFC 8176: "otp", "hwk", ... */
    ngx_uint_t                flags;

    /*
     * Draws its part of the page.  Ends with carmen_browser_fragment() or
     * carmen_browser_error().  The fragment is what stands within
     *
     *   <form method="post" class="factor factor-NAME"> ... </form>
     *
     * the form, its action, its CSRF token and the hidden field "factor" are
     * not its business; a submit button is.  Text of others must go through
     * carmen_html_escape().  No style and no script within (see "script").
     */
    void                    (*page)(carmen_browser_t *b);

    /*
     * Checks the form that was sent, its CSRF token is right.  Ends with
     * carmen_browser_pass(), carmen_browser_fail(), carmen_browser_leave()
     * or carmen_browser_error().
     */
    void                    (*check)(carmen_browser_t *b);

    /*
     * A script for its page, or empty: served as a file under
     * <prefix>/oauth/script/NAME.js, and allowed on pages that show this
     * factor.  It must find its elements by itself (data-* attributes).
     */
    ngx_str_t                 script;
} carmen_factor_t;


/* configuration time (preconfiguration): NGX_OK, NGX_ERROR (logged) */
ngx_int_t carmen_factor_register(ngx_conf_t *cf,
    const carmen_factor_t *factor);


/* what a factor may know */

carmen_request_t *carmen_browser_request(carmen_browser_t *b);
ngx_str_t carmen_browser_tenant(carmen_browser_t *b);

/* data NULL: not known yet (a first factor) */
ngx_str_t carmen_browser_user(carmen_browser_t *b);

/* login name typed or hinted, data NULL: none; from the network */
ngx_str_t carmen_browser_login(carmen_browser_t *b);

/* "https://id.example.com": scheme and host of the issuer */
ngx_str_t carmen_browser_origin(carmen_browser_t *b);

/*
 * 64 hex digits that stand for this browser (from its cookie): to tie a
 * challenge or a state to it.  Another one after each sign-in.
 */
ngx_str_t carmen_browser_binding(carmen_browser_t *b);

/*
 * Where the sign-in goes on: path and query of the request to
 * /oauth/authorize (or the device page).  Who sends the browser away keeps it,
 * and redirects there at the end.
 */
ngx_str_t carmen_browser_resume(carmen_browser_t *b);

/* a field of the form, decoded UTF-8; data NULL: absent */
ngx_str_t carmen_browser_field(carmen_browser_t *b, const char *name);

/* data of the factor for the duration of the request */
void carmen_browser_set(carmen_browser_t *b, void *data);
void *carmen_browser_get(carmen_browser_t *b);


/* endings */

/* of page(): empty for nothing; the text is copied */
void carmen_browser_fragment(carmen_browser_t *b, ngx_str_t *html);

/*
 * Of check(): it is right.  "user" is the user's id, for a first factor; NULL
 * for a second one.  "amr" NULL: the factor's.
 */
void carmen_browser_pass(carmen_browser_t *b, ngx_str_t *user,
    const char *amr);

/*
 * Of check(): it is not right.  The page comes again with the message, plain
 * text, which must tell nothing of whether an account exists.  The failure
 * counts against the account from this address.
 */
void carmen_browser_fail(carmen_browser_t *b, const char *message);

/* of check(): sends the browser elsewhere, to an absolute URL, by a page */
void carmen_browser_leave(carmen_browser_t *b, ngx_str_t *url);

/* something broke: the error page, 500 or 503 */
void carmen_browser_error(carmen_browser_t *b, ngx_uint_t status);


/*
 * For a factor that comes back by an URL of its own (the redirect of a social
 * provider): signs the browser of this request in as the user, with a session
 * and a cookie of its own, and redirects to "resume".  The caller has verified
 * that the binding it kept is that of this request (carmen_browser_open()).
 * "amr" as in "fed".  The request is answered; never fails otherwise.
 */
void carmen_browser_sign_in(carmen_browser_t *b, ngx_str_t *user,
    const char *amr, ngx_str_t *resume);

/* the browser of a request; NULL: no memory.  Without a cookie the binding is
 * empty */
carmen_browser_t *carmen_browser_open(carmen_request_t *cr);


/* the text for HTML, in the pool; data NULL: no memory */
ngx_str_t carmen_html_escape(ngx_pool_t *pool, ngx_str_t text);


#endif /* _CARMEN_BROWSER_H_INCLUDED_ */
