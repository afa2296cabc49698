-- Verify core:personal

BEGIN;

SELECT part, export::regprocedure, erase::regprocedure FROM core.personal;
SELECT 'core.personal_add'::regproc;
SELECT 'core.personal_drop'::regproc;
SELECT 'core.personal_export'::regproc;
SELECT 'core.personal_erase'::regproc;
SELECT 1 / count(*) FROM core.personal WHERE part = 'audit';

ROLLBACK;
