-- Verify auth:logout

BEGIN;

SELECT has_function_privilege('carmen_app', f, 'execute')
  FROM unnest(ARRAY[
    'auth.logout_uri(text, text, text)',
    'auth.browser_end(text, uuid, text)']) f;

ROLLBACK;
