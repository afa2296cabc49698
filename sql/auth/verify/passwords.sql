-- Verify auth:passwords

BEGIN;

SELECT verified_login FROM auth.credential WHERE false;
SELECT tenant, user_id, kind, token_hash, login, expires_ts, sent_ts
  FROM auth.mail_token WHERE false;
SELECT has_function_privilege('carmen_app', f, 'execute')
  FROM unnest(ARRAY[
    'auth.password_change(text, text, text, text, text)',
    'auth.password_forgot(text, text, text, text)',
    'auth.password_reset(text, text, text)',
    'auth.email_verify(text, text)']) f;
SELECT 1 / (count(*) = 1)::int
  FROM pg_class c
 WHERE c.relnamespace = 'auth'::regnamespace AND c.relname = 'mail_token'
   AND c.relrowsecurity AND c.relforcerowsecurity;

ROLLBACK;
