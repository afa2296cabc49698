-- Revert catalog:tables

BEGIN;

DROP SCHEMA catalog CASCADE;

COMMIT;
