-- Revert catalog:products

BEGIN;

DROP FUNCTION catalog.product_delete;
DROP FUNCTION catalog.variant_free;
DROP FUNCTION catalog.product_become;
DROP FUNCTION catalog.product_update;
DROP FUNCTION catalog.product_bulk;
DROP FUNCTION catalog.product_create;
DROP FUNCTION catalog.product_add;
DROP FUNCTION catalog.product_move;
DROP FUNCTION catalog.media_add;
DROP FUNCTION catalog.variant_add;
DROP FUNCTION catalog.price_add;
DROP FUNCTION catalog.sku_check;
DROP FUNCTION catalog.product_check;
DROP FUNCTION catalog.variant_take;
DROP FUNCTION catalog.product_open;
DROP FUNCTION catalog.product_take;
DROP FUNCTION catalog.unknown;
DROP FUNCTION catalog.expect;

COMMIT;
