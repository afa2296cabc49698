
/* A device without a browser: RFC 8628 section 3.1. */

#include "carmen_oauth_parts.h"
#include "auth_statements.h"

#include <openssl/rand.h>


#define DEVICE_LIFETIME  600
#define DEVICE_INTERVAL  5
#define DEVICE_CODE      8                   /* letters; 34 bits */


typedef struct {
    json_t                   *form;
    ngx_str_t                 code;
    u_char                    user[DEVICE_CODE + 1];
} device_ctx_t;


static void device_client(carmen_request_t *cr, json_t *client, void *data);
static ngx_int_t device_user_code(u_char *code);
static void device_done(carmen_request_t *cr, carmen_result_t *result,
    void *data);


ngx_int_t
carmen_oauth_device(carmen_request_t *cr)
{
    device_ctx_t  *ctx;

    ctx = ngx_pcalloc(carmen_request_http(cr)->pool, sizeof(device_ctx_t));
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->form = carmen_oauth_post(cr);

    return ctx->form ? carmen_oauth_client(cr, ctx->form, device_client, ctx)
                     : NGX_DONE;
}


static void
device_client(carmen_request_t *cr, json_t *client, void *data)
{
    device_ctx_t  *ctx = data;

    ngx_str_t    hash, asked, scope, user;
    ngx_pool_t  *pool;

    pool = carmen_request_http(cr)->pool;

    if (!carmen_oauth_has(client, "grants", CARMEN_OAUTH_DEVICE)) {
        carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST, "unauthorized_client",
                            "The client is not registered for devices.");
        return;
    }

    asked = carmen_oauth_param(ctx->form, "scope");

    if (asked.data == NULL) {
        ngx_str_set(&asked, "");
    }

    scope = carmen_oauth_narrow(pool, client, &asked);

    if (scope.data && scope.len == 0) {
        carmen_oauth_refuse(cr, NGX_HTTP_BAD_REQUEST, "invalid_scope",
                            "The client may have none of these scopes.");
        return;
    }

    if (scope.data == NULL || device_user_code(ctx->user) != NGX_OK
        || carmen_oauth_random(pool, "", &ctx->code, &hash) != NGX_OK)
    {
        carmen_oauth_run(cr, NGX_ERROR);
        return;
    }

    user.data = ctx->user;
    user.len = DEVICE_CODE;

    carmen_pair_t  values[] = {
        { "hash", hash },
        { "code", user },
        { "client", carmen_oauth_text(client, "client_id") },
        { "scope", scope },
        { "lifetime", carmen_oauth_number(pool, DEVICE_LIFETIME) },
        { NULL, ngx_null_string }
    };

    carmen_oauth_run(cr, carmen_query(cr, &auth_oauth_device_begin, values,
                                      device_done, ctx));
}


/* section 6.1: consonants, so that no word comes out */

static ngx_int_t
device_user_code(u_char *code)
{
    u_char      byte;
    ngx_uint_t  i;

    static const u_char  letters[] = "BCDFGHJKLMNPQRSTVWXZ";

    for (i = 0; i < DEVICE_CODE; /* void */ ) {
        if (RAND_bytes(&byte, 1) != 1) {
            return NGX_ERROR;
        }

        if (byte < 240) {
            code[i++] = letters[byte % 20];
        }
    }

    code[i] = '\0';

    return NGX_OK;
}


static void
device_done(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    device_ctx_t  *ctx = data;

    u_char       shown[DEVICE_CODE + 2];
    ngx_str_t    page, begun;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    begun = carmen_result_value(result, 0, "begun");
    page = carmen_oauth_url(cr, "/oauth/device");

    if (begun.data == NULL || begun.data[0] != 't' || page.data == NULL) {
        carmen_oauth_run(cr, NGX_ERROR);
        return;
    }

    (void) ngx_sprintf(shown, "%*s-%s", (size_t) 4, ctx->user, ctx->user + 4);
    shown[DEVICE_CODE + 1] = '\0';

    carmen_oauth_reply(cr, NGX_HTTP_OK,
        json_pack("{s:s, s:s, s:s, s:o, s:i, s:i}",
                  "device_code", ctx->code.data,
                  "user_code", shown,
                  "verification_uri", page.data,
                  "verification_uri_complete",
                  json_sprintf("%s?user_code=%s", page.data, shown),
                  "expires_in", DEVICE_LIFETIME,
                  "interval", DEVICE_INTERVAL));
}
