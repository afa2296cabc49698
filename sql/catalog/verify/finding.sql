-- Verify catalog:finding

BEGIN;

SELECT 'catalog.product_find'::regproc;
SELECT 'catalog.only'::regproc;

ROLLBACK;
