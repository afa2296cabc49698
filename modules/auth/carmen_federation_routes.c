
/* The routes of signing in with an account elsewhere. */

#include "carmen_auth.h"
#include "auth_statements.h"


static const carmen_field_t  federation_callback_query[] = {
    { .name = "state", .type = CARMEN_STRING, .max = 512,
      .doc = "The state that the provider gives back." },
    { .name = "code", .type = CARMEN_STRING, .max = 4096,
      .doc = "The code, when the provider agrees." },
    { .name = "iss", .type = CARMEN_STRING, .max = 1024,
      .doc = "The provider's issuer (RFC 9207)." },
    { .name = "error", .type = CARMEN_STRING, .max = 256,
      .doc = "Why it does not." },
    CARMEN_FIELDS_END
};


static const carmen_field_t  federation_ldap_fields[] = {
    { .name = "username", .type = CARMEN_STRING, .flags = CARMEN_REQUIRED,
      .min = 1, .max = 256, .doc = "The name in the directory.",
      .example = "\"ada\"" },
    { .name = "password", .type = CARMEN_STRING,
      .flags = CARMEN_REQUIRED|CARMEN_SECRET, .min = 1, .max = 256,
      .doc = "The password in the directory.",
      .example = "\"correct horse battery\"" },
    CARMEN_FIELDS_END
};


static const carmen_field_t  federation_redirect_fields[] = {
    { .name = "url", .type = CARMEN_STRING, .flags = CARMEN_REQUIRED,
      .doc = "Where the browser goes: the provider's authorization endpoint "
             "with all parameters.",
      .example = "\"https://accounts.google.com/o/oauth2/v2/auth?"
                 "response_type=code\"" },
    CARMEN_FIELDS_END
};


static const carmen_field_t  federation_tokens_fields[] = {
    { .name = "access_token", .type = CARMEN_STRING,
      .flags = CARMEN_REQUIRED, .doc = "As of a login.",
      .example = "\"eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiJ9.eyJzdWIi\"" },
    { .name = "token_type", .type = CARMEN_STRING, .flags = CARMEN_REQUIRED,
      .doc = "Always Bearer.", .example = "\"Bearer\"" },
    { .name = "expires_in", .type = CARMEN_INTEGER, .flags = CARMEN_REQUIRED,
      .doc = "Seconds until the access token expires.", .example = "600" },
    { .name = "refresh_token", .type = CARMEN_STRING,
      .flags = CARMEN_REQUIRED, .doc = "For one refresh.",
      .example = "\"default.4bYsg2qLjzxzDgjcAZ2sqZXLhDYxkDWvZqBpKkzWvIo\"" },
    { .name = "scope", .type = CARMEN_STRING, .flags = CARMEN_REQUIRED,
      .doc = "What the access token allows, separated by spaces.",
      .example = "\"catalog:read orders:read orders:write\"" },
    CARMEN_FIELDS_END
};


static const carmen_field_t  federation_identity_fields[] = {
    { .name = "provider", .type = CARMEN_STRING, .flags = CARMEN_REQUIRED,
      .doc = "The name of the provider.", .example = "\"google\"" },
    { .name = "email", .type = CARMEN_STRING, .flags = CARMEN_NULLABLE,
      .doc = "The e-mail address there.",
      .example = "\"ada@example.com\"" },
    { .name = "emailVerified", .type = CARMEN_BOOLEAN,
      .flags = CARMEN_REQUIRED,
      .doc = "Whether the provider vouches for the address.",
      .example = "true" },
    { .name = "displayName", .type = CARMEN_STRING, .flags = CARMEN_NULLABLE,
      .doc = "The name there.", .example = "\"Ada Lovelace\"" },
    { .name = "linkedDate", .type = CARMEN_TIMESTAMP,
      .flags = CARMEN_REQUIRED, .doc = "Since when it is linked.",
      .example = "\"2026-01-02T03:04:05.123Z\"" },
    { .name = "usedDate", .type = CARMEN_TIMESTAMP, .flags = CARMEN_REQUIRED,
      .doc = "When it last signed in.",
      .example = "\"2026-01-02T03:04:05.123Z\"" },
    CARMEN_FIELDS_END
};


static const carmen_field_t  federation_identity_item = {
    .name = "", .type = CARMEN_OBJECT, .fields = federation_identity_fields
};


static const carmen_field_t  federation_identities_fields[] = {
    { .name = "items", .type = CARMEN_ARRAY, .flags = CARMEN_REQUIRED,
      .item = &federation_identity_item, .doc = "By provider." },
    CARMEN_FIELDS_END
};


