
/* Sessions: a person's own, and those of others for administrators. */

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


static const carmen_entity_t  sessions_entities[] = {
    { "Session", session_fields, "What began with a login." },
    { "Revoked", revoked_fields, "What a revocation of many has done." },
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

    CARMEN_ROUTES_END
};


carmen_domain_t  carmen_sessions_domain = {
    ngx_string("sessions"),
    "Sessions of users, and their end.",
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
