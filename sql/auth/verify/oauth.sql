-- Verify auth:oauth

BEGIN;

SELECT tenant, client_id, name, auth_method, secret_hash, jwks, grants,
       scopes, redirect_uris FROM auth.client WHERE false;
SELECT scope, browser_session, auth_ts, acr, amr, jkt, x5t
  FROM auth.session WHERE false;
SELECT has_function_privilege('carmen_app', f, 'execute')
  FROM unnest(ARRAY[
    'auth.oauth_client_find(text, text)',
    'auth.oauth_request_take(text, text, text)',
    'auth.oauth_device_find(text, text)',
    'auth.oauth_userinfo(text, uuid, text)',
    'auth.oauth_revoke(text, text, text, text)']) f;
SELECT 1 / (count(*) = 4)::int
  FROM pg_class c
 WHERE c.relnamespace = 'auth'::regnamespace
   AND c.relname IN ('client', 'oauth_request', 'oauth_code', 'oauth_device')
   AND c.relrowsecurity AND c.relforcerowsecurity;

ROLLBACK;
