
/*
 * The password: the same brakes, work and words as at /auth/login, whether
 * the account exists or not.
 */

#include "carmen_browser_page.h"
#include "auth_statements.h"

#include <openssl/crypto.h>


#define PASSWORD_WRONG  "The account or the password is not right. Check "    \
                        "both, and try again."


static void password_find(carmen_browser_t *b);
static void password_found(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void password_verified(carmen_request_t *cr, void *data);
static void password_recorded(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void password_delayed(ngx_event_t *ev);
static void password_undelay(void *data);
static void password_cleanup(void *data);
static ngx_shm_zone_t *password_zone(carmen_browser_t *b);


void
carmen_browser_password(carmen_browser_t *b)
{
    size_t               i;
    ngx_str_t            text;
    ngx_pool_cleanup_t  *cln;

    b->factor = NULL;
    b->typed = carmen_browser_field(b, "username");
    text = carmen_browser_field(b, "password");

    cln = ngx_pool_cleanup_add(b->pool, 0);

    if (cln == NULL) {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    cln->handler = password_cleanup;
    cln->data = b;

    if (b->typed.len == 0 || b->typed.len > 320 || text.len > 256
        || carmen_password_set(&b->password, &text) != NGX_OK)
    {
        if (b->typed.len > 320) {
            ngx_str_null(&b->typed);
        }

        carmen_browser_login_page(b, "Give your e-mail address and your "
                                  "password.", NGX_HTTP_BAD_REQUEST);
        return;
    }

    OPENSSL_cleanse(text.data, text.len);
    OPENSSL_cleanse(b->form.data, b->form.len);
    b->form.len = 0;

    /* as the database does it: ASCII only */

    for (i = 0; i < b->typed.len; i++) {
        b->typed.data[i] = ngx_tolower(b->typed.data[i]);
    }

    carmen_browser_wait(b, password_find);
}


static void
password_cleanup(void *data)
{
    carmen_browser_t  *b = data;

    OPENSSL_cleanse(&b->password, sizeof(carmen_password_t));
}


/* the brakes of carmen_attempts.h, before "next" */

void
carmen_browser_wait(carmen_browser_t *b, carmen_browser_pt next)
{
    time_t               wait;
    u_char              *p;
    json_t              *page;
    ngx_int_t            rc;
    ngx_str_t            tenant;
    ngx_msec_t           delay;
    ngx_pool_cleanup_t  *cln;

    tenant = carmen_request_tenant(b->request);
    cln = ngx_pool_cleanup_add(b->pool, 0);

    if (cln == NULL) {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    rc = carmen_attempt_open(password_zone(b), &b->attempt, &tenant,
                             &b->typed, b->http->connection->sockaddr, &delay,
                             &wait);
    if (rc == NGX_ERROR) {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (rc == NGX_BUSY) {
        page = carmen_browser_page(b, CARMEN_PAGE_MESSAGE, "Please wait");
        p = ngx_pnalloc(b->pool, 128);

        if (page == NULL || p == NULL) {
            return;
        }

        (void) ngx_sprintf(p, "There were too many attempts from here on this "
                           "account. Try again in %T second%s.%Z", wait,
                           wait == 1 ? "" : "s");
        (void) json_object_set_new(page, "text", json_string((char *) p));

        carmen_browser_send(b, NGX_HTTP_TOO_MANY_REQUESTS);
        return;
    }

    b->tried = 1;
    b->checked = next;

    if (delay == 0) {
        next(b);
        return;
    }

    cln->handler = password_undelay;
    cln->data = b;

    b->delay.handler = password_delayed;
    b->delay.data = b;
    b->delay.log = b->http->connection->log;

    b->http->read_event_handler = ngx_http_test_reading;
    b->http->write_event_handler = ngx_http_request_empty_handler;

    ngx_add_timer(&b->delay, delay);
}


static void
password_delayed(ngx_event_t *ev)
{
    carmen_browser_t  *b = ev->data;
    ngx_connection_t  *c;

    c = b->http->connection;

    b->checked(b);
    ngx_http_run_posted_requests(c);
}


static void
password_undelay(void *data)
{
    carmen_browser_t  *b = data;

    if (b->delay.timer_set) {
        ngx_del_timer(&b->delay);
    }
}


void
carmen_browser_attempt(carmen_browser_t *b, ngx_uint_t success)
{
    if (b->tried) {
        carmen_attempt_close(password_zone(b), &b->attempt, success);
        b->tried = 0;
    }
}


static void
password_find(carmen_browser_t *b)
{
    carmen_pair_t  values[] = {
        { "tenant", carmen_request_tenant(b->request) },
        { "login", b->typed },
        { NULL, ngx_null_string }
    };

    if (carmen_query(b->request, &auth_login_find, values, password_found, b)
        == NGX_ERROR)
    {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


static void
password_found(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    carmen_browser_t  *b = data;

    ngx_str_t           hash, disabled;
    carmen_password_t  *pw;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    pw = &b->password;
    hash = carmen_result_value(result, 0, "password_hash");

    if (hash.data && hash.len < CARMEN_PASSWORD_HASH) {
        ngx_memcpy(pw->hash, hash.data, hash.len);
        pw->hash[hash.len] = '\0';

        disabled = carmen_result_value(result, 0, "disabled");
        b->disabled = disabled.len == 1 && disabled.data[0] == 't';

        b->known = carmen_browser_copy(b->pool,
                                       carmen_result_value(result, 0,
                                                           "user_id"));
        if (b->known.data == NULL) {
            carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }
    }

    if (carmen_password_verify(cr, pw, password_verified) != NGX_OK) {
        /* answered: the request may be gone */
        return;
    }

    /* the thread has its own copy */

    OPENSSL_cleanse(pw->password, sizeof(pw->password));
    pw->len = 0;
}


static void
password_verified(carmen_request_t *cr, void *data)
{
    carmen_password_t  *pw = data;

    ngx_str_t          checked, fresh;
    carmen_browser_t  *b;

    b = ngx_http_get_module_ctx(carmen_request_http(cr),
                                ngx_http_carmen_auth_module);

    if (pw->rc == NGX_ERROR) {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (pw->rc != NGX_OK || b->known.data == NULL || b->disabled) {
        carmen_browser_failed(b, NULL);
        return;
    }

    carmen_browser_attempt(b, 1);

    checked.data = (u_char *) b->password.hash;
    checked.len = ngx_strlen(b->password.hash);
    fresh.data = (u_char *) pw->fresh;
    fresh.len = ngx_strlen(pw->fresh);

    carmen_browser_first(b, &b->known, &checked, &fresh, "pwd", 0);
}


/* a proof was wrong: it is counted, recorded, and asked for again */

void
carmen_browser_failed(carmen_browser_t *b, const char *message)
{
    carmen_browser_attempt(b, 0);
    b->message = message;

    carmen_pair_t  values[] = {
        { "tenant", carmen_request_tenant(b->request) },
        { "user", b->known },
        { "address", b->http->connection->addr_text },
        { NULL, ngx_null_string }
    };

    if (carmen_query(b->request, &auth_login_failed, values,
                     password_recorded, b)
        == NGX_ERROR)
    {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


static void
password_recorded(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    carmen_browser_t  *b = data;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    if (b->factor && b->user.len && (b->factor->flags & CARMEN_FACTOR_SECOND))
    {
        carmen_browser_second_page(b, b->message ? b->message
                                   : "That was not right. Try again.",
                                   NGX_HTTP_FORBIDDEN);
        return;
    }

    b->factor = NULL;
    carmen_browser_login_page(b, b->message ? b->message : PASSWORD_WRONG,
                              NGX_HTTP_FORBIDDEN);
}


static ngx_shm_zone_t *
password_zone(carmen_browser_t *b)
{
    carmen_auth_main_conf_t  *amcf;

    amcf = ngx_http_get_module_main_conf(b->http,
                                         ngx_http_carmen_auth_module);

    return amcf->zone;
}
