-- Revert auth:accounts

BEGIN;

DROP SCHEMA auth CASCADE;

COMMIT;
