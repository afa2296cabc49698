-- Revert orders:tables

BEGIN;

DROP SCHEMA orders CASCADE;

COMMIT;
