-- Verify auth:keys

BEGIN;

SELECT tenant, key_id, user_id, name, prefix, key_hash, scopes, expires_ts,
       used_ts, revoked_ts FROM auth.api_key WHERE false;
SELECT tenant, certificate_id, user_id, name, fingerprint, scopes,
       expires_ts, used_ts FROM auth.certificate WHERE false;
SELECT has_function_privilege('carmen_app', f, 'execute')
  FROM unnest(ARRAY[
    'auth.api_key_create(text, text, text, text, text, text, text, jsonb)',
    'auth.api_key_revoke(text, text, uuid, uuid)',
    'auth.api_key_find(text, text)',
    'auth.certificate_create(text, text, text, text, jsonb)',
    'auth.certificate_delete(text, text, uuid)',
    'auth.certificate_find(text, text)',
    'auth.key_used(text, uuid)']) f;
SELECT 1 / (count(*) = 2)::int
  FROM pg_class c
 WHERE c.relnamespace = 'auth'::regnamespace
   AND c.relname IN ('api_key', 'certificate')
   AND c.relrowsecurity AND c.relforcerowsecurity;

ROLLBACK;
