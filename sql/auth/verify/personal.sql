-- Verify auth:personal

BEGIN;

SELECT 1 / count(*) FROM core.personal WHERE part = 'auth';
SELECT 'auth.personal_export'::regproc;
SELECT 'auth.personal_erase'::regproc;

ROLLBACK;
