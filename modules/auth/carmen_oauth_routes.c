
/* The provider's endpoints, and what it says about itself. */

#include "carmen_oauth_parts.h"
#include "auth_statements.h"


static ngx_int_t oauth_metadata(carmen_request_t *cr);
static ngx_int_t oauth_keys(carmen_request_t *cr);


#define OAUTH_ROUTE  CARMEN_PUBLIC|CARMEN_RAW|CARMEN_NO_STORE


static const carmen_route_t  oauth_routes[] = {

    { .method = CARMEN_GET, .path = "/.well-known/openid-configuration",
      .flags = OAUTH_ROUTE, .handler = oauth_metadata,
      .summary = "What the provider can do (OpenID Connect Discovery)" },

    { .method = CARMEN_GET, .path = "/.well-known/oauth-authorization-server",
      .flags = OAUTH_ROUTE, .handler = oauth_metadata,
      .summary = "What the provider can do (RFC 8414)" },

    { .method = CARMEN_GET, .path = "/.well-known/jwks.json",
      .flags = OAUTH_ROUTE, .handler = oauth_keys,
      .summary = "The public keys of its tokens" },

    { .method = CARMEN_POST, .path = "/oauth/token",
      .flags = OAUTH_ROUTE, .handler = carmen_oauth_token,
      .summary = "Get tokens for a grant" },

    { .method = CARMEN_POST, .path = "/oauth/par",
      .flags = OAUTH_ROUTE, .handler = carmen_oauth_push,
      .summary = "Push an authorization request" },

    { .method = CARMEN_POST, .path = "/oauth/device_authorization",
      .flags = OAUTH_ROUTE, .handler = carmen_oauth_device,
      .summary = "Begin the flow of a device" },

    { .method = CARMEN_POST, .path = "/oauth/introspect",
      .flags = OAUTH_ROUTE, .handler = carmen_oauth_introspect,
      .summary = "Look into a token" },

    { .method = CARMEN_POST, .path = "/oauth/revoke",
      .flags = OAUTH_ROUTE, .handler = carmen_oauth_revoke,
      .summary = "End the session of a token" },

    { .method = CARMEN_GET, .path = "/oauth/userinfo",
      .flags = OAUTH_ROUTE, .handler = carmen_oauth_userinfo,
      .summary = "The claims about the user" },

    { .method = CARMEN_POST, .path = "/oauth/userinfo",
      .flags = OAUTH_ROUTE, .handler = carmen_oauth_userinfo,
      .summary = "The claims about the user" },

    { .method = CARMEN_POST, .path = "/oauth/register",
      .flags = OAUTH_ROUTE, .handler = carmen_oauth_register,
      .summary = "Register a client" },

    { .method = CARMEN_GET, .path = "/oauth/register/{clientId}",
      .flags = OAUTH_ROUTE, .handler = carmen_oauth_registration,
      .summary = "A client's registration" },

    { .method = CARMEN_PUT, .path = "/oauth/register/{clientId}",
      .flags = OAUTH_ROUTE, .handler = carmen_oauth_registration,
      .summary = "Replace a client's registration" },

    { .method = CARMEN_DELETE, .path = "/oauth/register/{clientId}",
      .flags = OAUTH_ROUTE, .handler = carmen_oauth_registration,
      .summary = "Take a client out" },

    CARMEN_ROUTES_END
};


carmen_domain_t  carmen_oauth_domain = {
    ngx_string("oauth"),
    "The OAuth 2.0 and OpenID Connect provider.",
    oauth_routes,
    NULL,
    NULL,
    auth_statements,
    1
};


static const struct {
    const char  *name, *path;
} oauth_endpoints[] = {
    { "authorization_endpoint", "/oauth/authorize" },
    { "token_endpoint", "/oauth/token" },
    { "pushed_authorization_request_endpoint", "/oauth/par" },
    { "device_authorization_endpoint", "/oauth/device_authorization" },
    { "introspection_endpoint", "/oauth/introspect" },
    { "revocation_endpoint", "/oauth/revoke" },
    { "userinfo_endpoint", "/oauth/userinfo" },
    { "registration_endpoint", "/oauth/register" },
    { "end_session_endpoint", "/oauth/logout" },
    { "jwks_uri", "/.well-known/jwks.json" },
};


