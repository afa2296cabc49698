-- Revert inventory:stock

BEGIN;

DROP SCHEMA inventory CASCADE;

COMMIT;
