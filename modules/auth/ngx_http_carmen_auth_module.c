
/* The auth module: directives, routes, and the page of public keys. */

#include "carmen_auth.h"
#include "carmen_revocation.h"
#include "carmen_sessions.h"
#include "carmen_passwords.h"
#include "carmen_browser_page.h"
#include "carmen_oauth.h"
#include "auth_statements.h"


static ngx_int_t auth_preconfiguration(ngx_conf_t *cf);
static char *auth_mode(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *auth_audience(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *auth_endpoints(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *auth_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf,
    carmen_domain_t *domain);
static char *auth_provider(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *auth_jwks(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static ngx_int_t auth_jwks_handler(ngx_http_request_t *r);
static const carmen_password_policy_t *auth_policy(ngx_http_request_t *r);


static ngx_conf_enum_t  auth_modes[] = {
    { ngx_string("off"), CARMEN_AUTH_OFF },
    { ngx_string("jwt"), CARMEN_AUTH_JWT },
    { ngx_null_string, 0 }
};


static ngx_conf_num_bounds_t  auth_cost_bounds = {
    ngx_conf_check_num_bounds, CARMEN_PASSWORD_COST_MIN,
    CARMEN_PASSWORD_COST_MAX
};


#define AUTH_ANYWHERE                                                         \
    NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF


static ngx_conf_bitmask_t  auth_social_allow[] = {
    { ngx_string("private"), CARMEN_ALLOW_PRIVATE },
    { ngx_string("plain"), CARMEN_ALLOW_PLAIN },
    { ngx_null_string, 0 }
};


#define auth_federation(member)                                               \
    (offsetof(carmen_auth_conf_t, federation)                                 \
     + offsetof(carmen_federation_conf_t, member))


static ngx_command_t  auth_commands[] = {

    { ngx_string("carmen_auth"),
      AUTH_ANYWHERE|NGX_CONF_TAKE1,
      auth_mode,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(carmen_auth_conf_t, mode),
      auth_modes },

    { ngx_string("carmen_auth_key"),
      AUTH_ANYWHERE|NGX_CONF_TAKE123,
      carmen_auth_key,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(carmen_auth_conf_t, keys),
      NULL },

    { ngx_string("carmen_auth_signing_key"),
      AUTH_ANYWHERE|NGX_CONF_TAKE12,
      carmen_auth_key,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(carmen_auth_conf_t, signing),
      NULL },

    { ngx_string("carmen_auth_issuer"),
      AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(carmen_auth_conf_t, issuer),
      NULL },

    { ngx_string("carmen_auth_audience"),
      AUTH_ANYWHERE|NGX_CONF_1MORE,
      auth_audience,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("carmen_auth_leeway"),
      AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(carmen_auth_conf_t, leeway),
      NULL },

    { ngx_string("carmen_auth_token_lifetime"),
      AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(carmen_auth_conf_t, token_lifetime),
      NULL },

    { ngx_string("carmen_auth_refresh_lifetime"),
      AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(carmen_auth_conf_t, refresh_lifetime),
      NULL },

    { ngx_string("carmen_auth_refresh_grace"),
      AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(carmen_auth_conf_t, refresh_grace),
      NULL },

    { ngx_string("carmen_auth_thread_pool"),
      AUTH_ANYWHERE|NGX_CONF_TAKE1,
      carmen_auth_pool,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("carmen_auth_bcrypt_cost"),
      AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(carmen_auth_conf_t, policy)
      + offsetof(carmen_password_policy_t, cost),
      &auth_cost_bounds },

    { ngx_string("carmen_auth_cache"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      carmen_auth_cache,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("carmen_auth_attempts"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(carmen_auth_main_conf_t, attempts),
      NULL },

    { ngx_string("carmen_auth_endpoints"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      auth_endpoints,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      &carmen_auth_domain },

    { ngx_string("carmen_auth_jwks"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      auth_jwks,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("carmen_auth_revocations"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(carmen_auth_main_conf_t, revocations),
      NULL },

    { ngx_string("carmen_auth_mtls"),
      AUTH_ANYWHERE|NGX_CONF_TAKE1,
      carmen_auth_mtls,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("carmen_auth_webauthn_id"),
      AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(carmen_auth_conf_t, rp) + offsetof(carmen_webauthn_rp_t, id),
      NULL },

    { ngx_string("carmen_auth_webauthn_name"),
      AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(carmen_auth_conf_t, rp) + offsetof(carmen_webauthn_rp_t, name),
      NULL },

    { ngx_string("carmen_auth_webauthn_origin"),
      AUTH_ANYWHERE|NGX_CONF_1MORE,
      carmen_mfa_origin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("carmen_auth_provider"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      auth_provider,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("carmen_auth_revocation_bound"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(carmen_auth_main_conf_t, bound),
      NULL },

    { ngx_string("carmen_auth_step_up_age"),
      AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(carmen_auth_conf_t, step_up_age),
      NULL },

    { ngx_string("carmen_auth_password_hash"),
      AUTH_ANYWHERE|NGX_CONF_1MORE,
      carmen_passwords_hash,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("carmen_auth_password_blocklist"),
      AUTH_ANYWHERE|NGX_CONF_TAKE1,
      carmen_passwords_blocklist,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("carmen_auth_origin"),
      AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(carmen_auth_conf_t, origin),
      NULL },

    { ngx_string("carmen_auth_proofs"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(carmen_auth_main_conf_t, proofs),
      NULL },

    { ngx_string("carmen_auth_theme"),
      AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(carmen_auth_conf_t, theme_dir),
      NULL },

    { ngx_string("carmen_auth_browser_lifetime"),
      AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(carmen_auth_conf_t, browser_lifetime),
      NULL },

    { ngx_string("carmen_auth_social"),
      AUTH_ANYWHERE|NGX_CONF_2MORE,
      carmen_auth_social,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("carmen_auth_social_role"),
      AUTH_ANYWHERE|NGX_CONF_TAKE4,
      carmen_auth_social_role,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("carmen_auth_social_redirect"),
      AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      auth_federation(redirect),
      NULL },

    { ngx_string("carmen_auth_social_ca"),
      AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      auth_federation(ca),
      NULL },

    { ngx_string("carmen_auth_social_allow"),
      AUTH_ANYWHERE|NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      auth_federation(allow),
      &auth_social_allow },

    { ngx_string("carmen_auth_social_timeout"),
      AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      auth_federation(timeout),
      NULL },

    { ngx_string("carmen_auth_ldap"),
      AUTH_ANYWHERE|NGX_CONF_2MORE,
      carmen_auth_ldap,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("carmen_auth_ldap_role"),
      AUTH_ANYWHERE|NGX_CONF_TAKE2,
      carmen_auth_ldap_role,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  auth_module_ctx = {
    auth_preconfiguration,                 /* preconfiguration */
    NULL,                                  /* postconfiguration */

    carmen_auth_create_main_conf,          /* create main configuration */
    carmen_auth_init_main_conf,            /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    carmen_auth_create_conf,               /* create location configuration */
    carmen_auth_merge_conf                 /* merge location configuration */
};


ngx_module_t  ngx_http_carmen_auth_module = {
    NGX_MODULE_V1,
    &auth_module_ctx,                      /* module context */
    auth_commands,                         /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    carmen_auth_init_process,              /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    carmen_auth_exit_process,              /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static const carmen_field_t  auth_login_fields[] = {
    { .name = "username", .type = CARMEN_STRING, .min = 1, .max = 320,
      .doc = "The login name; or give email.",
      .example = "\"ada@example.com\"" },
    { .name = "email", .type = CARMEN_STRING, .min = 1, .max = 320,
      .doc = "The login name; or give username.",
      .example = "\"ada@example.com\"" },
    { .name = "password", .type = CARMEN_STRING,
      .flags = CARMEN_REQUIRED|CARMEN_SECRET, .min = 1, .max = 256,
      .doc = "The password.", .example = "\"correct horse battery\"" },
    { .name = "tenant", .type = CARMEN_STRING, .min = 1, .max = 63,
      .pattern = "^[a-z0-9][a-z0-9_-]{0,62}$",
      .doc = "The tenant; the server's own if absent.",
      .example = "\"default\"" },
    CARMEN_FIELDS_END
};


static const carmen_field_t  auth_refresh_fields[] = {
    { .name = "refresh_token", .type = CARMEN_STRING,
      .flags = CARMEN_REQUIRED|CARMEN_SECRET, .min = 1, .max = 128,
      .doc = "The refresh token of the last login or refresh.",
      .example = "\"default.4bYsg2qLjzxzDgjcAZ2sqZXLhDYxkDWvZqBpKkzWvIo\"" },
    CARMEN_FIELDS_END
};


static const carmen_field_t  auth_tokens_fields[] = {
    { .name = "access_token", .type = CARMEN_STRING,
      .flags = CARMEN_REQUIRED,
      .doc = "A signed access token (RFC 9068), to be sent as "
             "\"Authorization: Bearer\".",
      .example = "\"eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiJ9.eyJzdWIi\"" },
    { .name = "token_type", .type = CARMEN_STRING, .flags = CARMEN_REQUIRED,
      .doc = "Always Bearer.", .example = "\"Bearer\"" },
    { .name = "expires_in", .type = CARMEN_INTEGER, .flags = CARMEN_REQUIRED,
      .doc = "Seconds until the access token expires.", .example = "600" },
    { .name = "refresh_token", .type = CARMEN_STRING,
      .flags = CARMEN_REQUIRED,
      .doc = "For one refresh; the answer to it brings the next.",
      .example = "\"default.4bYsg2qLjzxzDgjcAZ2sqZXLhDYxkDWvZqBpKkzWvIo\"" },
    { .name = "scope", .type = CARMEN_STRING, .flags = CARMEN_REQUIRED,
      .doc = "What the access token allows, separated by spaces.",
      .example = "\"catalog:read orders:read orders:write\"" },
    CARMEN_FIELDS_END
};


static const carmen_entity_t  auth_entities[] = {
    { "Tokens", auth_tokens_fields,
      "An access token and the refresh token that follows it." },
    CARMEN_ENTITIES_END
};


static const carmen_problem_t  auth_problems[] = {
    { "invalid-credentials", 401, "The login failed.",
      "The account, the password, or both are wrong, or the account is "
      "disabled; which of them is not said.  Check both and try again.  After "
      "several failures from one address the next attempt must wait: see "
      "too-many-requests." },
    { "invalid-refresh-token", 401, "The refresh token is not valid.",
      "It was used before, has expired, or its session has ended.  Log in "
      "again.  A refresh token is good for one refresh: keep the new one that "
      "each answer brings." },
    CARMEN_PROBLEMS_END
};


static const char *const  auth_login_problems[] = {
    "invalid-credentials", "too-many-requests", NULL
};

static const char *const  auth_refresh_problems[] = {
    "invalid-refresh-token", NULL
};


static const carmen_route_t  auth_routes[] = {

    { .method = CARMEN_POST, .path = "/auth/login",
      .body = auth_login_fields, .flags = CARMEN_PUBLIC|CARMEN_NO_STORE,
      .handler = carmen_auth_login, .returns = "Tokens",
      .summary = "Log in with a password",
      .problems = auth_login_problems },

    { .method = CARMEN_POST, .path = "/auth/refresh",
      .body = auth_refresh_fields, .flags = CARMEN_PUBLIC|CARMEN_NO_STORE,
      .handler = carmen_auth_refresh, .returns = "Tokens",
      .summary = "Get new tokens for a refresh token",
      .problems = auth_refresh_problems },

    { .method = CARMEN_POST, .path = "/auth/logout",
      .flags = CARMEN_NO_STORE, .handler = carmen_auth_logout,
      .summary = "End the session of the access token", .status = 204 },

    CARMEN_ROUTES_END
};


carmen_domain_t  carmen_auth_domain = {
    ngx_string("auth"),
    "Login, refresh and logout.",
    auth_routes,
    auth_entities,
    auth_problems,
    auth_statements
};


static ngx_int_t
auth_preconfiguration(ngx_conf_t *cf)
{
    if (carmen_domain_preconfigure(cf, &carmen_auth_domain) != NGX_OK
        || carmen_domain_preconfigure(cf, &carmen_oauth_domain) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (carmen_domain_preconfigure(cf, &carmen_browser_domain) != NGX_OK) {
        return NGX_ERROR;
    }

    if (carmen_domain_preconfigure(cf, &carmen_mfa_domain) != NGX_OK
        || carmen_domain_preconfigure(cf, &carmen_passwords_domain)
           != NGX_OK
        || carmen_domain_preconfigure(cf, &carmen_sessions_domain) != NGX_OK
        || carmen_domain_preconfigure(cf, &carmen_roles_domain) != NGX_OK
        || carmen_revocation_configure(cf, &carmen_auth_domain) != NGX_OK
        || carmen_domain_preconfigure(cf, &carmen_federation_domain)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (carmen_password_register(cf, auth_policy) != NGX_OK) {
        return NGX_ERROR;
    }

    return carmen_identify_register(cf, carmen_auth_identify);
}


static char *
auth_mode(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *rv;

    rv = ngx_conf_set_enum_slot(cf, cmd, conf);

    if (rv == NGX_CONF_OK) {
        carmen_auth_remember(cf, conf);
    }

    return rv;
}


static char *
auth_audience(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    carmen_auth_conf_t  *acf = conf;

    ngx_str_t   *value, *audience;
    ngx_uint_t   i;

    if (acf->audiences == NGX_CONF_UNSET_PTR) {
        acf->audiences = ngx_array_create(cf->pool, 2, sizeof(ngx_str_t));

        if (acf->audiences == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (value[i].len == 0) {
            return "must not be empty";
        }

        audience = ngx_array_push(acf->audiences);
        if (audience == NULL) {
            return NGX_CONF_ERROR;
        }

        *audience = value[i];
    }

    return NGX_CONF_OK;
}


static char *
auth_endpoints(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    carmen_auth_conf_t  *acf = conf;

    carmen_auth_main_conf_t  *amcf;

    amcf = ngx_http_conf_get_module_main_conf(cf,
                                              ngx_http_carmen_auth_module);
    amcf->feed = 1;
    acf->endpoints = 1;
    carmen_auth_remember(cf, acf);

    if (auth_enable(cf, cmd, conf, &carmen_mfa_domain) != NGX_CONF_OK
        || auth_enable(cf, cmd, conf, &carmen_passwords_domain)
           != NGX_CONF_OK
        || auth_enable(cf, cmd, conf, &carmen_sessions_domain) != NGX_CONF_OK
        || auth_enable(cf, cmd, conf, &carmen_roles_domain) != NGX_CONF_OK
        || auth_enable(cf, cmd, conf, &carmen_federation_domain)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return carmen_domain_enable(cf, cmd, conf);
}


/* a topic that has a table of its own */

static char *
auth_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf,
    carmen_domain_t *domain)
{
    ngx_command_t  command;

    command = *cmd;
    command.post = domain;

    return carmen_domain_enable(cf, &command, conf);
}


static char *
auth_provider(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    carmen_auth_conf_t  *acf = conf;

    size_t           i;
    ngx_command_t    enable;

    static carmen_domain_t *const  domains[] = {
        &carmen_oauth_domain,
        &carmen_browser_domain
    };

    acf->provider = 1;
    acf->endpoints = 1;
    acf->jwks = 1;
    carmen_auth_remember(cf, acf);

    enable = *cmd;

    for (i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
        char  *rv;

        enable.post = domains[i];
        rv = carmen_domain_enable(cf, &enable, conf);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
auth_jwks(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    carmen_auth_conf_t  *acf = conf;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "is in a location that already has a handler";
    }

    clcf->handler = auth_jwks_handler;
    acf->jwks = 1;
    carmen_auth_remember(cf, acf);

    return NGX_CONF_OK;
}


/* RFC 7517 section 5 */

static ngx_int_t
auth_jwks_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_uint_t                 i;
    ngx_table_elt_t           *h;
    carmen_auth_conf_t        *acf;
    ngx_http_complex_value_t   cv;

    static const struct {
        ngx_str_t  name, value;
    } allow = { ngx_string("Allow"), ngx_string("GET, HEAD") },
      control = { ngx_string("Cache-Control"),
                  ngx_string("public, max-age=300") };

    i = r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD);

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    h->key = i ? control.name : allow.name;
    h->value = i ? control.value : allow.value;

    if (!i) {
        return carmen_problem_send(r, "method-not-allowed", NULL, NULL);
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    acf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_auth_module);

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    ngx_str_set(&h->key, "ETag");
    h->value = acf->etag;
    r->headers_out.etag = h;

    ngx_memzero(&cv, sizeof(ngx_http_complex_value_t));
    cv.value = acf->document;

    ngx_str_set(&r->headers_out.content_type, "application/jwk-set+json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    return ngx_http_send_response(r, NGX_HTTP_OK, NULL, &cv);
}


static const carmen_password_policy_t *
auth_policy(ngx_http_request_t *r)
{
    carmen_auth_conf_t  *acf;

    acf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_auth_module);

    return &acf->policy;
}
