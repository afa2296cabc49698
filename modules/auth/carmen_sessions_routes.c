
/* Sessions, API keys and certificates: tables of their routes. */

#include "carmen_auth.h"
#include "carmen_sessions.h"
#include "auth_statements.h"


static ngx_int_t sessions_own(carmen_request_t *cr);
static ngx_int_t sessions_of(carmen_request_t *cr);
static ngx_int_t sessions_revoke(carmen_request_t *cr);
static ngx_int_t sessions_query(carmen_request_t *cr,
    const carmen_statement_t *st);


static const char *const  session_states[] = {
    "active", "expired", "ended", NULL
};

static const char *const  session_filter_states[] = { "active", "all", NULL };

static const carmen_field_t  session_fields[] = {
    { "sessionId", CARMEN_UUID, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "userId", CARMEN_UUID, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "clientId", CARMEN_STRING, CARMEN_REQUIRED|CARMEN_READ_ONLY,
      .doc = "The program that the user logged in with." },
    { "address", CARMEN_STRING, CARMEN_REQUIRED|CARMEN_READ_ONLY,
      .doc = "Where the login came from." },
    { "status", CARMEN_ENUM, CARMEN_REQUIRED|CARMEN_READ_ONLY,
      .values = session_states },
    { "current", CARMEN_BOOLEAN, CARMEN_REQUIRED|CARMEN_READ_ONLY,
      .doc = "Whether the token of this request belongs to it." },
    { "createdDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "usedDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY,
      .doc = "The login, or the last refresh." },
    { "expiresDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "endedDate", CARMEN_TIMESTAMP,
      CARMEN_REQUIRED|CARMEN_NULLABLE|CARMEN_READ_ONLY },
    { "endReason", CARMEN_STRING,
      CARMEN_REQUIRED|CARMEN_NULLABLE|CARMEN_READ_ONLY,
      .example = "\"logout\"" },
    CARMEN_FIELDS_END
};

