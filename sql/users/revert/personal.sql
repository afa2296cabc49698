-- Revert users:personal

BEGIN;

DROP FUNCTION users.erase_user;
DROP FUNCTION users.export_user;
SELECT core.personal_drop('users');
DROP FUNCTION users.personal_erase;
DROP FUNCTION users.personal_export;

COMMIT;
