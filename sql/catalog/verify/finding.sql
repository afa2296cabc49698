-- Verify catalog:finding

BEGIN;

SELECT 'catalog.product_find'::regproc;
SELECT 'catalog.product_now'::regproc;
SELECT 'catalog.variant_now'::regproc;
SELECT 'catalog.only'::regproc;

ROLLBACK;
