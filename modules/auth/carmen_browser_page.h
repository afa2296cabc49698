
/* The pages that a person sees: what their files share. */

#ifndef _CARMEN_BROWSER_PAGE_H_INCLUDED_
#define _CARMEN_BROWSER_PAGE_H_INCLUDED_


#include <jansson.h>
#include "carmen_browser.h"
#include "carmen_oauth.h"
#include "carmen_template.h"


#define CARMEN_FACTORS_MAX   16
#define CARMEN_FORM_MAX      65536


/* SHA-256 of CARMEN_FORM_POST_SCRIPT, in base64: for the policy */
#define CARMEN_FORM_POST_SCRIPT  "document.getElementById(\"answer\").submit()"
#define CARMEN_FORM_POST_DIGEST                                               \
    "sha256-RXxS3hG68ruUYi7peSR7+BMYBaR7DcYgap/3RoSZkhU="


/* files of a theme, the built-in one compiled in from theme/ */

typedef struct {
    ngx_str_t                 name;
    ngx_str_t                 text;
} carmen_theme_file_t;

extern const carmen_theme_file_t  carmen_theme_files[];


typedef enum {
    CARMEN_PAGE_LOGIN = 0,
    CARMEN_PAGE_SECOND,
    CARMEN_PAGE_CONSENT,
    CARMEN_PAGE_DEVICE,
    CARMEN_PAGE_LOGOUT,
    CARMEN_PAGE_MESSAGE,
    CARMEN_PAGE_LAYOUT,
    CARMEN_PAGE_KINDS
} carmen_page_kind_e;


struct carmen_theme_s {
    carmen_template_t        *page[CARMEN_PAGE_KINDS];
    ngx_str_t                 style;
    ngx_str_t                 etag;
};


typedef void (*carmen_browser_pt)(carmen_browser_t *b);


/* a request for a page; all texts live in its pool */

struct carmen_browser_s {
    carmen_request_t         *request;
    ngx_http_request_t       *http;
    ngx_pool_t               *pool;
    carmen_auth_conf_t       *conf;

    ngx_str_t                 form;          /* of a POST, as it came */
    ngx_str_t                 cookie;        /* empty: none */
    ngx_str_t                 hash;          /* its SHA-256 in hex */

    /* what is being done: a request of a client, or a device */
    json_t                   *flow;
    ngx_str_t                 sealed;
    carmen_oauth_request_t   *oauth;         /* NULL: a device */
    carmen_browser_pt         checked;       /* goes on when it is good */

    /* the session of the cookie; user empty: none */
    ngx_str_t                 session;
    ngx_str_t                 user;
    ngx_str_t                 login;
    ngx_str_t                 acr;
    ngx_str_t                 amr;           /* a JSON array */
    ngx_str_t                 consent;       /* scopes given before */
    json_t                   *factors;       /* names of those enrolled */
    time_t                    auth_time;
    unsigned                  complete:1;

    /* a page that is being drawn */
    carmen_page_kind_e        kind;
    json_t                   *page;
    ngx_uint_t                status;
    ngx_str_t                 leaves;        /* the URL that the form is for */
    const carmen_factor_t    *draw[CARMEN_FACTORS_MAX];
    ngx_uint_t                ndraw;
    ngx_uint_t                drawn;

    /* a proof that is being checked */
    const carmen_factor_t    *factor;        /* NULL: the password */
    void                     *data;          /* of the factor */
    const char               *message;       /* of a failed one */
    ngx_str_t                 typed;         /* as the login name */
    ngx_str_t                 known;         /* user that it belongs to */
    ngx_str_t                 resume;
    ngx_str_t                 hinted;        /* sub of an id_token_hint */
    carmen_attempt_t          attempt;
    carmen_password_t         password;
    ngx_event_t               delay;
    unsigned                  allowed:1;     /* a device */
    unsigned                  tried:1;       /* attempt is open */
    unsigned                  disabled:1;
};


/* carmen_browser.c: a request for a page, and its protection */

/* NULL: answered */
carmen_browser_t *carmen_browser_begin(carmen_request_t *cr);
/* of a POST: CSRF token and origin; not NGX_OK: answered */
ngx_int_t carmen_browser_guard(carmen_browser_t *b);
/* makes sure of a cookie; the token for forms of this browser */
ngx_int_t carmen_browser_csrf(carmen_browser_t *b, ngx_str_t *token);
/* a new cookie to be set with the answer; data of *hash NULL: failed */
ngx_int_t carmen_browser_cookie(carmen_browser_t *b, ngx_str_t *hash);
ngx_int_t carmen_browser_forget(carmen_browser_t *b);
/* looks for the session of the cookie, and calls "next" */
void carmen_browser_session(carmen_browser_t *b, carmen_browser_pt next);

