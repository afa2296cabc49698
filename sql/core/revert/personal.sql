-- Revert core:personal

BEGIN;

DROP FUNCTION core.replies_erase;
DROP FUNCTION core.audit_export;
DROP FUNCTION core.personal_erase;
DROP FUNCTION core.personal_export;
DROP FUNCTION core.personal_drop;
DROP FUNCTION core.personal_add;
DROP TABLE core.personal;

COMMIT;
