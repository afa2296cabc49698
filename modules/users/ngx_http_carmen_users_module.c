
/* Users: registration, profiles, preferences, roles and status. */

#include <carmen.h>

#include "carmen_scim.h"
#include "carmen_users_register.h"
#include "users_statements.h"


static const char *const  user_states[] = { "active", "suspended", NULL };

static const char *const  user_filter_states[] = {
    "active", "suspended", "deleted", NULL
};

static const carmen_field_t  role_item = { "role", CARMEN_CODE, 0, 1, 63 };


/* what a user says of himself */

#define CARMEN_USERS_PROFILE(null)                                            \
    { "givenName", CARMEN_STRING, null, 1, 100 },                             \
    { "familyName", CARMEN_STRING, null, 1, 100 },                            \
    { "displayName", CARMEN_STRING, null, 1, 200 },                           \
    { "company", CARMEN_STRING, null, 1, 200 },                               \
    { "phone", CARMEN_STRING, null, 3, 40,                                    \
      .example = "\"+49 30 1234567\"" },                                      \
    { "locale", CARMEN_STRING, null, 2, 35,                                   \
      .pattern = "^[A-Za-z0-9-]+$",                                           \
      .doc = "RFC 5646.", .example = "\"de-DE\"" },                           \
    { "timeZone", CARMEN_STRING, null, 1, 64,                                 \
      .doc = "Of the IANA database.", .example = "\"Europe/Berlin\"" },       \
    { "profile", CARMEN_OBJECT, 0, .doc = "Free; replaced as a whole." }

