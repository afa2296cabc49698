-- Verify auth:browser

BEGIN;

SELECT tenant, browser_session_id, token_hash, user_id, complete, acr, amr,
       auth_ts, address, agent, expires_ts, ended_ts, end_reason
  FROM auth.browser_session WHERE false;
SELECT tenant, user_id, client_id, scopes FROM auth.consent WHERE false;
SELECT has_function_privilege('carmen_app', f, 'execute')
  FROM unnest(ARRAY[
    'auth.browser_factors(text, uuid)',
    'auth.browser_find(text, text, text)',
    'auth.browser_end(text, uuid, text)',
    'auth.browser_start(text, uuid, text, text, text, text, interval, text, '
        || 'text, text, boolean)',
    'auth.browser_step(text, text, text, interval, text)',
    'auth.browser_logout(text, text)',
    'auth.consent_give(text, uuid, text, text)']) f;
SELECT 1 / (count(*) = 2)::int
  FROM pg_class c
 WHERE c.relnamespace = 'auth'::regnamespace
   AND c.relname IN ('browser_session', 'consent')
   AND c.relrowsecurity AND c.relforcerowsecurity;

ROLLBACK;