static const carmen_field_t  session_list_fields[] = {
    { "status", CARMEN_ENUM, 0, .values = session_filter_states,
      .doc = "Those in force when it is not given." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  session_revoke_fields[] = {
    { "exceptCurrent", CARMEN_BOOLEAN, 0,
      .doc = "Keeps the session of this request's token." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  revoked_fields[] = {
    { "revoked", CARMEN_INTEGER, CARMEN_REQUIRED|CARMEN_READ_ONLY,
      .doc = "How many were ended." },
    CARMEN_FIELDS_END
};


static const char *const  key_states[] = {
    "active", "expired", "revoked", NULL
};

static const carmen_field_t  scope_item = {
    "scope", CARMEN_STRING, 0, 1, 64, .pattern = "^[a-z0-9_.:-]+$",
    .example = "\"catalog:read\""
};

static const carmen_field_t  key_create_fields[] = {
    { "name", CARMEN_STRING, CARMEN_REQUIRED, 1, 100,
      .doc = "For people to tell keys apart.",
      .example = "\"nightly import\"" },
    { "scopes", CARMEN_ARRAY, 0, 1, 64, .item = &scope_item,
      .doc = "Of the owner's and of this token's; all of them when it is not "
             "given." },
    { "expiresDate", CARMEN_TIMESTAMP, 0, .doc = "Never when not given." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  key_fields[] = {
    { "key", CARMEN_STRING, CARMEN_READ_ONLY,
      .doc = "The key itself, in the answer that has made it and never "
             "again, also not when that request is repeated.",
      .example = "\"ck_default.4bYsg2qLjzxzDgjcAZ2sqZXLhDYxkDWvZqBpKkzWvIo"
                 "\"" },
    { "keyId", CARMEN_UUID, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "userId", CARMEN_UUID, CARMEN_REQUIRED|CARMEN_READ_ONLY,
      .doc = "The owner, for whom it acts." },
    { "name", CARMEN_STRING, CARMEN_REQUIRED },
    { "prefix", CARMEN_STRING, CARMEN_REQUIRED|CARMEN_READ_ONLY,
      .doc = "The key's first characters.",
      .example = "\"ck_default.4bYsg2qL\"" },
    { "scopes", CARMEN_ARRAY, CARMEN_REQUIRED, .item = &scope_item },
    { "status", CARMEN_ENUM, CARMEN_REQUIRED|CARMEN_READ_ONLY,
      .values = key_states },
    { "createdDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "usedDate", CARMEN_TIMESTAMP,
      CARMEN_REQUIRED|CARMEN_NULLABLE|CARMEN_READ_ONLY,
      .doc = "The last use, to the minute." },
    { "expiresDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_NULLABLE },
    { "revokedDate", CARMEN_TIMESTAMP,
      CARMEN_REQUIRED|CARMEN_NULLABLE|CARMEN_READ_ONLY },
    CARMEN_FIELDS_END
};

static const carmen_field_t  certificate_create_fields[] = {
    { "userId", CARMEN_UUID, CARMEN_REQUIRED,
      .doc = "The user for whom it stands." },
    { "name", CARMEN_STRING, CARMEN_REQUIRED, 1, 100 },
    { "fingerprint", CARMEN_STRING, CARMEN_REQUIRED, 64, 95,
      .pattern = "^[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}$",
      .doc = "SHA-256 of the certificate: openssl x509 -noout -fingerprint "
             "-sha256.",
      .example = "\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15"
                 "b0f00a08\"" },
    { "scopes", CARMEN_ARRAY, 0, 1, 64, .item = &scope_item,
      .doc = "All of the user's when it is not given." },
    { "expiresDate", CARMEN_TIMESTAMP, 0,
      .doc = "Besides the certificate's own end." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  certificate_fields[] = {
    { "certificateId", CARMEN_UUID, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "userId", CARMEN_UUID, CARMEN_REQUIRED },
    { "name", CARMEN_STRING, CARMEN_REQUIRED },
    { "fingerprint", CARMEN_STRING, CARMEN_REQUIRED },
    { "scopes", CARMEN_ARRAY, CARMEN_REQUIRED|CARMEN_NULLABLE,
      .item = &scope_item },
    { "createdDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "usedDate", CARMEN_TIMESTAMP,
      CARMEN_REQUIRED|CARMEN_NULLABLE|CARMEN_READ_ONLY },
    { "expiresDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_NULLABLE },
    CARMEN_FIELDS_END
};


static const char *const  key_create_problems[] = { "forbidden", NULL };

static const char *const  certificate_create_problems[] = {
    "conflict", "unknown-reference", NULL
};


static const carmen_entity_t  sessions_entities[] = {
    { "Session", session_fields, "What began with a login." },
    { "Revoked", revoked_fields, "What a revocation of many has done." },
    { "ApiKey", key_fields, "A credential of a program." },
    { "Certificate", certificate_fields,
      "A TLS certificate that stands for a user." },
    CARMEN_ENTITIES_END
};


#define USER  "/auth/users/{userId:uuid}"


static const carmen_route_t  sessions_routes[] = {

    { CARMEN_GET, "/auth/sessions", "users:self", &auth_session_list, NULL,
      session_list_fields, CARMEN_NO_STORE, sessions_own },

    { CARMEN_DELETE, "/auth/sessions/{sessionId:uuid}", "users:self",
      &auth_session_revoke, .status = 204 },

    { CARMEN_POST, "/auth/sessions/revoke", "users:self",
      &auth_sessions_revoke, session_revoke_fields, NULL, CARMEN_NO_STORE,
      sessions_revoke },

    { CARMEN_GET, USER "/sessions", "users:read", &auth_session_list_of, NULL,
      session_list_fields, CARMEN_NO_STORE, sessions_of },

    { CARMEN_DELETE, USER "/sessions/{sessionId:uuid}", "users:write",
      &auth_session_revoke_of, .status = 204 },

    { CARMEN_POST, USER "/sessions/revoke", "users:write",
      &auth_sessions_revoke_of, .flags = CARMEN_NO_STORE },

    { CARMEN_GET, "/auth/keys", "users:self", &auth_api_key_list, NULL,
      session_list_fields, CARMEN_NO_STORE },

    { CARMEN_POST, "/auth/keys", "users:self", &auth_api_key_create,
      key_create_fields, NULL, CARMEN_CREATES|CARMEN_NO_STORE,
      carmen_key_create, .problems = key_create_problems },

    { CARMEN_GET, "/auth/keys/{keyId:uuid}", "users:self", &auth_api_key_get,
      .flags = CARMEN_NO_STORE },

    { CARMEN_DELETE, "/auth/keys/{keyId:uuid}", "users:self",
      &auth_api_key_revoke, .status = 204 },

    { CARMEN_GET, USER "/keys", "users:read", &auth_api_key_list_of, NULL,
      session_list_fields, CARMEN_NO_STORE },

    { CARMEN_DELETE, USER "/keys/{keyId:uuid}", "users:write",
      &auth_api_key_revoke_of, .status = 204 },

    { CARMEN_GET, "/auth/certificates", "users:read", &auth_certificate_list },

    { CARMEN_POST, "/auth/certificates", "users:write",
      &auth_certificate_create, certificate_create_fields, NULL,
      CARMEN_CREATES, .problems = certificate_create_problems },

    { CARMEN_GET, "/auth/certificates/{certificateId:uuid}", "users:read",
      &auth_certificate_get },

    { CARMEN_DELETE, "/auth/certificates/{certificateId:uuid}", "users:write",
      &auth_certificate_delete, .status = 204 },

    CARMEN_ROUTES_END
};


carmen_domain_t  carmen_sessions_domain = {
    ngx_string("sessions"),
    "Sessions, API keys, certificates, and their end.",
    sessions_routes,
    sessions_entities,
    NULL,
    NULL
};


static ngx_int_t
sessions_own(carmen_request_t *cr)
{
    return sessions_query(cr, &auth_session_list);
}


static ngx_int_t
sessions_of(carmen_request_t *cr)
{
    return sessions_query(cr, &auth_session_list_of);
}


static ngx_int_t
sessions_revoke(carmen_request_t *cr)
{
    return sessions_query(cr, &auth_sessions_revoke);
}


/* which session is the caller's is in the token, not in the request */

static ngx_int_t
sessions_query(carmen_request_t *cr, const carmen_statement_t *st)
{
    carmen_identity_t  *identity;

    identity = carmen_identity(carmen_request_http(cr));

    carmen_pair_t  values[] = {
        { "session", identity->session },
        { NULL, ngx_null_string }
    };

    if (carmen_query(cr, st, values, NULL, NULL) == NGX_ERROR) {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
    }

    return NGX_DONE;
}
