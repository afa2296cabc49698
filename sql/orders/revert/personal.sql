-- Revert orders:personal

BEGIN;

SELECT core.personal_drop('orders');
DROP FUNCTION orders.personal_erase;
DROP FUNCTION orders.personal_export;

COMMIT;