static const carmen_entity_t  federation_entities[] = {
    { "SocialRedirect", federation_redirect_fields,
      "The way to a provider." },
    { "SocialTokens", federation_tokens_fields,
      "The tokens of a session that a provider or the directory began." },
    { "SocialIdentity", federation_identity_fields,
      "An account at a provider that signs the user in." },
    { "SocialIdentities", federation_identities_fields,
      "All of a user." },
    CARMEN_ENTITIES_END
};


static const carmen_problem_t  federation_problems[] = {
    { "invalid-sign-in", 400, "This sign-in was not begun here.",
      "The browser came back from a provider with a state that is not known, "
      "was used, is older than ten minutes, belongs to another browser or to "
      "another provider.  Begin again." },
    { "sign-in-refused", 403, "The sign-in was refused.",
      "The provider refused, or what it said could not be trusted, or the "
      "account is disabled.  The error log says which." },
    { "account-exists", 409, "There is an account with this e-mail address.",
      "The address was never proved here, so the provider's word does not "
      "open the account.  Sign in as before, and link the provider to the "
      "account." },
    { "identity-conflict", 409, "The accounts cannot be linked.",
      "The account at the provider signs in somebody else, or another one of "
      "the same provider is linked already: unlink it first." },
    { "last-sign-in", 409, "This is the only way to sign in.",
      "The account has no password and nothing else is linked to it.  Set a "
      "password or link another provider first." },
    { "provider-unavailable", 502, "The provider could not be reached.",
      "It did not answer in time, or not as the protocol says.  Try again "
      "later; the error log says more." },
    CARMEN_PROBLEMS_END
};


static const char *const  federation_start_problems[] = {
    "provider-unavailable", NULL
};

static const char *const  federation_callback_problems[] = {
    "invalid-sign-in", "sign-in-refused", "account-exists",
    "identity-conflict", "mfa-required", "provider-unavailable", NULL
};

static const char *const  federation_ldap_problems[] = {
    "not-found", "invalid-credentials", "too-many-requests", "sign-in-refused",
    "account-exists", "mfa-required", "provider-unavailable", NULL
};

static const char *const  federation_unlink_problems[] = {
    "last-sign-in", NULL
};


static const carmen_route_t  federation_routes[] = {

    { .method = CARMEN_GET, .path = "/auth/social/{provider}/start",
      .flags = CARMEN_PUBLIC|CARMEN_NO_STORE,
      .handler = carmen_social_start, .returns = "SocialRedirect",
      .status = 302, .summary = "Go to a provider to sign in",
      .problems = federation_start_problems },

    { .method = CARMEN_GET, .path = "/auth/social/{provider}/callback",
      .query = federation_callback_query,
      .flags = CARMEN_PUBLIC|CARMEN_NO_STORE|CARMEN_OPEN,
      .handler = carmen_social_callback, .returns = "SocialTokens",
      .summary = "Come back from a provider",
      .problems = federation_callback_problems },

    { .method = CARMEN_POST, .path = "/auth/ldap",
      .body = federation_ldap_fields, .flags = CARMEN_PUBLIC|CARMEN_NO_STORE,
      .handler = carmen_ldap_login, .returns = "SocialTokens",
      .summary = "Log in with a password of the directory",
      .problems = federation_ldap_problems },

    { .method = CARMEN_GET, .path = "/users/me/social",
      .scope = "users:self", .statement = &auth_social_list,
      .flags = CARMEN_NO_STORE,
      .summary = "The accounts that sign the caller in" },

    { .method = CARMEN_POST, .path = "/users/me/social/{provider}",
      .scope = "users:self", .flags = CARMEN_NO_STORE,
      .handler = carmen_social_link, .returns = "SocialRedirect",
      .summary = "Link an account at a provider",
      .problems = federation_start_problems },

    { .method = CARMEN_DELETE, .path = "/users/me/social/{provider}",
      .scope = "users:self", .statement = &auth_social_unlink,
      .flags = CARMEN_NO_STORE, .status = 204,
      .summary = "Unlink an account at a provider",
      .problems = federation_unlink_problems },

    CARMEN_ROUTES_END
};


carmen_domain_t  carmen_federation_domain = {
    ngx_string("federation"),
    "Signing in with an account elsewhere.",
    federation_routes,
    federation_entities,
    federation_problems,
    NULL
};
