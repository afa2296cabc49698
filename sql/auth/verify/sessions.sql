-- Verify auth:sessions

BEGIN;

SELECT tenant, session_id, user_id, client_id, address, expires_ts, used_ts,
       ended_ts, end_reason FROM auth.session WHERE false;
SELECT tenant, token_hash, session_id, parent, rotated_ts, rotated_agent
  FROM auth.refresh_token WHERE false;
SELECT has_function_privilege('carmen_app', f, 'execute')
  FROM unnest(ARRAY[
    'auth.session_end(text, uuid, text, text)',
    'auth.login_find(text, text)',
    'auth.login_failed(text, uuid, text)',
    'auth.session_start(text, uuid, text, text, text, text, interval, text)',
    'auth.session_refresh(text, text, text, text, text, interval)',
    'auth.logout(text, text, text)']) f;
SELECT 1 / (count(*) = 2)::int
  FROM pg_class c
 WHERE c.relnamespace = 'auth'::regnamespace
   AND c.relname IN ('session', 'refresh_token')
   AND c.relrowsecurity AND c.relforcerowsecurity;

ROLLBACK;
