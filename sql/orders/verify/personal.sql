-- Verify orders:personal

BEGIN;

SELECT 1 / count(*) FROM core.personal WHERE part = 'orders';
SELECT 'orders.personal_export'::regproc;
SELECT 'orders.personal_erase'::regproc;

ROLLBACK;
