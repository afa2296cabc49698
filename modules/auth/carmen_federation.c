
/* From a person that somebody vouches for to a session and its tokens. */

#include "carmen_auth.h"
#include "carmen_mfa.h"
#include "auth_statements.h"


typedef struct {
    ngx_str_t                 tenant;
    ngx_str_t                 refresh;
} federation_ctx_t;


static void federation_done(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void federation_linked(carmen_request_t *cr, carmen_result_t *result,
    void *data);


void
carmen_federation_login(carmen_request_t *cr, carmen_person_t *person)
{
    u_char              *p;
    ngx_str_t            token, lifetime, verified, client;
    federation_ctx_t    *ctx;
    ngx_http_request_t  *r;
    carmen_auth_conf_t  *acf;

    r = carmen_request_http(cr);
    acf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_auth_module);

    ctx = ngx_pcalloc(r->pool, sizeof(federation_ctx_t));
    p = ngx_pnalloc(r->pool, NGX_TIME_T_LEN + 1);

    if (ctx == NULL || p == NULL) {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
        return;
    }

    ctx->tenant = carmen_request_tenant(cr);

    if (carmen_refresh_create(r->pool, &ctx->tenant, &ctx->refresh, &token)
        != NGX_OK)
    {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
        return;
    }

    lifetime.data = p;
    lifetime.len = ngx_sprintf(p, "%T", acf->refresh_lifetime) - p;

    ngx_str_set(&client, CARMEN_AUTH_CLIENT);

    if (person->verified) {
        ngx_str_set(&verified, "true");

    } else {
        ngx_str_set(&verified, "false");
    }

    carmen_pair_t  values[] = {
        { "tenant", ctx->tenant },
        { "provider", person->provider },
        { "subject", person->subject },
        { "email", person->email },
        { "verified", verified },
        { "name", person->name },
        { "given", person->given },
        { "family", person->family },
        { "held", person->roles },
        { "managed", person->managed },
        { "client", client },
        { "token", token },
        { "lifetime", lifetime },
        { "address", r->connection->addr_text },
        { NULL, ngx_null_string }
    };

    if (carmen_query(cr, &auth_federation_login, values, federation_done,
                     ctx)
        == NGX_ERROR)
    {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
    }
}


static void
federation_done(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    federation_ctx_t  *ctx = data;

    ngx_str_t            outcome, methods;
    carmen_grant_t       grant;
    carmen_auth_conf_t  *acf;

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    methods = carmen_result_value(result, 0, "methods");

    if (methods.data) {
        carmen_mfa_required(cr, &ctx->refresh, &methods);
        return;
    }

    ngx_memzero(&grant, sizeof(carmen_grant_t));

    grant.session = carmen_result_value(result, 0, "session_id");

    if (grant.session.data == NULL) {
        outcome = carmen_result_value(result, 0, "outcome");

        carmen_problem_reply(cr, outcome.len == sizeof("exists") - 1
                                 ? "account-exists" : "sign-in-refused",
                             NULL, NULL);
        return;
    }

    acf = ngx_http_get_module_loc_conf(carmen_request_http(cr),
                                       ngx_http_carmen_auth_module);

    grant.tenant = ctx->tenant;
    grant.subject = carmen_result_value(result, 0, "user_id");
    ngx_str_set(&grant.client, CARMEN_AUTH_CLIENT);
    grant.scope = carmen_result_value(result, 0, "scope");
    grant.roles = carmen_result_value(result, 0, "roles");
    grant.lifetime = ngx_min(acf->token_lifetime, acf->refresh_lifetime);

    carmen_auth_assurance(carmen_request_http(cr)->pool, result, &grant);

    carmen_auth_reply(cr, &grant, &ctx->refresh);
}


void
carmen_federation_link(carmen_request_t *cr, carmen_person_t *person,
    ngx_str_t *user)
{
    ngx_str_t  verified;

    if (person->verified) {
        ngx_str_set(&verified, "true");

    } else {
        ngx_str_set(&verified, "false");
    }

    carmen_pair_t  values[] = {
        { "tenant", carmen_request_tenant(cr) },
        { "user", *user },
        { "provider", person->provider },
        { "subject", person->subject },
        { "email", person->email },
        { "verified", verified },
        { "name", person->name },
        { NULL, ngx_null_string }
    };

    if (carmen_query(cr, &auth_social_link, values, federation_linked, NULL)
        == NGX_ERROR)
    {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
    }
}


static void
federation_linked(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    carmen_result_reply(cr, result);
}
