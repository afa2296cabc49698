-- Verify users:personal

BEGIN;

SELECT 1 / count(*) FROM core.personal WHERE part = 'users';
SELECT 'users.export_user'::regproc;
SELECT 'users.erase_user'::regproc;

ROLLBACK;