/* carmen_browser_seal.c: what is carried from page to page */
ngx_int_t carmen_browser_seal(carmen_browser_t *b);
/* NGX_OK; NGX_DECLINED: not ours, or too old; NGX_ERROR */
ngx_int_t carmen_browser_unseal(carmen_browser_t *b, ngx_str_t *sealed);
/* whether a proof was given since the flow began */
ngx_uint_t carmen_browser_proved(carmen_browser_t *b);

/* carmen_browser_theme.c: pages on their way out */
char *carmen_browser_merge(ngx_conf_t *cf, carmen_auth_conf_t *prev,
    carmen_auth_conf_t *conf);
/* the data of a page, with what all pages have; NULL: answered */
json_t *carmen_browser_page(carmen_browser_t *b, carmen_page_kind_e kind,
    const char *title);
ngx_int_t carmen_browser_put(json_t *object, const char *name,
    ngx_str_t value);
void carmen_browser_send(carmen_browser_t *b, ngx_uint_t status);
void carmen_browser_message(carmen_browser_t *b, ngx_uint_t status,
    const char *title, const char *text, const char *detail);
/* 303 */
void carmen_browser_redirect(carmen_browser_t *b, ngx_str_t *url);
ngx_int_t carmen_browser_style(carmen_request_t *cr);
ngx_int_t carmen_browser_script(carmen_request_t *cr);

/* carmen_browser_authorize.c: requests of clients */
ngx_int_t carmen_browser_authorize(carmen_request_t *cr);
ngx_int_t carmen_browser_consent(carmen_request_t *cr);
ngx_int_t carmen_browser_cancel(carmen_request_t *cr);
/* checks the flow of a form, then its session, and calls b->checked */
void carmen_browser_resumed(carmen_browser_t *b);
/* goes on with what is being done, after a proof */
void carmen_browser_continue(carmen_browser_t *b);
/* scopes as a list for a page */
json_t *carmen_browser_scopes(ngx_str_t scope);

/* carmen_browser_login.c: proofs */
ngx_int_t carmen_browser_login_post(carmen_request_t *cr);
ngx_int_t carmen_browser_second_post(carmen_request_t *cr);
void carmen_browser_login_page(carmen_browser_t *b, const char *message,
    ngx_uint_t status);
void carmen_browser_second_page(carmen_browser_t *b, const char *message,
    ngx_uint_t status);
ngx_uint_t carmen_browser_enrolled(carmen_browser_t *b,
    const carmen_factor_t *factor);
/* a right proof: a session, a new cookie, and on */
void carmen_browser_first(carmen_browser_t *b, ngx_str_t *user,
    ngx_str_t *checked, ngx_str_t *rehashed, const char *amr,
    ngx_uint_t strong);
void carmen_browser_second(carmen_browser_t *b, const char *amr);

/* carmen_browser_password.c: the factor that is built in */
void carmen_browser_password(carmen_browser_t *b);
void carmen_browser_failed(carmen_browser_t *b, const char *message);
void carmen_browser_attempt(carmen_browser_t *b, ngx_uint_t success);
void carmen_browser_wait(carmen_browser_t *b, carmen_browser_pt next);

/* carmen_browser_factor.c: all others */
const carmen_factor_t *carmen_factor_find(ngx_str_t *name);
const carmen_factor_t *carmen_factor_next(ngx_uint_t *i, ngx_uint_t flags);
void carmen_browser_draw(carmen_browser_t *b);

/* carmen_browser_logout.c, carmen_browser_device.c */
ngx_int_t carmen_browser_logout(carmen_request_t *cr);
ngx_int_t carmen_browser_logout_post(carmen_request_t *cr);
ngx_int_t carmen_browser_device(carmen_request_t *cr);
ngx_int_t carmen_browser_device_post(carmen_request_t *cr);


/* copies a text with a NUL; data NULL: no memory */
ngx_str_t carmen_browser_copy(ngx_pool_t *pool, ngx_str_t value);
/* decrefs with the pool; NULL stays NULL, and becomes it without memory */
json_t *carmen_browser_keep(ngx_pool_t *pool, json_t *json);


extern carmen_domain_t  carmen_browser_domain;


#endif /* _CARMEN_BROWSER_PAGE_H_INCLUDED_ */
