-- Verify catalog:groups

BEGIN;

SELECT 'catalog.category_text'::regproc;
SELECT 'catalog.category_check'::regproc;
SELECT 'catalog.category_create'::regproc;
SELECT 'catalog.category_take'::regproc;
SELECT 'catalog.category_update'::regproc;
SELECT 'catalog.category_delete'::regproc;
SELECT 'catalog.brand_text'::regproc;
SELECT 'catalog.brand_check'::regproc;
SELECT 'catalog.brand_create'::regproc;
SELECT 'catalog.brand_take'::regproc;
SELECT 'catalog.brand_update'::regproc;
SELECT 'catalog.brand_delete'::regproc;

ROLLBACK;
