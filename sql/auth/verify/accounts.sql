-- Verify auth:accounts

BEGIN;

SELECT tenant, role, description FROM auth.role WHERE false;
SELECT tenant, role, scope FROM auth.role_scope WHERE false;
SELECT tenant, user_id, role FROM auth.user_role WHERE false;
SELECT tenant, user_id, login, password_hash, password_ts, disabled_ts
  FROM auth.credential WHERE false;
SELECT has_function_privilege('carmen_app', f, 'execute')
  FROM unnest(ARRAY[
    'auth.credential_create(text, uuid, text, text, text[])',
    'auth.credential_rename(text, uuid, text)',
    'auth.credential_disable(text, uuid)',
    'auth.credential_enable(text, uuid)',
    'auth.roles_set(text, uuid, text[])',
    'auth.roles_of(text, uuid)',
    'auth.scopes_of(text, uuid)']) f;
SELECT 1 / (count(*) = 4)::int
  FROM pg_class c
 WHERE c.relnamespace = 'auth'::regnamespace
   AND c.relname IN ('role', 'role_scope', 'user_role', 'credential')
   AND c.relrowsecurity AND c.relforcerowsecurity;

ROLLBACK;
