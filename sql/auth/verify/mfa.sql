-- Verify auth:mfa

BEGIN;

SELECT amr, acr, auth_ts FROM auth.session WHERE false;
SELECT tenant, user_id, secret, confirmed_ts, last_step, failures
  FROM auth.totp WHERE false;
SELECT tenant, user_id, code_hash FROM auth.recovery_code WHERE false;
SELECT tenant, passkey_id, user_id, credential_id, public_key, alg,
       sign_count FROM auth.passkey WHERE false;
SELECT tenant, token_hash, purpose, webauthn, attempts
  FROM auth.mfa_challenge WHERE false;
SELECT has_function_privilege('carmen_app', f, 'execute')
  FROM unnest(ARRAY[
    'auth.mfa_login(text, uuid, text, text, text, text, interval, text)',
    'auth.mfa_open(text, text, text)',
    'auth.step_up(text, text, text, text)']) f;
SELECT 1 / (count(*) = 4)::int
  FROM pg_class c
 WHERE c.relnamespace = 'auth'::regnamespace
   AND c.relname IN ('totp', 'recovery_code', 'passkey', 'mfa_challenge')
   AND c.relrowsecurity AND c.relforcerowsecurity;

ROLLBACK;
