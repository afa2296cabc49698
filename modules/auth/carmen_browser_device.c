
/*
 * The page on which a person lets a device in (RFC 8628 section 3.3): the code
 * is typed, the person signs in, sees what asks for what, and decides.  The
 * code is always shown again, since a link may have brought it.
 */

#include "carmen_browser_page.h"
#include "auth_statements.h"


#define DEVICE_CODE_MAX  32


static void device_looked(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void device_ask(carmen_browser_t *b, const char *message,
    ngx_uint_t status);
static void device_find(carmen_browser_t *b);
static void device_signed(carmen_browser_t *b);
static void device_page(carmen_browser_t *b, carmen_result_t *result);
static void device_post(carmen_browser_t *b);
static void device_decided(carmen_request_t *cr, carmen_result_t *result,
    void *data);


ngx_int_t
carmen_browser_device(carmen_request_t *cr)
{
    ngx_int_t          rc;
    ngx_str_t          sealed, code;
    carmen_browser_t  *b;

    b = carmen_browser_begin(cr);
    if (b == NULL) {
        return NGX_DONE;
    }

    rc = carmen_form_value(b->pool, &b->http->args, "flow", &sealed);

    if (rc != NGX_DECLINED) {
        b->checked = device_signed;
        carmen_browser_resumed(b);
        return NGX_DONE;
    }

    rc = carmen_form_value(b->pool, &b->http->args, "user_code", &code);

    if (rc == NGX_ERROR) {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_DONE;
    }

    if (rc != NGX_OK || code.len == 0 || code.len > DEVICE_CODE_MAX) {
        device_ask(b, rc == NGX_DECLINED ? NULL : "This is not a code.",
                   NGX_HTTP_OK);
        return NGX_DONE;
    }

    b->flow = carmen_browser_keep(b->pool, json_object());

    if (b->flow == NULL) {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_DONE;
    }

    carmen_browser_put(b->flow, "d", code);

    if (carmen_browser_seal(b) != NGX_OK) {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_DONE;
    }

    /* codes are short: nobody tries them without an account */

    carmen_browser_session(b, device_signed);

    return NGX_DONE;
}


static void
device_ask(carmen_browser_t *b, const char *message, ngx_uint_t status)
{
    json_t  *page;

    page = carmen_browser_page(b, CARMEN_PAGE_DEVICE, "Connect a device");
    if (page == NULL) {
        return;
    }

    (void) json_object_set_new(page, "ask", json_true());

    if (message) {
        (void) json_object_set_new(page, "message", json_string(message));
    }

    carmen_browser_send(b, status);
}


static void
device_signed(carmen_browser_t *b)
{
    if (carmen_oauth_param(b->flow, "d").len == 0) {
        device_ask(b, NULL, NGX_HTTP_OK);
        return;
    }

    if (b->user.len == 0) {
        carmen_browser_login_page(b, NULL, NGX_HTTP_OK);
        return;
    }

    if (!b->complete) {
        carmen_browser_second_page(b, NULL, NGX_HTTP_OK);
        return;
    }

    /* the brake for those who guess codes */

    b->typed = b->user;
    carmen_browser_wait(b, device_find);
}


static void
device_find(carmen_browser_t *b)
{
    carmen_pair_t  values[] = {
        { "code", carmen_oauth_param(b->flow, "d") },
        { NULL, ngx_null_string }
    };

    if (carmen_query(b->request, &auth_oauth_device_find, values,
                     device_looked, b)
        == NGX_ERROR)
    {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


static void
device_looked(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    carmen_browser_t  *b = data;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    if (carmen_result_rows(result) == 0) {
        carmen_browser_attempt(b, 0);
        device_ask(b, "No device waits with this code. Check it, or ask the "
                   "device for a new one.", NGX_HTTP_NOT_FOUND);
        return;
    }

    device_page(b, result);
}


static void
device_page(carmen_browser_t *b, carmen_result_t *result)
{
    json_t     *page;
    ngx_str_t   logo;

    page = carmen_browser_page(b, CARMEN_PAGE_DEVICE, "Connect this device?");
    if (page == NULL) {
        return;
    }

    (void) json_object_set_new(page, "decide", json_true());
    carmen_browser_put(page, "login", b->login);
    carmen_browser_put(page, "user_code",
                       carmen_result_value(result, 0, "user_code"));
    carmen_browser_put(page, "scope",
                       carmen_result_value(result, 0, "scope"));
    carmen_browser_put(page, "client_name",
                       carmen_result_value(result, 0, "client_name"));

    logo = carmen_result_value(result, 0, "logo_uri");

    if (logo.len > 8 && ngx_strncmp(logo.data, "https://", 8) == 0) {
        carmen_browser_put(page, "logo_uri", logo);
    }

    (void) json_object_set_new(page, "scopes",
                               carmen_browser_scopes(
                                   carmen_result_value(result, 0, "scope")));

    carmen_browser_send(b, NGX_HTTP_OK);
}


ngx_int_t
carmen_browser_device_post(carmen_request_t *cr)
{
    carmen_browser_t  *b;

    b = carmen_browser_begin(cr);

    if (b && carmen_browser_guard(b) == NGX_OK) {
        b->checked = device_post;
        carmen_browser_resumed(b);
    }

    return NGX_DONE;
}


static void
device_post(carmen_browser_t *b)
{
    u_char     *p;
    ngx_str_t   answer, code, scope, time;

    code = carmen_oauth_param(b->flow, "d");
    answer = carmen_browser_field(b, "answer");

    if (code.len == 0 || b->user.len == 0 || !b->complete) {
        carmen_browser_continue(b);
        return;
    }

    ngx_str_null(&scope);

    /* all that was asked for, as it was shown */

    b->allowed = answer.len == 5
                 && ngx_strncmp(answer.data, "allow", 5) == 0;

    if (b->allowed) {
        scope = carmen_browser_field(b, "scope");

        if (scope.data == NULL) {
            ngx_str_set(&scope, "");
        }
    }

    p = ngx_pnalloc(b->pool, NGX_TIME_T_LEN + 1);

    if (p == NULL) {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    time.data = p;
    time.len = ngx_sprintf(p, "%T%Z", b->auth_time) - p - 1;

    carmen_pair_t  values[] = {
        { "code", code },
        { "user", b->user },
        { "browser", b->session },
        { "scope", scope },
        { "acr", b->acr },
        { "amr", b->amr },
        { "auth_time", time },
        { NULL, ngx_null_string }
    };

    if (carmen_query(b->request, &auth_oauth_device_decide, values,
                     device_decided, b)
        == NGX_ERROR)
    {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


static void
device_decided(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    carmen_browser_t  *b = data;

    ngx_str_t  decided;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    decided = carmen_result_value(result, 0, "decided");

    if (decided.len != 1 || decided.data[0] != 't') {
        device_ask(b, "The device does not wait any more. Ask it for a new "
                   "code.", NGX_HTTP_NOT_FOUND);
        return;
    }

    carmen_browser_message(b, NGX_HTTP_OK,
                           b->allowed ? "Connected" : "Not connected",
                           b->allowed
                           ? "Your device goes on by itself now. You can "
                             "close this page."
                           : "The device was refused. You can close this "
                             "page.", NULL);
}
