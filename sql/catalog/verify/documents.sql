-- Verify catalog:documents

BEGIN;

SELECT has_function_privilege('catalog.product_text(catalog.product,
                               timestamptz)', 'execute');
SELECT 1 / count(*) FROM pg_trigger
 WHERE tgrelid = 'catalog.product'::regclass AND tgname = 'write_document';
SELECT 1 / count(*) FROM pg_trigger
 WHERE tgrelid = 'catalog.variant'::regclass AND tgname = 'write_document';

ROLLBACK;
