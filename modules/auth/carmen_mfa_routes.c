
/* Second factors: the tables. */

#include "carmen_mfa.h"
#include "auth_statements.h"


#define MFA_TOKEN                                                             \
    { .name = "challenge_token", .type = CARMEN_STRING,                       \
      .flags = CARMEN_REQUIRED|CARMEN_SECRET, .min = 1, .max = 128,           \
      .doc = "The token of the challenge, good for five attempts and five "   \
             "minutes.",                                                      \
      .example = "\"default.4bYsg2qLjzxzDgjcAZ2sqZXLhDYxkDWvZqBpKkzWvIo\"" }

#define MFA_CREDENTIAL(flag, text)                                            \
    { .name = "credential", .type = CARMEN_OBJECT, .flags = flag,             \
      .doc = text, .example = "{\"id\":\"bm9uZQ\",\"type\":\"public-key\","   \
                              "\"response\":{}}" }


static const char *const  mfa_methods[] = {
    "totp", "webauthn", "recovery", NULL
};

static const carmen_field_t  mfa_check_fields[] = {
    MFA_TOKEN,
    { .name = "method", .type = CARMEN_ENUM, .flags = CARMEN_REQUIRED,
      .values = mfa_methods, .doc = "One of the challenge's methods." },
    { .name = "code", .type = CARMEN_STRING, .flags = CARMEN_SECRET,
      .min = 1, .max = 64,
      .doc = "With totp the six digits of the moment, with recovery a "
             "recovery code.", .example = "\"123456\"" },
    MFA_CREDENTIAL(0, "With webauthn, what navigator.credentials.get() gave: "
                   "AuthenticationResponseJSON of WebAuthn."),
    CARMEN_FIELDS_END
};

static const carmen_field_t  mfa_token_fields[] = {
    MFA_TOKEN,
    CARMEN_FIELDS_END
};

static const carmen_field_t  passkey_login_fields[] = {
    MFA_TOKEN,
    MFA_CREDENTIAL(CARMEN_REQUIRED, "What navigator.credentials.get() gave: "
                   "AuthenticationResponseJSON of WebAuthn."),
    CARMEN_FIELDS_END
};

static const carmen_field_t  passkey_options_fields[] = {
    { .name = "tenant", .type = CARMEN_STRING, .min = 1, .max = 63,
      .pattern = "^[a-z0-9][a-z0-9_-]{0,62}$",
      .doc = "The tenant; the server's own if absent.",
      .example = "\"default\"" },
    CARMEN_FIELDS_END
};

static const carmen_field_t  passkey_add_fields[] = {
    MFA_TOKEN,
    { .name = "name", .type = CARMEN_STRING, .min = 1, .max = 100,
      .doc = "What the user calls it.", .example = "\"My phone\"" },
    MFA_CREDENTIAL(CARMEN_REQUIRED, "What navigator.credentials.create() "
                   "gave: RegistrationResponseJSON of WebAuthn."),
    CARMEN_FIELDS_END
};

static const carmen_field_t  totp_confirm_fields[] = {
    { .name = "code", .type = CARMEN_STRING,
      .flags = CARMEN_REQUIRED|CARMEN_SECRET, .min = 6, .max = 16,
      .doc = "The six digits of the moment.", .example = "\"123456\"" },
    CARMEN_FIELDS_END
};


