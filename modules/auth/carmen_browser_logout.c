
/*
 * Sign-out: of a person, and for a client (OpenID Connect RP-Initiated Logout
 * 1.0).  A client may send the browser here, but unless it shows an ID token
 * of whom is signed in, the person is asked; and the browser goes back only to
 * an address that the client has registered.
 */

#include "carmen_browser_page.h"
#include "auth_statements.h"


static void logout_request(carmen_browser_t *b, ngx_str_t *text);
static void logout_looked(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void logout_decide(carmen_browser_t *b);
static void logout_post(carmen_browser_t *b);
static void logout_end(carmen_browser_t *b);
static void logout_ended(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void logout_leave(carmen_browser_t *b);


ngx_int_t
carmen_browser_logout(carmen_request_t *cr)
{
    carmen_browser_t  *b;

    b = carmen_browser_begin(cr);

    if (b) {
        logout_request(b, &b->http->args);
    }

    return NGX_DONE;
}


/* a form of ours has a token; a client's has not, and is as good as a link */

ngx_int_t
carmen_browser_logout_post(carmen_request_t *cr)
{
    ngx_int_t          rc;
    ngx_str_t          csrf, sealed;
    carmen_browser_t  *b;

    b = carmen_browser_begin(cr);
    if (b == NULL) {
        return NGX_DONE;
    }

    if (carmen_form_value(b->pool, &b->form, "csrf", &csrf) == NGX_DECLINED) {
        logout_request(b, &b->form);
        return NGX_DONE;
    }

    if (carmen_browser_guard(b) != NGX_OK) {
        return NGX_DONE;
    }

    rc = carmen_form_value(b->pool, &b->form, "flow", &sealed);

    if (rc == NGX_OK && sealed.len) {
        rc = carmen_browser_unseal(b, &sealed);
    }

    if (rc == NGX_ERROR) {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_DONE;
    }

    /* what is too old to go on with does not keep anyone signed in */

    carmen_browser_session(b, logout_post);

    return NGX_DONE;
}


static void
logout_request(carmen_browser_t *b, ngx_str_t *text)
{
    json_t      *form, *claims;
    ngx_str_t    client, uri, hint, state;
    const char  *why;

    form = carmen_oauth_form(b->pool, text, &why);

    if (form == NULL) {
        carmen_browser_message(b, NGX_HTTP_BAD_REQUEST, "This did not work",
                               "The application has sent you here with a "
                               "request that cannot be read.", why);
        return;
    }

    client = carmen_oauth_param(form, "client_id");
    uri = carmen_oauth_param(form, "post_logout_redirect_uri");
    state = carmen_oauth_param(form, "state");
    hint = carmen_oauth_param(form, "id_token_hint");
    claims = hint.len ? carmen_oauth_hint(b->pool, b->conf, &hint) : NULL;

    if (hint.len && claims == NULL) {
        carmen_browser_message(b, NGX_HTTP_BAD_REQUEST, "This did not work",
                               "The application has sent you here with a "
                               "request that is not valid.",
                               "The id_token_hint is not one of ours.");
        return;
    }

    b->hinted = carmen_oauth_param(claims, "sub");

    if (claims) {
        ngx_str_t  aud = carmen_oauth_param(claims, "aud");

        if (client.len == 0) {
            client = aud;

        } else if (client.len != aud.len
                   || ngx_memcmp(client.data, aud.data, aud.len) != 0)
        {
            /* the token of another client proves nothing for this one */
            ngx_str_null(&b->hinted);
        }
    }

    b->flow = carmen_browser_keep(b->pool, json_object());

    if (b->flow == NULL) {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (uri.len == 0) {
        carmen_browser_session(b, logout_decide);
        return;
    }

    carmen_browser_put(b->flow, "u", uri);
    carmen_browser_put(b->flow, "s", state);

    carmen_pair_t  values[] = {
        { "client", client },
        { "uri", uri },
        { NULL, ngx_null_string }
    };

    if (carmen_query(b->request, &auth_browser_logout_uri, values,
                     logout_looked, b)
        == NGX_ERROR)
    {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


static void
logout_looked(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    carmen_browser_t  *b = data;

    ngx_str_t  known;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    known = carmen_result_value(result, 0, "known");

    if (known.len != 1 || known.data[0] != 't') {
        carmen_browser_message(b, NGX_HTTP_BAD_REQUEST, "This did not work",
                               "The application wants you to be sent to an "
                               "address that is not known to be its own. You "
                               "were not signed out.", NULL);
        return;
    }

    carmen_browser_session(b, logout_decide);
}


static void
logout_decide(carmen_browser_t *b)
{
    json_t  *page;

    if (b->user.len == 0) {
        logout_leave(b);
        return;
    }

    if (b->hinted.len == b->user.len
        && ngx_memcmp(b->hinted.data, b->user.data, b->user.len) == 0)
    {
        logout_end(b);
        return;
    }

    if (carmen_browser_seal(b) != NGX_OK) {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    page = carmen_browser_page(b, CARMEN_PAGE_LOGOUT, "Sign out?");
    if (page == NULL) {
        return;
    }

    carmen_browser_put(page, "login", b->login);
    carmen_browser_send(b, NGX_HTTP_OK);
}


static void
logout_post(carmen_browser_t *b)
{
    ngx_str_t  answer;

    answer = carmen_browser_field(b, "answer");

    if (answer.len == 2 && ngx_strncmp(answer.data, "no", 2) == 0) {
        carmen_browser_message(b, NGX_HTTP_OK, "Still signed in",
                               "You are still signed in. You can close this "
                               "page.", NULL);
        return;
    }

    logout_end(b);
}


static void
logout_end(carmen_browser_t *b)
{
    ngx_str_t  hash;

    hash = b->hash;

    if (carmen_browser_forget(b) != NGX_OK) {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    carmen_pair_t  values[] = {
        { "token", hash },
        { NULL, ngx_null_string }
    };

    if (carmen_query(b->request, &auth_browser_logout, values, logout_ended,
                     b)
        == NGX_ERROR)
    {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


static void
logout_ended(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    carmen_browser_t  *b = data;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    logout_leave(b);
}


/* back to the client, to the sign-in that was under way, or nowhere */

static void
logout_leave(carmen_browser_t *b)
{
    u_char     *p, c;
    ngx_str_t   url, uri, state;

    if (json_object_get(b->flow, "p") || json_object_get(b->flow, "d")) {
        carmen_browser_continue(b);
        return;
    }

    uri = carmen_oauth_param(b->flow, "u");

    if (uri.len == 0) {
        carmen_browser_message(b, NGX_HTTP_OK, "Signed out",
                               "You are signed out. You can close this page.",
                               NULL);
        return;
    }

    state = carmen_oauth_param(b->flow, "s");
    state = carmen_form_encode(b->pool, state);
    url.data = ngx_pnalloc(b->pool, uri.len + state.len + 16);

    if (url.data == NULL || state.data == NULL) {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    c = ngx_strlchr(uri.data, uri.data + uri.len, '?') ? '&' : '?';
    p = ngx_cpymem(url.data, uri.data, uri.len);

    if (state.len) {
        p = ngx_sprintf(p, "%cstate=%V", c, &state);
    }

    url.len = p - url.data;

    carmen_browser_redirect(b, &url);
}
