-- Verify catalog:parts

BEGIN;

SELECT 'catalog.variant_create'::regproc;
SELECT 'catalog.variant_update'::regproc;
SELECT 'catalog.variant_delete'::regproc;
SELECT 'catalog.price_text'::regproc;
SELECT 'catalog.price_create'::regproc;
SELECT 'catalog.price_take'::regproc;
SELECT 'catalog.price_replace'::regproc;
SELECT 'catalog.price_delete'::regproc;
SELECT 'catalog.media_create'::regproc;
SELECT 'catalog.media_take'::regproc;
SELECT 'catalog.media_update'::regproc;
SELECT 'catalog.media_delete'::regproc;

ROLLBACK;
