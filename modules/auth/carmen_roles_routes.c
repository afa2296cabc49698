
/* Roles, permissions, what somebody may do, and the audit. */

#include "carmen_auth.h"
#include "carmen_sessions.h"
#include "auth_statements.h"


static ngx_int_t roles_check(carmen_request_t *cr);
static ngx_int_t roles_explain(carmen_request_t *cr);
static ngx_int_t roles_query(carmen_request_t *cr,
    const carmen_statement_t *st);


#define PERMISSION_PATTERN  "^[a-z0-9_.:-]+$"


static const carmen_field_t  permission_item = {
    "permission", CARMEN_STRING, 0, 1, 64, .pattern = PERMISSION_PATTERN,
    .example = "\"orders:manage\""
};

static const carmen_field_t  role_create_fields[] = {
    { "role", CARMEN_STRING, CARMEN_REQUIRED, 1, 63,
      .pattern = "^[a-z][a-z0-9-]*$", .example = "\"warehouse\"" },
    { "description", CARMEN_STRING, 0, 0, 500 },
    { "permissions", CARMEN_ARRAY, CARMEN_REQUIRED, 0, 256,
      .item = &permission_item },
    CARMEN_FIELDS_END
};

static const carmen_field_t  role_replace_fields[] = {
    { "description", CARMEN_STRING, 0, 0, 500 },
    { "permissions", CARMEN_ARRAY, CARMEN_REQUIRED, 0, 256,
      .item = &permission_item },
    CARMEN_FIELDS_END
};

