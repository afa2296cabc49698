-- Revert users:tables

BEGIN;

DROP SCHEMA users CASCADE;

COMMIT;
