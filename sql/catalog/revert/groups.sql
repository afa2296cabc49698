-- Revert catalog:groups

BEGIN;

DROP FUNCTION catalog.brand_delete;
DROP FUNCTION catalog.brand_update;
DROP FUNCTION catalog.brand_take;
DROP FUNCTION catalog.brand_create;
DROP FUNCTION catalog.brand_check;
DROP FUNCTION catalog.brand_text;
DROP FUNCTION catalog.category_delete;
DROP FUNCTION catalog.category_update;
DROP FUNCTION catalog.category_take;
DROP FUNCTION catalog.category_create;
DROP FUNCTION catalog.category_check;
DROP FUNCTION catalog.category_text;

COMMIT;
