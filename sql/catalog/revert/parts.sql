-- Revert catalog:parts

BEGIN;

DROP FUNCTION catalog.media_delete;
DROP FUNCTION catalog.media_update;
DROP FUNCTION catalog.media_take;
DROP FUNCTION catalog.media_create;
DROP FUNCTION catalog.price_delete;
DROP FUNCTION catalog.price_replace;
DROP FUNCTION catalog.price_take;
DROP FUNCTION catalog.price_create;
DROP FUNCTION catalog.price_text;
DROP FUNCTION catalog.variant_delete;
DROP FUNCTION catalog.variant_update;
DROP FUNCTION catalog.variant_create;

COMMIT;
