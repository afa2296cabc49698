
/*
 * The authorization endpoint (RFC 6749 section 3.1, OpenID Connect Core
 * section 3.1.2) and consent.  A request is checked once as it came, and from
 * then on is carried sealed; each page ends by coming back here, and it is
 * decided anew what is missing: a sign-in, a second proof, consent.
 */

#include "carmen_browser_page.h"
#include "auth_statements.h"


typedef struct {
    const char               *name;
    ngx_str_t                 value;
} answer_pair_t;


static void authorize_start(carmen_browser_t *b, ngx_str_t *text);
static void authorize_checked(carmen_request_t *cr, ngx_int_t rc,
    carmen_oauth_request_t *request, const char *error,
    const char *description, void *data);
static void authorize_decide(carmen_browser_t *b);
static ngx_uint_t authorize_hinted(carmen_browser_t *b);
static ngx_uint_t authorize_word(ngx_str_t *list, const char *word);
static ngx_uint_t authorize_covered(ngx_str_t *scope, ngx_str_t *given);
static void authorize_consent_page(carmen_browser_t *b);
static void authorize_issue(carmen_browser_t *b);
static void authorize_issued(carmen_request_t *cr, ngx_str_t *code,
    void *data);
static void authorize_refuse(carmen_browser_t *b, const char *error,
    const char *description);
