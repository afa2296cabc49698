-- Verify catalog:products

BEGIN;

SELECT 'catalog.expect'::regproc;
SELECT 'catalog.unknown'::regproc;
SELECT 'catalog.product_take'::regproc;
SELECT 'catalog.product_open'::regproc;
SELECT 'catalog.variant_take'::regproc;
SELECT 'catalog.product_check'::regproc;
SELECT 'catalog.sku_check'::regproc;
SELECT 'catalog.price_add'::regproc;
SELECT 'catalog.variant_add'::regproc;
SELECT 'catalog.media_add'::regproc;
SELECT 'catalog.product_move'::regproc;
SELECT 'catalog.product_add'::regproc;
SELECT 'catalog.product_create'::regproc;
SELECT 'catalog.product_bulk'::regproc;
SELECT 'catalog.product_update'::regproc;
SELECT 'catalog.product_become'::regproc;
SELECT 'catalog.variant_free'::regproc;
SELECT 'catalog.product_delete'::regproc;

ROLLBACK;