static const carmen_field_t  tokens_fields[] = {
    { .name = "access_token", .type = CARMEN_STRING,
      .flags = CARMEN_REQUIRED,
      .doc = "An access token with acr, amr and auth_time." },
    { .name = "token_type", .type = CARMEN_STRING, .flags = CARMEN_REQUIRED,
      .doc = "Always Bearer.", .example = "\"Bearer\"" },
    { .name = "expires_in", .type = CARMEN_INTEGER, .flags = CARMEN_REQUIRED,
      .doc = "Seconds until the access token expires.", .example = "600" },
    { .name = "refresh_token", .type = CARMEN_STRING,
      .flags = CARMEN_REQUIRED,
      .doc = "For one refresh; the answer to it brings the next." },
    { .name = "scope", .type = CARMEN_STRING, .flags = CARMEN_REQUIRED,
      .doc = "What the access token allows, separated by spaces." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  method_item = {
    .name = "method", .type = CARMEN_ENUM, .values = mfa_methods
};

static const carmen_field_t  challenge_fields[] = {
    { .name = "challenge_token", .type = CARMEN_STRING,
      .flags = CARMEN_REQUIRED },
    { .name = "methods", .type = CARMEN_ARRAY, .flags = CARMEN_REQUIRED,
      .item = &method_item, .doc = "What can be proved." },
    { .name = "expires_in", .type = CARMEN_INTEGER, .flags = CARMEN_REQUIRED,
      .doc = "Seconds.", .example = "300" },
    CARMEN_FIELDS_END
};

static const carmen_field_t  options_fields[] = {
    { .name = "challenge_token", .type = CARMEN_STRING,
      .flags = CARMEN_REQUIRED },
    { .name = "publicKey", .type = CARMEN_OBJECT, .flags = CARMEN_REQUIRED,
      .doc = "For PublicKeyCredential.parseRequestOptionsFromJSON() or "
             "parseCreationOptionsFromJSON()." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  totp_fields[] = {
    { .name = "secret", .type = CARMEN_STRING, .flags = CARMEN_REQUIRED,
      .doc = "Base32; shown this once." },
    { .name = "uri", .type = CARMEN_STRING, .flags = CARMEN_REQUIRED,
      .doc = "otpauth://…, to be shown as a QR code." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  code_item = {
    .name = "code", .type = CARMEN_STRING
};

static const carmen_field_t  codes_fields[] = {
    { .name = "recoveryCodes", .type = CARMEN_ARRAY,
      .flags = CARMEN_REQUIRED, .item = &code_item,
      .doc = "Shown this once; empty when earlier ones still hold." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  added_fields[] = {
    { .name = "passkeyId", .type = CARMEN_UUID, .flags = CARMEN_REQUIRED },
    { .name = "recoveryCodes", .type = CARMEN_ARRAY,
      .flags = CARMEN_REQUIRED, .item = &code_item,
      .doc = "Shown this once; empty when earlier ones still hold." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  passkey_fields[] = {
    { .name = "passkeyId", .type = CARMEN_UUID, .flags = CARMEN_REQUIRED },
    { .name = "name", .type = CARMEN_STRING, .flags = CARMEN_REQUIRED },
    { .name = "aaguid", .type = CARMEN_STRING, .flags = CARMEN_REQUIRED,
      .doc = "The model of the authenticator, if it says it." },
    { .name = "backedUp", .type = CARMEN_BOOLEAN, .flags = CARMEN_REQUIRED },
    { .name = "createdDate", .type = CARMEN_TIMESTAMP,
      .flags = CARMEN_REQUIRED },
    { .name = "usedDate", .type = CARMEN_TIMESTAMP,
      .flags = CARMEN_REQUIRED|CARMEN_NULLABLE },
    CARMEN_FIELDS_END
};

static const carmen_field_t  passkey_item = {
    .name = "passkey", .type = CARMEN_OBJECT, .fields = passkey_fields
};

static const carmen_field_t  factors_fields[] = {
    { .name = "totp", .type = CARMEN_BOOLEAN, .flags = CARMEN_REQUIRED },
    { .name = "recoveryCodes", .type = CARMEN_INTEGER,
      .flags = CARMEN_REQUIRED, .doc = "How many are left." },
    { .name = "passkeys", .type = CARMEN_ARRAY, .flags = CARMEN_REQUIRED,
      .item = &passkey_item },
    CARMEN_FIELDS_END
};

static const carmen_entity_t  mfa_entities[] = {
    { "SessionTokens", tokens_fields,
      "Tokens of a session that a second factor or a passkey made strong." },
    { "Challenge", challenge_fields,
      "What a second factor is proved against." },
    { "PasskeyOptions", options_fields,
      "Options for the browser's WebAuthn functions." },
    { "Totp", totp_fields, "A TOTP that waits for its first code." },
    { "RecoveryCodes", codes_fields,
      "Codes for the day when the second factor is lost." },
    { "PasskeyAdded", added_fields, "A passkey that was registered." },
    { "Factors", factors_fields, "The second factors of a user." },
    CARMEN_ENTITIES_END
};


static const carmen_problem_t  mfa_problems[] = {
    { "mfa-required", 401, "A second factor is required",
      "The password was right, and the account has a second factor.  Prove "
      "one of \"methods\" with the \"challenge_token\" at /auth/mfa within "
      "\"expires_in\" seconds." },
    { "invalid-challenge", 401, "The challenge is over",
      "The challenge token is not known, has expired, was used, or has seen "
      "five attempts.  Begin again with the login or the step-up." },
    { "invalid-factor", 401, "The second factor is not right",
      "The code or the passkey is wrong, or was used before.  A TOTP is good "
      "once: wait for the next.  \"detail\" may say what is wrong with a "
      "passkey." },
    { "step-up-required", 401, "A recent login is required",
      "What was asked for needs a login, or a second factor, of the last "
      "\"max_age\" seconds (RFC 9470).  Prove a second factor by way of "
      "/auth/step-up, or log in again, and repeat the request with the new "
      "token." },
    { "no-second-factor", 409, "There is no second factor",
      "The account has no second factor that could be proved or stood in "
      "for." },
    { "nothing-to-confirm", 409, "Nothing waits to be confirmed",
      "No TOTP waits for its first code, or ten codes were wrong.  Begin the "
      "enrolment again." },
    CARMEN_PROBLEMS_END
};


static const char *const  check_problems[] = {
    "invalid-challenge", "invalid-factor", "too-many-requests", NULL
};

static const char *const  token_problems[] = {
    "invalid-challenge", "not-found", NULL
};

static const char *const  begin_problems[] = { "not-found", NULL };

static const char *const  step_up_problems[] = { "no-second-factor", NULL };

static const char *const  enrol_problems[] = {
    "step-up-required", "conflict", "not-found", NULL
};

static const char *const  add_problems[] = {
    "step-up-required", "invalid-challenge", "conflict", "not-found", NULL
};

static const char *const  confirm_problems[] = {
    "step-up-required", "nothing-to-confirm", NULL
};

static const char *const  remove_problems[] = {
    "step-up-required", "not-found", NULL
};

static const char *const  renew_problems[] = {
    "step-up-required", "no-second-factor", NULL
};


static const carmen_route_t  mfa_routes[] = {

    { .method = CARMEN_POST, .path = "/auth/mfa", .body = mfa_check_fields,
      .flags = CARMEN_PUBLIC|CARMEN_NO_STORE, .handler = carmen_mfa_check,
      .returns = "SessionTokens",
      .summary = "Prove a second factor",
      .problems = check_problems },

    { .method = CARMEN_POST, .path = "/auth/mfa/passkey",
      .body = mfa_token_fields, .flags = CARMEN_PUBLIC|CARMEN_NO_STORE,
      .handler = carmen_mfa_options, .returns = "PasskeyOptions",
      .summary = "Get the options to prove a passkey as second factor",
      .problems = token_problems },

    { .method = CARMEN_POST, .path = "/auth/passkey/options",
      .body = passkey_options_fields, .flags = CARMEN_PUBLIC|CARMEN_NO_STORE,
      .handler = carmen_passkey_options, .returns = "PasskeyOptions",
      .summary = "Get the options to log in with a passkey alone",
      .problems = begin_problems },

    { .method = CARMEN_POST, .path = "/auth/passkey",
      .body = passkey_login_fields, .flags = CARMEN_PUBLIC|CARMEN_NO_STORE,
      .handler = carmen_mfa_check, .returns = "SessionTokens",
      .summary = "Log in with a passkey alone",
      .problems = check_problems },

    { .method = CARMEN_POST, .path = "/auth/step-up",
      .flags = CARMEN_NO_STORE, .handler = carmen_mfa_step_up,
      .returns = "Challenge",
      .summary = "Ask for a challenge that raises the session",
      .problems = step_up_problems },

    { .method = CARMEN_GET, .path = "/users/me/mfa", .scope = "users:self",
      .statement = &auth_mfa_overview, .flags = CARMEN_NO_STORE },

    { .method = CARMEN_POST, .path = "/users/me/mfa/totp",
      .scope = "users:self", .flags = CARMEN_NO_STORE,
      .handler = carmen_totp_begin, .returns = "Totp",
      .summary = "Begin the enrolment of a TOTP",
      .problems = enrol_problems },

    { .method = CARMEN_POST, .path = "/users/me/mfa/totp/confirm",
      .scope = "users:self", .body = totp_confirm_fields,
      .flags = CARMEN_NO_STORE, .handler = carmen_totp_confirm,
      .returns = "RecoveryCodes",
      .summary = "Confirm a TOTP with its first code",
      .problems = confirm_problems },

    { .method = CARMEN_DELETE, .path = "/users/me/mfa/totp",
      .scope = "users:self", .statement = &auth_totp_remove,
      .flags = CARMEN_NO_STORE, .handler = carmen_totp_remove,
      .summary = "Remove the TOTP", .status = 204,
      .problems = remove_problems },

    { .method = CARMEN_POST, .path = "/users/me/mfa/recovery-codes",
      .scope = "users:self", .flags = CARMEN_NO_STORE,
      .handler = carmen_recovery_renew, .returns = "RecoveryCodes",
      .summary = "Get new recovery codes in place of the old",
      .problems = renew_problems },

    { .method = CARMEN_POST, .path = "/users/me/mfa/passkeys/options",
      .scope = "users:self", .flags = CARMEN_NO_STORE,
      .handler = carmen_passkey_enrol, .returns = "PasskeyOptions",
      .summary = "Get the options to register a passkey",
      .problems = enrol_problems },

    { .method = CARMEN_POST, .path = "/users/me/mfa/passkeys",
      .scope = "users:self", .body = passkey_add_fields,
      .flags = CARMEN_NO_STORE, .handler = carmen_passkey_add,
      .returns = "PasskeyAdded", .summary = "Register a passkey",
      .status = 201, .problems = add_problems },

    { .method = CARMEN_DELETE,
      .path = "/users/me/mfa/passkeys/{passkeyId:uuid}",
      .scope = "users:self", .statement = &auth_passkey_remove,
      .flags = CARMEN_NO_STORE, .handler = carmen_passkey_remove,
      .summary = "Remove a passkey", .status = 204,
      .problems = remove_problems },

    CARMEN_ROUTES_END
};


carmen_domain_t  carmen_mfa_domain = {
    ngx_string("mfa"),
    "Second factors, passkeys and step-up.",
    mfa_routes,
    mfa_entities,
    mfa_problems,
    NULL
};
