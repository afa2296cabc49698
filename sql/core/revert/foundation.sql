-- Revert core:foundation

BEGIN;

DROP SCHEMA core CASCADE;

COMMIT;
