-- Verify auth:roles

BEGIN;

SELECT tenant, permission, description FROM auth.permission WHERE false;
SELECT has_function_privilege('carmen_app', f, 'execute')
  FROM unnest(ARRAY[
    'auth.role_create(text, text, text, text, jsonb)',
    'auth.role_replace(text, text, text, text, jsonb)',
    'auth.role_delete(text, text, text, text)',
    'auth.permission_create(text, text, text, text, jsonb)',
    'auth.permission_replace(text, text, text, text, jsonb)',
    'auth.permission_delete(text, text, text, text)',
    'auth.authz(text, text, text, boolean, text, text)',
    'auth.uuid7_from(timestamptz)']) f;
SELECT 'core.audit_actor'::regclass, 'core.audit_operation'::regclass;
SELECT 1 / (count(*) = 1)::int
  FROM pg_class c
 WHERE c.oid = 'auth.permission'::regclass
   AND c.relrowsecurity AND c.relforcerowsecurity;

ROLLBACK;
