-- Revert auth:personal

BEGIN;

SELECT core.personal_drop('auth');
DROP FUNCTION auth.personal_erase;
DROP FUNCTION auth.personal_export;

COMMIT;