static const carmen_field_t  user_create_fields[] = {
    { "email", CARMEN_EMAIL, 0, 3, 254,
      .doc = "The login name; required with a password." },
    { "password", CARMEN_STRING, CARMEN_SECRET, 8, 128,
      .doc = "Any characters; not one that is often used, nor the e-mail "
             "address. Only who holds users:write may leave it out." },
    CARMEN_USERS_PROFILE(CARMEN_NULLABLE),
    { "preferences", CARMEN_OBJECT, 0 },
    { "externalRef", CARMEN_STRING, CARMEN_TRUSTED, 1, 128,
      .scope = "users:write",
      .doc = "The number in another system; unique in the tenant." },
    { "roles", CARMEN_ARRAY, CARMEN_TRUSTED, 0, 32, .item = &role_item,
      .scope = "users:write", .doc = "[\"customer\"] when it is not given." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  me_update_fields[] = {
    CARMEN_USERS_PROFILE(CARMEN_NULLABLE),
    CARMEN_FIELDS_END
};

static const carmen_field_t  user_update_fields[] = {
    { "email", CARMEN_EMAIL, CARMEN_NULLABLE, 3, 254 },
    CARMEN_USERS_PROFILE(CARMEN_NULLABLE),
    { "externalRef", CARMEN_STRING, CARMEN_NULLABLE, 1, 128 },
    { "roles", CARMEN_ARRAY, 0, 0, 32, .item = &role_item },
    CARMEN_FIELDS_END
};

static const carmen_field_t  user_list_fields[] = {
    { "status", CARMEN_ENUM, 0, .values = user_filter_states,
      .doc = "All but the deleted when it is not given." },
    { "email", CARMEN_STRING, 0, 1, 254 },
    { "externalRef", CARMEN_STRING, 0, 1, 128 },
    CARMEN_FIELDS_END
};

static const carmen_field_t  preferences_fields[] = {
    { "preferences", CARMEN_OBJECT, CARMEN_REQUIRED,
      .doc = "Free; replaced as a whole.",
      .example = "{\"newsletter\":false}" },
    CARMEN_FIELDS_END
};

static const carmen_field_t  user_fields[] = {
    { "userId", CARMEN_UUID, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "email", CARMEN_EMAIL, CARMEN_REQUIRED|CARMEN_NULLABLE },
    CARMEN_USERS_PROFILE(CARMEN_REQUIRED|CARMEN_NULLABLE),
    { "externalRef", CARMEN_STRING, CARMEN_REQUIRED|CARMEN_NULLABLE },
    { "status", CARMEN_ENUM, CARMEN_REQUIRED|CARMEN_READ_ONLY,
      .values = user_states },
    { "roles", CARMEN_ARRAY, CARMEN_REQUIRED, .item = &role_item },
    { "version", CARMEN_INTEGER, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "createdDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "modifiedDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    CARMEN_FIELDS_END
};

static const carmen_field_t  personal_fields[] = {
    { "userId", CARMEN_UUID, CARMEN_REQUIRED },
    { "exportedDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED },
    { "data", CARMEN_OBJECT, CARMEN_REQUIRED,
      .doc = "A member for each domain: \"users\", \"auth\", \"orders\", "
             "\"audit\" and so on." },
    CARMEN_FIELDS_END
};

static const carmen_entity_t  users_entities[] = {
    { "User", user_fields, "A person or program known to the tenant." },
    { "Preferences", preferences_fields,
      "What a user likes: an object of the client's own making." },
    { "PersonalData", personal_fields,
      "All that is kept of a person, in one document." },
    CARMEN_ENTITIES_END
};


static const char *const  create_problems[] = {
    "email-unavailable", "duplicate-external-ref", "unknown-reference",
    "weak-password", NULL
};

static const char *const  update_problems[] = {
    "email-unavailable", "duplicate-external-ref", "unknown-reference", NULL
};

static const char *const  status_problems[] = { "own-account", NULL };

static const char *const  me_problems[] = { "not-found", NULL };


#define USER  "/users/{userId:uuid}"


static const carmen_route_t  users_routes[] = {

    { CARMEN_POST, "/users", NULL, NULL, user_create_fields, NULL,
      CARMEN_PUBLIC|CARMEN_CREATES|CARMEN_NO_STORE, carmen_users_register,
      "Register, or create a user", "User", .problems = create_problems },

    { CARMEN_GET, "/users", "users:read", &users_list, NULL,
      user_list_fields },

    { CARMEN_GET, "/users/me", "users:self", &users_me },

    { CARMEN_PATCH, "/users/me", "users:self", &users_me_update,
      me_update_fields, NULL, CARMEN_VERSIONED },

    { CARMEN_GET, "/users/me/preferences", "users:self",
      &users_preferences },

    { CARMEN_PUT, "/users/me/preferences", "users:self",
      &users_preferences_set, preferences_fields, NULL, CARMEN_VERSIONED },

    { CARMEN_GET, "/users/me/export", "users:self", &users_me_export,
      NULL, NULL, CARMEN_NO_STORE, .problems = me_problems },

    { CARMEN_GET, USER, "users:read", &users_get },

    { CARMEN_PATCH, USER, "users:write", &users_update, user_update_fields,
      NULL, CARMEN_VERSIONED, .problems = update_problems },

    { CARMEN_DELETE, USER, "users:write", &users_delete, NULL, NULL,
      CARMEN_MATCHES, .status = 204, .problems = status_problems },

    { CARMEN_GET, USER "/export", "users:write", &users_export, NULL, NULL,
      CARMEN_NO_STORE },

    { CARMEN_POST, USER "/erase", "users:write", &users_erase, NULL, NULL,
      CARMEN_KEYED, .status = 204, .problems = status_problems },

    { CARMEN_POST, USER "/suspend", "users:write", &users_suspend, NULL,
      NULL, CARMEN_KEYED, .problems = status_problems },

    { CARMEN_POST, USER "/activate", "users:write", &users_activate, NULL,
      NULL, CARMEN_KEYED },

    CARMEN_ROUTES_END
};


static const carmen_problem_t  users_problems[] = {
    { "email-unavailable", 409, "E-mail address unavailable",
      "This e-mail address cannot be used here.  Whoever owns it may already "
      "have an account and log in." },

    { "duplicate-external-ref", 409, "External reference taken",
      "Another user of the tenant has this external reference "
      "(\"externalRef\")." },

    { "own-account", 409, "Own account",
      "An administrator cannot suspend or delete himself." },

    { "scim-invalid-filter", 400, "Filter that cannot be read",
      "The filter does not follow RFC 7644, section 3.4.2.2, names an "
      "attribute that is not there, or is too large." },

    { "scim-invalid-path", 400, "Path that cannot be read",
      "The path of an operation or of a sort does not lead to an attribute." },

    { "scim-invalid-syntax", 400, "Body that cannot be read",
      "The body is no JSON, or not a message of the kind asked for." },

    { "scim-invalid-value", 400, "Value that does not fit",
      "A value is missing, of another type, or too long." },

    { "scim-mutability", 400, "Attribute that cannot be changed",
      "The attribute is read-only, or cannot be changed any more." },

    { "scim-no-target", 400, "Nothing to change",
      "The path of an operation leads to no value." },

    { "scim-uniqueness", 409, "Value in use",
      "Another resource of the tenant has this userName, externalId or "
      "displayName." },

    CARMEN_PROBLEMS_END
};


static carmen_domain_t  users_domain = {
    ngx_string("users"),
    "Registration, profiles, preferences, roles and status of users.",
    users_routes, users_entities, users_problems, users_statements
};


static ngx_int_t
users_preconfiguration(ngx_conf_t *cf)
{
    return carmen_domain_preconfigure(cf, &users_domain);
}


static ngx_command_t  users_commands[] = {

    { ngx_string("carmen_users"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      carmen_domain_enable,
      0,
      0,
      &users_domain },

    { ngx_string("carmen_scim"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      carmen_scim_enable,
      0,
      0,
      &users_domain },

      ngx_null_command
};


static ngx_http_module_t  users_module_ctx = {
    users_preconfiguration,                /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_carmen_users_module = {
    NGX_MODULE_V1,
    &users_module_ctx,                     /* module context */
    users_commands,                        /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};
