
/* The pages on which proofs are given, and what follows from a right one. */

#include "carmen_browser_page.h"
#include "auth_statements.h"


static void login_post(carmen_browser_t *b);
static void login_factor(carmen_browser_t *b);
static void second_post(carmen_browser_t *b);
static void second_check(carmen_browser_t *b);
static void login_started(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static ngx_str_t login_agent(carmen_browser_t *b);
static ngx_str_t login_number(carmen_browser_t *b, time_t n);


ngx_int_t
carmen_browser_login_post(carmen_request_t *cr)
{
    carmen_browser_t  *b;

    b = carmen_browser_begin(cr);

    if (b && carmen_browser_guard(b) == NGX_OK) {
        b->checked = login_post;
        carmen_browser_resumed(b);
    }

    return NGX_DONE;
}


static void
login_post(carmen_browser_t *b)
{
    ngx_str_t  name;

    name = carmen_browser_field(b, "factor");

    if (name.len == 8 && ngx_strncmp(name.data, "password", 8) == 0) {
        carmen_browser_password(b);
        return;
    }

    b->factor = carmen_factor_find(&name);

    if (b->factor == NULL || !(b->factor->flags & CARMEN_FACTOR_FIRST)) {
        b->factor = NULL;
        carmen_browser_login_page(b, "Please sign in in one of the ways "
                                  "below.", NGX_HTTP_BAD_REQUEST);
        return;
    }

    /* who it is, is not known yet: the brake is the address */

    b->typed = carmen_browser_field(b, "username");
    carmen_browser_wait(b, login_factor);
}


static void
login_factor(carmen_browser_t *b)
{
    b->factor->check(b);
}


ngx_int_t
carmen_browser_second_post(carmen_request_t *cr)
{
    carmen_browser_t  *b;

    b = carmen_browser_begin(cr);

    if (b && carmen_browser_guard(b) == NGX_OK) {
        b->checked = second_post;
        carmen_browser_resumed(b);
    }

    return NGX_DONE;
}


static void
second_post(carmen_browser_t *b)
{
    ngx_str_t  name;

    if (b->user.len == 0) {
        carmen_browser_login_page(b, "This took too long. Please sign in "
                                  "again.", NGX_HTTP_FORBIDDEN);
        return;
    }

    name = carmen_browser_field(b, "factor");
    b->factor = carmen_factor_find(&name);

    if (b->factor == NULL || !(b->factor->flags & CARMEN_FACTOR_SECOND)
        || !carmen_browser_enrolled(b, b->factor))
    {
        b->factor = NULL;
        carmen_browser_second_page(b, NULL, NGX_HTTP_BAD_REQUEST);
        return;
    }

    b->typed = b->login;
    b->known = b->user;
    carmen_browser_wait(b, second_check);
}


static void
second_check(carmen_browser_t *b)
{
    b->factor->check(b);
}


ngx_uint_t
carmen_browser_enrolled(carmen_browser_t *b, const carmen_factor_t *factor)
{
    size_t   i;
    json_t  *name;

    json_array_foreach(b->factors, i, name) {
        if (ngx_strcmp(json_string_value(name), factor->name) == 0) {
            return 1;
        }
    }

    return 0;
}


void
carmen_browser_login_page(carmen_browser_t *b, const char *message,
    ngx_uint_t status)
{
    json_t      *page;
    ngx_uint_t   i;

    page = carmen_browser_page(b, CARMEN_PAGE_LOGIN, "Sign in");
    if (page == NULL) {
        return;
    }

    if (message) {
        (void) json_object_set_new(page, "message", json_string(message));
    }

    carmen_browser_put(page, "login", carmen_browser_login(b));

    if (b->oauth) {
        (void) json_object_set_new(page, "cancel", json_true());
    }

    b->status = status;
    b->ndraw = 0;
    b->drawn = 0;
    i = 0;

    do {
        b->draw[b->ndraw] = carmen_factor_next(&i, CARMEN_FACTOR_FIRST);
    } while (b->draw[b->ndraw] && ++b->ndraw < CARMEN_FACTORS_MAX);

    carmen_browser_draw(b);
}


/* one of the factors, in the user's order or as chosen; links to the others */

void
carmen_browser_second_page(carmen_browser_t *b, const char *message,
    ngx_uint_t status)
{
    size_t                  i;
    json_t                 *page, *name, *others;
    ngx_str_t               wanted;
    const carmen_factor_t  *factor, *shown;

    page = carmen_browser_page(b, CARMEN_PAGE_SECOND, "One more step");
    if (page == NULL) {
        return;
    }

    if (message) {
        (void) json_object_set_new(page, "message", json_string(message));
    }

    carmen_browser_put(page, "login", b->login);
    (void) json_object_set_new(page, "here",
                               json_string(b->oauth ? "authorize"
                                                    : "device"));

    shown = b->factor;

    if (shown == NULL
        && carmen_form_value(b->pool, &b->http->args, "factor", &wanted)
           == NGX_OK)
    {
        shown = carmen_factor_find(&wanted);
    }

    if (shown && (!(shown->flags & CARMEN_FACTOR_SECOND)
                  || !carmen_browser_enrolled(b, shown)))
    {
        shown = NULL;
    }

    others = json_array();
    (void) json_object_set_new(page, "others", others);

    json_array_foreach(b->factors, i, name) {
        wanted.data = (u_char *) json_string_value(name);
        wanted.len = json_string_length(name);

        factor = carmen_factor_find(&wanted);

        if (factor == NULL || !(factor->flags & CARMEN_FACTOR_SECOND)) {
            continue;
        }

        if (shown == NULL) {
            shown = factor;
        }

        if (factor != shown) {
            (void) json_array_append_new(others,
                                         json_pack("{s:s, s:s}",
                                                   "name", factor->name,
                                                   "title", factor->title));
        }
    }

    if (shown == NULL) {
        ngx_log_error(NGX_LOG_ERR, b->http->connection->log, 0,
                      "carmen: no module knows a factor of user %V",
                      &b->user);
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    b->status = status;
    b->draw[0] = shown;
    b->ndraw = 1;
    b->drawn = 0;

    carmen_browser_draw(b);
}


/* "checked" and "rehashed" are a password's, or NULL */

void
carmen_browser_first(carmen_browser_t *b, ngx_str_t *user, ngx_str_t *checked,
    ngx_str_t *rehashed, const char *amr, ngx_uint_t strong)
{
    ngx_str_t  old, hash, none = ngx_null_string;

    static ngx_str_t  yes = ngx_string("true"), no = ngx_string("false");

    old = b->hash;
    b->known = carmen_browser_copy(b->pool, *user);

    if (b->known.data == NULL || carmen_browser_cookie(b, &hash) != NGX_OK) {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    carmen_pair_t  values[] = {
        { "user", b->known },
        { "checked", checked ? *checked : none },
        { "rehashed", rehashed && rehashed->len ? *rehashed : none },
        { "token", hash },
        { "old", old },
        { "lifetime", login_number(b, b->conf->browser_lifetime) },
        { "address", b->http->connection->addr_text },
        { "agent", login_agent(b) },
        { "amr", { ngx_strlen(amr), (u_char *) amr } },
        { "strong", strong ? yes : no },
        { NULL, ngx_null_string }
    };

    if (carmen_query(b->request, &auth_browser_start, values, login_started,
                     b)
        == NGX_ERROR)
    {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


void
carmen_browser_second(carmen_browser_t *b, const char *amr)
{
    ngx_str_t  old, hash;

    old = b->hash;

    if (carmen_browser_cookie(b, &hash) != NGX_OK) {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    carmen_pair_t  values[] = {
        { "old", old },
        { "token", hash },
        { "lifetime", login_number(b, b->conf->browser_lifetime) },
        { "amr", { ngx_strlen(amr), (u_char *) amr } },
        { NULL, ngx_null_string }
    };

    if (carmen_query(b->request, &auth_browser_step, values, login_started,
                     b)
        == NGX_ERROR)
    {
        carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


static void
login_started(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    carmen_browser_t  *b = data;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    /* the account has changed in this second, or the session is gone */

    if (carmen_result_rows(result) == 0) {
        b->factor = NULL;
        ngx_str_null(&b->user);
        carmen_browser_failed(b, NULL);
        return;
    }

    carmen_browser_continue(b);
}


void
carmen_browser_continue(carmen_browser_t *b)
{
    if (b->resume.len == 0) {
        b->resume = carmen_browser_resume(b);

        if (b->resume.data == NULL) {
            carmen_browser_error(b, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }
    }

    carmen_browser_redirect(b, &b->resume);
}


static ngx_str_t
login_agent(carmen_browser_t *b)
{
    size_t     i;
    ngx_str_t  agent, none = ngx_string("");

    if (b->http->headers_in.user_agent == NULL) {
        return none;
    }

    /* for people to read; what is not ASCII is not worth a failure */

    agent = b->http->headers_in.user_agent->value;
    agent.len = ngx_min(agent.len, 256);
    agent = carmen_browser_copy(b->pool, agent);

    if (agent.data == NULL) {
        return none;
    }

    for (i = 0; i < agent.len; i++) {
        if (agent.data[i] < ' ' || agent.data[i] >= 0x7f) {
            agent.data[i] = '?';
        }
    }

    return agent;
}


static ngx_str_t
login_number(carmen_browser_t *b, time_t n)
{
    u_char     buf[NGX_TIME_T_LEN + 1];
    ngx_str_t  text;

    text.data = buf;
    text.len = ngx_sprintf(buf, "%T", n) - buf;

    return carmen_browser_copy(b->pool, text);
}
