-- Revert notes:note

BEGIN;

DROP SCHEMA notes CASCADE;

COMMIT;
