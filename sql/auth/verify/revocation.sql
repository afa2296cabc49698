-- Verify auth:revocation

BEGIN;

SELECT digest, cutoff, expires_ts FROM auth.revocation WHERE false;
SELECT has_function_privilege('carmen_app', f, 'execute')
  FROM unnest(ARRAY[
    'auth.user_of(text)',
    'auth.revoke(text, text, text, timestamptz, timestamptz)',
    'auth.session_revoke(text, text, uuid, uuid)',
    'auth.sessions_revoke(text, text, uuid, boolean, text)']) f;
SELECT 1 / (count(*) = 4)::int
  FROM pg_trigger t
 WHERE t.tgname IN ('ended', 'disabled', 'deleted')
   AND t.tgrelid IN ('auth.session'::regclass, 'auth.credential'::regclass);

ROLLBACK;
