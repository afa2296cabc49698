
/* Users: registration, profiles, preferences, roles and status. */

#include <carmen.h>

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

static const carmen_entity_t  users_entities[] = {
    { "User", user_fields, "A person or program known to the tenant." },
    { "Preferences", preferences_fields,
      "What a user likes: an object of the client's own making." },
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

    { CARMEN_GET, USER, "users:read", &users_get },

    { CARMEN_PATCH, USER, "users:write", &users_update, user_update_fields,
      NULL, CARMEN_VERSIONED, .problems = update_problems },

    { CARMEN_DELETE, USER, "users:write", &users_delete, NULL, NULL,
      CARMEN_MATCHES, .status = 204, .problems = status_problems },

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

    CARMEN_PROBLEMS_END
};


static carmen_domain_t  users_domain = {
    ngx_string("users"),
    "Registration, profiles, preferences, roles and status of users.",
    users_routes, users_entities, users_problems, users_statements
};

CARMEN_DOMAIN_MODULE(users, &users_domain);
