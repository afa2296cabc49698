-- Verify auth:federation

BEGIN;

SELECT tenant, provider, subject, user_id, email, email_verified,
       display_name, used_ts FROM auth.social_identity WHERE false;
SELECT tenant, state_hash, provider, binding_hash, nonce, verifier, user_id,
       expires_ts FROM auth.social_state WHERE false;
SELECT has_function_privilege('carmen_app', f, 'execute')
  FROM unnest(ARRAY[
    'auth.social_begin(text, text, text, text, text, text, uuid)',
    'auth.social_take(text, text, text, text)',
    'auth.federation_roles(text, uuid, text[], text[])',
    'auth.federation_login(text, text, text, text, boolean, text, text, text,
        text[], text[], text, text, interval, text)',
    'auth.social_link(text, uuid, text, text, text, boolean, text)',
    'auth.social_unlink(text, text, text)',
    'auth.social_list(text, text)']) f;
SELECT 1 / (count(*) = 2)::int
  FROM pg_class c
 WHERE c.relnamespace = 'auth'::regnamespace
   AND c.relname IN ('social_identity', 'social_state')
   AND c.relrowsecurity AND c.relforcerowsecurity;

ROLLBACK;
