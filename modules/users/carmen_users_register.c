
#include "carmen_users_register.h"
#include "users_statements.h"

#include <jansson.h>


static ngx_uint_t carmen_users_trusted(carmen_request_t *cr);
static void carmen_users_required(carmen_request_t *cr, const char *name);
static void carmen_users_hashed(carmen_request_t *cr, void *data);
static void carmen_users_create(carmen_request_t *cr, const char *hash);
static void carmen_users_created(carmen_request_t *cr,
    carmen_result_t *result, void *data);


static void
carmen_users_text(json_t *body, const char *name, ngx_str_t *text)
{
    json_t  *value;

    value = json_object_get(body, name);

    text->data = (u_char *) json_string_value(value);
    text->len = json_string_length(value);
}


/*
 * An administrator may leave out the password.  Everyone else is answered
 * after a hash was made, whether the address is known or not: the time tells
 * nothing.
 */

ngx_int_t
carmen_users_register(carmen_request_t *cr)
{
    json_t             *body;
    ngx_str_t           email, password;
    carmen_password_t   pw;

    body = carmen_request_body(cr);

    carmen_users_text(body, "email", &email);
    carmen_users_text(body, "password", &password);

    if (password.data == NULL) {

        if (!carmen_users_trusted(cr)) {
            carmen_users_required(cr, "password");
            return NGX_DONE;
        }

        carmen_users_create(cr, NULL);
        return NGX_DONE;
    }

    if (email.data == NULL) {
        carmen_users_required(cr, "email");
        return NGX_DONE;
    }

    if (carmen_password_check(carmen_request_http(cr), &password, &email)
        != NGX_OK
        || carmen_password_set(&pw, &password) != NGX_OK)
    {
        carmen_problem_reply(cr, "weak-password", NULL, NULL);
        return NGX_DONE;
    }

    /* NGX_BUSY has been answered */
    (void) carmen_password_hash(cr, &pw, carmen_users_hashed);

    ngx_explicit_memzero(&pw, sizeof(carmen_password_t));

    return NGX_DONE;
}


static ngx_uint_t
carmen_users_trusted(carmen_request_t *cr)
{
    ngx_uint_t          i;
    carmen_scopes_t     wanted;
    carmen_identity_t  *identity;

    static ngx_str_t  scope = ngx_string("users:write");

    identity = carmen_identity(carmen_request_http(cr));
    if (identity == NULL) {
        return 0;
    }

    ngx_memzero(&wanted, sizeof(carmen_scopes_t));
    carmen_scopes_parse(&scope, &wanted);

    for (i = 0; i < CARMEN_SCOPE_WORDS; i++) {
        if (wanted.word[i]) {
            return (identity->scopes.word[i] & wanted.word[i]) != 0;
        }
    }

    return 0;
}


static void
carmen_users_required(carmen_request_t *cr, const char *name)
{
    u_char              *p;
    ngx_str_t            members;
    ngx_http_request_t  *r;

    static ngx_str_t  detail = ngx_string("Who registers gives an e-mail "
                                          "address and a password.");

    r = carmen_request_http(cr);

    p = ngx_pnalloc(r->pool, 128);
    if (p == NULL) {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
        return;
    }

    members.data = p;
    members.len = ngx_snprintf(p, 128, "\"errors\":[{\"pointer\":\"/%s\","
                               "\"code\":\"required\","
                               "\"detail\":\"is required\"}]", name) - p;

    carmen_problem_reply(cr, "validation-failed", &detail, &members);
}


static void
carmen_users_hashed(carmen_request_t *cr, void *data)
{
    carmen_password_t  *pw = data;

    if (pw->rc == NGX_DECLINED) {
        carmen_problem_reply(cr, "weak-password", NULL, NULL);
        return;
    }

    if (pw->rc != NGX_OK) {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
        return;
    }

    carmen_users_create(cr, pw->hash);
}


/* The password stays here: what goes to the database is the body without. */

static void
carmen_users_create(carmen_request_t *cr, const char *hash)
{
    char                *text;
    json_t              *body;
    carmen_pair_t        values[3];
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);

    ngx_memzero(values, sizeof(values));

    values[0].name = "body";
    values[1].name = "password_hash";

    body = json_copy(carmen_request_body(cr));
    if (body == NULL) {
        goto failed;
    }

    (void) json_object_del(body, "password");
    text = json_dumps(body, JSON_COMPACT);
    json_decref(body);

    if (text == NULL) {
        goto failed;
    }

    values[0].value.len = ngx_strlen(text);
    values[0].value.data = ngx_pnalloc(r->pool, values[0].value.len + 1);

    if (values[0].value.data == NULL) {
        free(text);
        goto failed;
    }

    ngx_memcpy(values[0].value.data, text, values[0].value.len + 1);
    free(text);

    if (hash) {
        values[1].value.len = ngx_strlen(hash);
        values[1].value.data = ngx_pnalloc(r->pool, values[1].value.len + 1);

        if (values[1].value.data == NULL) {
            goto failed;
        }

        ngx_memcpy(values[1].value.data, hash, values[1].value.len + 1);
    }

    (void) carmen_query(cr, &users_create, values, carmen_users_created,
                        NULL);
    return;

failed:

    carmen_problem_reply(cr, "internal-error", NULL, NULL);
}


static void
carmen_users_created(carmen_request_t *cr, carmen_result_t *result,
    void *data)
{
    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    carmen_result_reply(cr, result);
}
