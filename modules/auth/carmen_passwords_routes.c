
/* Passwords and e-mail addresses: the tables. */

#include "carmen_passwords.h"


#define PASSWORDS_TOKEN                                                       \
    { .name = "token", .type = CARMEN_STRING,                                 \
      .flags = CARMEN_REQUIRED|CARMEN_SECRET, .min = 1, .max = 128,           \
      .doc = "From the mail; good once.",                                     \
      .example = "\"default.4bYsg2qLjzxzDgjcAZ2sqZXLhDYxkDWvZqBpKkzWvIo\"" }

#define PASSWORDS_NEW                                                         \
    CARMEN_REQUIRED|CARMEN_SECRET, .min = 8, .max = 128,                      \
      .doc = "Any characters; not one that is often used, nor the e-mail "    \
             "address.", .example = "\"correct horse battery\""


static const carmen_field_t  change_fields[] = {
    { .name = "currentPassword", .type = CARMEN_STRING,
      .flags = CARMEN_REQUIRED|CARMEN_SECRET, .min = 1, .max = 256 },
    { .name = "newPassword", .type = CARMEN_STRING, .flags = PASSWORDS_NEW },
    CARMEN_FIELDS_END
};

static const carmen_field_t  forgot_fields[] = {
    { .name = "email", .type = CARMEN_STRING, .flags = CARMEN_REQUIRED,
      .min = 1, .max = 320, .doc = "The login name.",
      .example = "\"ada@example.com\"" },
    { .name = "tenant", .type = CARMEN_STRING, .min = 1, .max = 63,
      .pattern = "^[a-z0-9][a-z0-9_-]{0,62}$",
      .doc = "The tenant; the server's own if absent.",
      .example = "\"default\"" },
    CARMEN_FIELDS_END
};

static const carmen_field_t  reset_fields[] = {
    PASSWORDS_TOKEN,
    { .name = "password", .type = CARMEN_STRING, .flags = PASSWORDS_NEW },
    CARMEN_FIELDS_END
};

static const carmen_field_t  verify_fields[] = {
    PASSWORDS_TOKEN,
    CARMEN_FIELDS_END
};

static const carmen_field_t  accepted_fields[] = {
    { .name = "status", .type = CARMEN_STRING, .flags = CARMEN_REQUIRED,
      .doc = "Always accepted, whether a mail is sent or not.",
      .example = "\"accepted\"" },
    CARMEN_FIELDS_END
};

static const carmen_entity_t  passwords_entities[] = {
    { "MailAccepted", accepted_fields, "A mail may be on its way." },
    CARMEN_ENTITIES_END
};

static const carmen_problem_t  passwords_problems[] = {
    { "invalid-mail-token", 409, "The token of the mail is not good",
      "It was used before, has expired, or a newer mail was sent.  Ask for "
      "another mail." },
    CARMEN_PROBLEMS_END
};

static const char *const  change_problems[] = {
    "invalid-credentials", "weak-password", "step-up-required",
    "too-many-requests", NULL
};

static const char *const  reset_problems[] = {
    "invalid-mail-token", "weak-password", NULL
};

static const char *const  verify_problems[] = { "invalid-mail-token", NULL };


static const carmen_route_t  passwords_routes[] = {

    { .method = CARMEN_POST, .path = "/users/me/password",
      .scope = "users:self", .body = change_fields, .flags = CARMEN_NO_STORE,
      .handler = carmen_passwords_change,
      .summary = "Change the password; ends all other sessions",
      .status = 204, .problems = change_problems },

    { .method = CARMEN_POST, .path = "/auth/password/forgot",
      .body = forgot_fields, .flags = CARMEN_PUBLIC|CARMEN_NO_STORE,
      .handler = carmen_passwords_forgot, .returns = "MailAccepted",
      .summary = "Ask for a mail to reset the password", .status = 202 },

    { .method = CARMEN_POST, .path = "/auth/password/reset",
      .body = reset_fields, .flags = CARMEN_PUBLIC|CARMEN_NO_STORE,
      .handler = carmen_passwords_reset,
      .summary = "Set a new password; ends all sessions",
      .status = 204, .problems = reset_problems },

    { .method = CARMEN_POST, .path = "/users/me/email/verification",
      .scope = "users:self", .flags = CARMEN_NO_STORE,
      .handler = carmen_email_verification, .returns = "MailAccepted",
      .summary = "Ask for a mail to verify the e-mail address",
      .status = 202 },

    { .method = CARMEN_POST, .path = "/auth/email/verify",
      .body = verify_fields, .flags = CARMEN_PUBLIC|CARMEN_NO_STORE,
      .handler = carmen_email_verify,
      .summary = "Verify an e-mail address", .status = 204,
      .problems = verify_problems },

    CARMEN_ROUTES_END
};


carmen_domain_t  carmen_passwords_domain = {
    ngx_string("passwords"),
    "Change and reset of passwords, verification of e-mail addresses.",
    passwords_routes,
    passwords_entities,
    passwords_problems,
    NULL
};
