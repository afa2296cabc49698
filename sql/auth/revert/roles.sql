-- Revert auth:roles

BEGIN;

DROP FUNCTION auth.audit_text(core.audit);
DROP FUNCTION auth.uuid7_from(timestamptz);
DROP FUNCTION auth.authz(text, text, text, boolean, text, text);
DROP FUNCTION auth.permission_delete(text, text, text, text);
DROP FUNCTION auth.permission_replace(text, text, text, text, jsonb);
DROP FUNCTION auth.permission_take(text, text, text);
DROP FUNCTION auth.permission_create(text, text, text, text, jsonb);
DROP FUNCTION auth.role_delete(text, text, text, text);
DROP FUNCTION auth.role_replace(text, text, text, text, jsonb);
DROP FUNCTION auth.role_take(text, text, text);
DROP FUNCTION auth.role_create(text, text, text, text, jsonb);
DROP FUNCTION auth.role_permit(text, text, jsonb);
DROP FUNCTION auth.permission_text(auth.permission);
DROP FUNCTION auth.role_text(auth.role);

CREATE OR REPLACE FUNCTION auth.role_seed(a_tenant text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM auth.role r WHERE r.tenant = a_tenant) THEN
        RETURN;
    END IF;

    INSERT INTO auth.role (tenant, role, description)
    SELECT a_tenant, d.role, d.description
      FROM auth.role_defaults() d
     ORDER BY d.role
    ON CONFLICT DO NOTHING;

    INSERT INTO auth.role_scope (tenant, role, scope)
    SELECT a_tenant, d.role, s.scope
      FROM auth.role_defaults() d, unnest(d.scopes) s (scope)
     ORDER BY d.role, s.scope
    ON CONFLICT DO NOTHING;
END
$$;

DROP INDEX core.audit_operation;
DROP INDEX core.audit_actor;
DROP INDEX auth.role_scope_scope;
DROP TABLE auth.permission;

COMMIT;