static const carmen_field_t  role_fields[] = {
    { "role", CARMEN_STRING, CARMEN_REQUIRED },
    { "description", CARMEN_STRING, CARMEN_REQUIRED },
    { "permissions", CARMEN_ARRAY, CARMEN_REQUIRED, .item = &permission_item },
    { "version", CARMEN_INTEGER, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "createdDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "modifiedDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    CARMEN_FIELDS_END
};

static const carmen_field_t  permission_create_fields[] = {
    { "permission", CARMEN_STRING, CARMEN_REQUIRED, 1, 64,
      .pattern = PERMISSION_PATTERN, .example = "\"reports:print\"" },
    { "description", CARMEN_STRING, 0, 0, 500 },
    CARMEN_FIELDS_END
};

static const carmen_field_t  permission_replace_fields[] = {
    { "description", CARMEN_STRING, CARMEN_REQUIRED, 0, 500 },
    CARMEN_FIELDS_END
};

static const carmen_field_t  permission_fields[] = {
    { "permission", CARMEN_STRING, CARMEN_REQUIRED },
    { "description", CARMEN_STRING, CARMEN_REQUIRED },
    { "version", CARMEN_INTEGER, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "createdDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "modifiedDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    CARMEN_FIELDS_END
};

static const carmen_field_t  authz_fields[] = {
    { "subject", CARMEN_UUID, 0,
      .doc = "A user; the caller when it is not given.  Others are for those "
             "who hold users:read." },
    { "permission", CARMEN_STRING, CARMEN_REQUIRED, 1, 64,
      .pattern = PERMISSION_PATTERN, .example = "\"orders:manage\"" },
    CARMEN_FIELDS_END
};

static const carmen_field_t  authz_item = {
    "check", CARMEN_OBJECT, 0, .fields = authz_fields
};

static const carmen_field_t  authz_check_fields[] = {
    { "checks", CARMEN_ARRAY, CARMEN_REQUIRED, 1, 100, .item = &authz_item },
    CARMEN_FIELDS_END
};

static const carmen_field_t  authz_result_fields[] = {
    { "subject", CARMEN_STRING, CARMEN_REQUIRED },
    { "permission", CARMEN_STRING, CARMEN_REQUIRED },
    { "allowed", CARMEN_BOOLEAN, CARMEN_REQUIRED },
    CARMEN_FIELDS_END
};

static const carmen_field_t  authz_result_item = {
    "result", CARMEN_OBJECT, 0, .fields = authz_result_fields
};

static const carmen_field_t  authz_results_fields[] = {
    { "results", CARMEN_ARRAY, CARMEN_REQUIRED, .item = &authz_result_item,
      .doc = "In the order of the checks." },
    CARMEN_FIELDS_END
};

static const char *const  authz_states[] = {
    "active", "disabled", "unknown", NULL
};

static const carmen_field_t  authz_role_item = { "role", CARMEN_STRING, 0 };

static const carmen_field_t  authz_reason_fields[] = {
    { "subject", CARMEN_STRING, CARMEN_REQUIRED },
    { "permission", CARMEN_STRING, CARMEN_REQUIRED },
    { "allowed", CARMEN_BOOLEAN, CARMEN_REQUIRED },
    { "status", CARMEN_ENUM, CARMEN_REQUIRED, .values = authz_states,
      .doc = "Of the account." },
    { "roles", CARMEN_ARRAY, CARMEN_REQUIRED, .item = &authz_role_item,
      .doc = "Those of the subject's roles that have the permission." },
    { "inToken", CARMEN_BOOLEAN, CARMEN_REQUIRED|CARMEN_NULLABLE,
      .doc = "Whether the token of this request has it; null for others." },
    { "reason", CARMEN_STRING, CARMEN_REQUIRED },
    CARMEN_FIELDS_END
};

static const carmen_field_t  audit_list_fields[] = {
    { "operation", CARMEN_STRING, 0, 1, 100,
      .example = "\"auth.login.failed\"" },
    { "actor", CARMEN_STRING, 0, 1, 255, .doc = "Who did it." },
    { "referenceType", CARMEN_STRING, 0, 1, 100, .example = "\"session\"" },
    { "referenceValue", CARMEN_STRING, 0, 1, 255 },
    { "from", CARMEN_TIMESTAMP, 0, .doc = "Then or later." },
    { "to", CARMEN_TIMESTAMP, 0, .doc = "Earlier than that." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  audit_fields[] = {
    { "auditId", CARMEN_UUID, CARMEN_REQUIRED },
    { "operation", CARMEN_STRING, CARMEN_REQUIRED },
    { "actor", CARMEN_STRING, CARMEN_REQUIRED|CARMEN_NULLABLE },
    { "referenceType", CARMEN_STRING, CARMEN_REQUIRED },
    { "referenceValue", CARMEN_STRING, CARMEN_REQUIRED },
    { "changes", CARMEN_OBJECT, CARMEN_REQUIRED },
    { "createdDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED },
    CARMEN_FIELDS_END
};


static const carmen_entity_t  roles_entities[] = {
    { "Role", role_fields, "A name for a set of permissions." },
    { "Permission", permission_fields,
      "A permission of the tenant's own programs." },
    { "AuthorizationResults", authz_results_fields, "Answers to checks." },
    { "AuthorizationReason", authz_reason_fields,
      "An answer to a check, with its reason." },
    { "AuditRecord", audit_fields, "Who did what, and when." },
    CARMEN_ENTITIES_END
};


static const char *const  conflict_problems[] = { "conflict", NULL };
static const char *const  forbidden_problems[] = { "forbidden", NULL };


#define ROLE        "/auth/roles/{role}"
#define PERMISSION  "/auth/permissions/{permission}"


static const carmen_route_t  roles_routes[] = {

    { CARMEN_GET, "/auth/roles", "users:read", &auth_role_list },

    { CARMEN_POST, "/auth/roles", "users:write", &auth_role_create,
      role_create_fields, NULL, CARMEN_CREATES,
      .problems = conflict_problems },

    { CARMEN_GET, ROLE, "users:read", &auth_role_get },

    { CARMEN_PUT, ROLE, "users:write", &auth_role_replace,
      role_replace_fields, NULL, CARMEN_VERSIONED },

    { CARMEN_DELETE, ROLE, "users:write", &auth_role_delete, NULL, NULL,
      CARMEN_MATCHES, .status = 204, .problems = conflict_problems },

    { CARMEN_GET, "/auth/permissions", "users:read", &auth_permission_list },

    { CARMEN_POST, "/auth/permissions", "users:write",
      &auth_permission_create, permission_create_fields, NULL, CARMEN_CREATES,
      .problems = conflict_problems },

    { CARMEN_GET, PERMISSION, "users:read", &auth_permission_get },

    { CARMEN_PUT, PERMISSION, "users:write", &auth_permission_replace,
      permission_replace_fields, NULL, CARMEN_VERSIONED },

    { CARMEN_DELETE, PERMISSION, "users:write", &auth_permission_delete, NULL,
      NULL, CARMEN_MATCHES, .status = 204, .problems = conflict_problems },

    { CARMEN_POST, "/authz/check", NULL, &auth_authz_check,
      authz_check_fields, NULL, CARMEN_NO_STORE, roles_check,
      .problems = forbidden_problems },

    { CARMEN_POST, "/authz/explain", NULL, &auth_authz_explain, authz_fields,
      NULL, CARMEN_NO_STORE, roles_explain,
      .problems = forbidden_problems },

    { CARMEN_GET, "/auth/audit", "audit:read", &auth_audit_list, NULL,
      audit_list_fields, CARMEN_NO_STORE },

    CARMEN_ROUTES_END
};


carmen_domain_t  carmen_roles_domain = {
    ngx_string("roles"),
    "Roles, permissions, what somebody may do, and the audit.",
    roles_routes,
    roles_entities,
    NULL,
    NULL
};


static ngx_int_t
roles_check(carmen_request_t *cr)
{
    return roles_query(cr, &auth_authz_check);
}


static ngx_int_t
roles_explain(carmen_request_t *cr)
{
    return roles_query(cr, &auth_authz_explain);
}


/* what the caller may do is in the token */

static ngx_int_t
roles_query(carmen_request_t *cr, const carmen_statement_t *st)
{
    carmen_identity_t  *identity;

    identity = carmen_identity(carmen_request_http(cr));

    carmen_pair_t  values[] = {
        { "granted", identity->scope },
        { NULL, ngx_null_string }
    };

    if (carmen_query(cr, st, values, NULL, NULL) == NGX_ERROR) {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
    }

    return NGX_DONE;
}