/* what does not depend on the configuration: RFC 8414 and its companions */

static const char  oauth_abilities[] =
    "{\"response_types_supported\":[\"code\"],"
    "\"response_modes_supported\":[\"query\",\"form_post\"],"
    "\"grant_types_supported\":[\"authorization_code\",\"refresh_token\","
        "\"client_credentials\",\"" CARMEN_OAUTH_DEVICE "\"],"
    "\"subject_types_supported\":[\"public\"],"
    "\"scopes_supported\":[\"openid\",\"profile\",\"email\",\"phone\","
        "\"offline_access\"],"
    "\"claims_supported\":[\"iss\",\"sub\",\"aud\",\"exp\",\"iat\","
        "\"auth_time\",\"nonce\",\"acr\",\"amr\",\"at_hash\",\"sid\","
        "\"name\",\"given_name\",\"family_name\",\"preferred_username\","
        "\"email\",\"phone_number\",\"locale\",\"zoneinfo\","
        "\"updated_at\"],"
    "\"code_challenge_methods_supported\":[\"S256\"],"
    "\"token_endpoint_auth_methods_supported\":[\"client_secret_basic\","
        "\"client_secret_post\",\"private_key_jwt\",\"tls_client_auth\","
        "\"self_signed_tls_client_auth\",\"none\"],"
    "\"token_endpoint_auth_signing_alg_values_supported\":[\"ES256\","
        "\"EdDSA\",\"RS256\"],"
    "\"introspection_endpoint_auth_methods_supported\":["
        "\"client_secret_basic\",\"client_secret_post\","
        "\"private_key_jwt\",\"tls_client_auth\","
        "\"self_signed_tls_client_auth\"],"
    "\"revocation_endpoint_auth_methods_supported\":["
        "\"client_secret_basic\",\"client_secret_post\","
        "\"private_key_jwt\",\"tls_client_auth\","
        "\"self_signed_tls_client_auth\",\"none\"],"
    "\"dpop_signing_alg_values_supported\":[\"ES256\",\"EdDSA\",\"RS256\"],"
    "\"tls_client_certificate_bound_access_tokens\":true,"
    "\"authorization_response_iss_parameter_supported\":true,"
    "\"backchannel_logout_supported\":true,"
    "\"backchannel_logout_session_supported\":true,"
    "\"prompt_values_supported\":[\"none\",\"login\",\"consent\","
        "\"select_account\"],"
    "\"request_parameter_supported\":false,"
    "\"request_uri_parameter_supported\":true}";


static ngx_int_t
oauth_metadata(carmen_request_t *cr)
{
    size_t               i;
    json_t              *body;
    ngx_str_t            url;
    carmen_jwk_t        *key;
    carmen_auth_conf_t  *acf;

    acf = carmen_oauth_conf(cr);
    key = acf->signing->elts;

    body = json_loads(oauth_abilities, 0, NULL);

    if (body == NULL
        || json_object_set_new(body, "issuer",
                               json_stringn((char *) acf->issuer.data,
                                            acf->issuer.len)) != 0
        || json_object_set_new(body, "id_token_signing_alg_values_supported",
                               json_pack("[s]", carmen_alg_name(key->alg)))
           != 0)
    {
        json_decref(body);
        return NGX_ERROR;
    }

    for (i = 0; i < sizeof(oauth_endpoints) / sizeof(oauth_endpoints[0]);
         i++)
    {
        url = carmen_oauth_url(cr, oauth_endpoints[i].path);

        if (url.data == NULL
            || json_object_set_new(body, oauth_endpoints[i].name,
                                   json_string((char *) url.data))
               != 0)
        {
            json_decref(body);
            return NGX_ERROR;
        }
    }

    carmen_oauth_reply(cr, NGX_HTTP_OK, body);

    return NGX_DONE;
}


static ngx_int_t
oauth_keys(carmen_request_t *cr)
{
    if (carmen_oauth_header(carmen_request_http(cr), "Cache-Control",
                            "public, max-age=300")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    carmen_reply_text(cr, NGX_HTTP_OK, "application/jwk-set+json",
                      &carmen_oauth_conf(cr)->document);

    return NGX_DONE;
}