static void authorize_answer(carmen_browser_t *b, answer_pair_t *pairs);
static void authorize_form_post(carmen_browser_t *b, answer_pair_t *pairs);
static void consent_post(carmen_browser_t *b);
static void consent_given(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void cancel_post(carmen_browser_t *b);


ngx_int_t
carmen_browser_authorize(carmen_request_t *cr)
{
    ngx_str_t          text, sealed;
    carmen_browser_t  *b;

    b = carmen_browser_begin(cr);
    if (b == NULL) {
        return NGX_DONE;
    }

    b->checked = authorize_decide;
    text = b->http->method == NGX_HTTP_POST ? b->form : b->http->args;

    if (b->http->method != NGX_HTTP_POST
        && carmen_form_value(b->pool, &text, "flow", &sealed) != NGX_DECLINED)
    {
        carmen_browser_resumed(b);
        return NGX_DONE;
    }

    authorize_start(b, &text);

    return NGX_DONE;
}


/* a request as a client made it */

static void
authorize_start(carmen_browser_t *b, ngx_str_t *text)
{
    json_t      *form;
    const char  *why;

    form = carmen_oauth_form(b->pool, text, &why);

    if (form == NULL) {
        carmen_browser_message(b, NGX_HTTP_BAD_REQUEST, "This did not work",
                               "The application has sent you here with a "
                               "request that cannot be read.", why);
        return;
    }

    if (carmen_oauth_authorize(b->request, form, authorize_checked, b)
        == NGX_ERROR)
    {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


void
carmen_browser_resumed(carmen_browser_t *b)
{
    json_t     *parameters;
    ngx_int_t   rc;
    ngx_str_t   sealed;

    rc = carmen_form_value(b->pool, &b->http->args, "flow", &sealed);

    if (rc == NGX_OK) {
        rc = carmen_browser_unseal(b, &sealed);
    }

    if (rc == NGX_ERROR) {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (rc != NGX_OK) {
        carmen_browser_message(b, NGX_HTTP_BAD_REQUEST,
                               "This page is out of date",
                               "Please go back to the application and start "
                               "again from there.", NULL);
        return;
    }

    parameters = json_object_get(b->flow, "p");

    if (parameters == NULL) {
        carmen_browser_session(b, b->checked);
        return;
    }

    if (carmen_oauth_authorize(b->request, parameters, authorize_checked, b)
        == NGX_ERROR)
    {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


static void
authorize_checked(carmen_request_t *cr, ngx_int_t rc,
    carmen_oauth_request_t *request, const char *error,
    const char *description, void *data)
{
    carmen_browser_t  *b = data;

    if (rc == NGX_ABORT) {
        carmen_browser_message(b, NGX_HTTP_BAD_REQUEST, "This did not work",
                               "The application that sent you here is not "
                               "known, or its request is not valid. You were "
                               "not sent back to it.", description);
        return;
    }

    b->oauth = request;

    if (rc != NGX_OK) {
        authorize_refuse(b, error, description);
        return;
    }

    if (b->flow == NULL) {
        b->flow = carmen_browser_keep(b->pool, json_object());

        if (b->flow == NULL
            || json_object_set(b->flow, "p", request->parameters) != 0
            || carmen_browser_seal(b) != NGX_OK)
        {
            carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }
    }

    carmen_browser_session(b, b->checked);
}


static void
authorize_decide(carmen_browser_t *b)
{
    ngx_uint_t               silent, login;
    carmen_oauth_request_t  *o = b->oauth;

    if (o == NULL) {
        /* a device's flow in the address of a client's */
        carmen_browser_message(b, NGX_HTTP_BAD_REQUEST, "This did not work",
                               "This is not the page to go on with.", NULL);
        return;
    }

    silent = authorize_word(&o->prompt, "none");

    login = b->user.len == 0 || (silent && !b->complete);

    if (!login && !carmen_browser_proved(b)) {
        login = authorize_word(&o->prompt, "login")
                || authorize_word(&o->prompt, "select_account")
                || (o->max_age >= 0
                    && b->auth_time + o->max_age <= ngx_time());
    }

    if (!login && !authorize_hinted(b)) {
        /* another one is signed in than the client asks for */
        login = 1;
    }

    if (login) {
        if (silent) {
            authorize_refuse(b, "login_required", "Nobody is signed in.");

        } else {
            carmen_browser_login_page(b, NULL, NGX_HTTP_OK);
        }

        return;
    }

    if (!b->complete
        || (json_array_size(b->factors)
            && authorize_word(&o->acr_values, "aal2")
            && !(b->acr.len == 4 && ngx_strncmp(b->acr.data, "aal2", 4) == 0)))
    {
        if (silent) {
            authorize_refuse(b, "interaction_required",
                             "A second factor is needed.");

        } else {
            carmen_browser_second_page(b, NULL, NGX_HTTP_OK);
        }

        return;
    }

    if (!o->trusted
        && (!authorize_covered(&o->scope, &b->consent)
            || authorize_word(&o->prompt, "consent")))
    {
        if (silent) {
            authorize_refuse(b, "consent_required",
                             "The user has not allowed this yet.");

        } else {
            authorize_consent_page(b);
        }

        return;
    }

    authorize_issue(b);
}


/* whether the session is of whom the id_token_hint names */

static ngx_uint_t
authorize_hinted(carmen_browser_t *b)
{
    json_t  *claims, *sub;

    if (b->oauth->id_token_hint.len == 0) {
        return 1;
    }

    claims = carmen_oauth_hint(b->pool, b->conf, &b->oauth->id_token_hint);
    sub = json_object_get(claims, "sub");

    return json_string_length(sub) == b->user.len
           && ngx_memcmp(json_string_value(sub), b->user.data, b->user.len)
              == 0;
}


static ngx_uint_t
authorize_word(ngx_str_t *list, const char *word)
{
    u_char  *p, *last, *end;
    size_t   len;

    len = ngx_strlen(word);
    p = list->data;
    end = p + list->len;

    while (p < end) {
        last = ngx_strlchr(p, end, ' ');

        if (last == NULL) {
            last = end;
        }

        if ((size_t) (last - p) == len && ngx_memcmp(p, word, len) == 0) {
            return 1;
        }

        p = last + 1;
    }

    return 0;
}


static ngx_uint_t
authorize_covered(ngx_str_t *scope, ngx_str_t *given)
{
    char     word[256];
    u_char  *p, *last, *end;

    p = scope->data;
    end = p + scope->len;

    if (given->data == NULL) {
        return 0;
    }

    while (p < end) {
        last = ngx_strlchr(p, end, ' ');

        if (last == NULL) {
            last = end;
        }

        if ((size_t) (last - p) >= sizeof(word)) {
            return 0;
        }

        *ngx_cpymem(word, p, last - p) = '\0';

        if (last > p && !authorize_word(given, word)) {
            return 0;
        }

        p = last + 1;
    }

    return 1;
}


/* what a scope is to a person; one that is not here shows its name only */

json_t *
carmen_browser_scopes(ngx_str_t scope)
{
    u_char       *p, *last, *end;
    size_t        i;
    json_t       *list;
    const char   *title;

    static const struct {
        const char  *scope;
        const char  *title;
    } titles[] = {
        { "openid", "Know who you are" },
        { "profile", "See your name and your profile" },
        { "email", "See your e-mail address" },
        { "phone", "See your telephone number" },
        { "address", "See your postal address" },
        { "offline_access", "Stay connected while you are away" },
        { "users:self", "See and change your profile" },
        { "users:read", "See all users" },
        { "users:write", "Change users" },
        { "catalog:read", "See the catalogue" },
        { "catalog:write", "Change the catalogue" },
        { "inventory:read", "See what is in stock" },
        { "inventory:write", "Change the stock" },
        { "inventory:reserve", "Reserve goods for you" },
        { "orders:read", "See your orders" },
        { "orders:write", "Place and cancel orders for you" },
        { "orders:manage", "Manage the orders of all customers" },
        { "orders:price", "Give prices of its own" }
    };

    list = json_array();
    p = scope.data;
    end = p + scope.len;

    while (p < end) {
        last = ngx_strlchr(p, end, ' ');

        if (last == NULL) {
            last = end;
        }

        title = "Use";

        for (i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
            if (ngx_strlen(titles[i].scope) == (size_t) (last - p)
                && ngx_memcmp(titles[i].scope, p, last - p) == 0)
            {
                title = titles[i].title;
                break;
            }
        }

        if (last > p) {
            (void) json_array_append_new(list,
                                         json_pack("{s:s, s:s%}",
                                                   "title", title, "scope",
                                                   (char *) p,
                                                   (size_t) (last - p)));
        }

        p = last + 1;
    }

    return list;
}


static void
authorize_consent_page(carmen_browser_t *b)
{
    u_char     *p, *last;
    json_t     *page;
    ngx_str_t   host;

    page = carmen_browser_page(b, CARMEN_PAGE_CONSENT, "Allow access?");
    if (page == NULL) {
        return;
    }

    carmen_browser_put(page, "login", b->login);
    (void) json_object_set_new(page, "scopes",
                               carmen_browser_scopes(b->oauth->scope));

    /* where the answer goes: the one thing a client cannot make up */

    host = b->oauth->redirect_uri;
    last = host.data + host.len;

    if (ngx_strncmp(host.data, "https://", 8) == 0) {
        host.data += 8;

        for (p = host.data; p < last && *p != '/' && *p != '?'; p++) {
            /* void */
        }

        host.len = p - host.data;
        carmen_browser_put(page, "client_host", host);
    }

    carmen_browser_send(b, NGX_HTTP_OK);
}


ngx_int_t
carmen_browser_consent(carmen_request_t *cr)
{
    carmen_browser_t  *b;

    b = carmen_browser_begin(cr);

    if (b && carmen_browser_guard(b) == NGX_OK) {
        b->checked = consent_post;
        carmen_browser_resumed(b);
    }

    return NGX_DONE;
}


static void
consent_post(carmen_browser_t *b)
{
    ngx_str_t  answer;

    if (b->oauth == NULL || b->user.len == 0 || !b->complete) {
        carmen_browser_continue(b);
        return;
    }

    answer = carmen_browser_field(b, "answer");

    if (answer.len == 4 && ngx_strncmp(answer.data, "deny", 4) == 0) {
        authorize_refuse(b, "access_denied", "The user has denied it.");
        return;
    }

    if (answer.len != 5 || ngx_strncmp(answer.data, "allow", 5) != 0) {
        carmen_browser_continue(b);
        return;
    }

    carmen_pair_t  values[] = {
        { "user", b->user },
        { "client", b->oauth->client },
        { "scope", b->oauth->scope },
        { NULL, ngx_null_string }
    };

    if (carmen_query(b->request, &auth_browser_consent, values, consent_given,
                     b)
        == NGX_ERROR)
    {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


static void
consent_given(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    carmen_browser_t  *b = data;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    /* it answers "prompt=consent", and nothing else that may be missing */

    b->consent = b->oauth->scope;
    b->oauth->prompt.len = authorize_word(&b->oauth->prompt, "login")
                           ? b->oauth->prompt.len : 0;
    b->oauth->trusted = 1;

    authorize_decide(b);
}


ngx_int_t
carmen_browser_cancel(carmen_request_t *cr)
{
    carmen_browser_t  *b;

    b = carmen_browser_begin(cr);

    if (b && carmen_browser_guard(b) == NGX_OK) {
        b->checked = cancel_post;
        carmen_browser_resumed(b);
    }

    return NGX_DONE;
}


static void
cancel_post(carmen_browser_t *b)
{
    if (b->oauth == NULL) {
        carmen_browser_message(b, NGX_HTTP_OK, "Cancelled",
                               "Nothing was done.", NULL);
        return;
    }

    authorize_refuse(b, "access_denied", "The user has cancelled it.");
}


static void
authorize_issue(carmen_browser_t *b)
{
    carmen_oauth_consent_t  consent;

    ngx_memzero(&consent, sizeof(carmen_oauth_consent_t));

    consent.user = b->user;
    consent.browser = b->session;
    consent.scope = b->oauth->scope;
    consent.acr = b->acr;
    consent.amr = b->amr;
    consent.auth_time = b->auth_time;

    if (carmen_oauth_code(b->request, b->oauth, &consent, authorize_issued, b)
        == NGX_ERROR)
    {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


static void
authorize_issued(carmen_request_t *cr, ngx_str_t *code, void *data)
{
    carmen_browser_t  *b = data;

    /* RFC 9207 */

    answer_pair_t  pairs[] = {
        { "code", *code },
        { "state", b->oauth->state },
        { "iss", b->conf->issuer },
        { NULL, ngx_null_string }
    };

    authorize_answer(b, pairs);
}


static void
authorize_refuse(carmen_browser_t *b, const char *error,
    const char *description)
{
    answer_pair_t  pairs[] = {
        { "error", { ngx_strlen(error), (u_char *) error } },
        { "error_description", ngx_null_string },
        { "state", b->oauth->state },
        { "iss", b->conf->issuer },
        { NULL, ngx_null_string }
    };

    if (description) {
        pairs[1].value.data = (u_char *) description;
        pairs[1].value.len = ngx_strlen(description);
    }

    authorize_answer(b, pairs);
}


static void
authorize_answer(carmen_browser_t *b, answer_pair_t *pairs)
{
    u_char         *p, c;
    size_t          len;
    ngx_str_t       url, value;
    answer_pair_t  *pair;

    if (b->oauth->form_post) {
        authorize_form_post(b, pairs);
        return;
    }

    url = b->oauth->redirect_uri;
    len = url.len + 1;

    for (pair = pairs; pair->name; pair++) {
        len += ngx_strlen(pair->name) + 3 * pair->value.len + 2;
    }

    p = ngx_pnalloc(b->pool, len);

    if (p == NULL) {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    c = ngx_strlchr(url.data, url.data + url.len, '?') ? '&' : '?';
    p = ngx_cpymem(p, url.data, url.len);
    url.data = p - url.len;

    for (pair = pairs; pair->name; pair++) {

        if (pair->value.data == NULL) {
            continue;
        }

        value = carmen_form_encode(b->pool, pair->value);

        if (value.data == NULL) {
            carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }

        p = ngx_sprintf(p, "%c%s=%V", c, pair->name, &value);
        c = '&';
    }

    url.len = p - url.data;

    carmen_browser_redirect(b, &url);
}


/* OAuth 2.0 Form Post Response Mode: a button where scripts are off */

static void
authorize_form_post(carmen_browser_t *b, answer_pair_t *pairs)
{
    json_t         *page, *fields;
    answer_pair_t  *pair;

    page = carmen_browser_page(b, CARMEN_PAGE_MESSAGE, "Almost there");
    if (page == NULL) {
        return;
    }

    fields = json_array();

    for (pair = pairs; pair->name; pair++) {
        if (pair->value.data) {
            (void) json_array_append_new(fields,
                                     json_pack("{s:s, s:s%}", "name",
                                               pair->name, "value",
                                               (char *) pair->value.data,
                                               pair->value.len));
        }
    }

    (void) json_object_set_new(page, "fields", fields);
    (void) json_object_set_new(page, "text",
                               json_string("Go on to the application."));
    (void) json_object_set_new(page, "script",
                               json_string("<script>"
                                           CARMEN_FORM_POST_SCRIPT
                                           "</script>"));
    carmen_browser_put(page, "form_action", b->oauth->redirect_uri);

    carmen_browser_send(b, NGX_HTTP_OK);
}
