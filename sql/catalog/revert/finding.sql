-- Revert catalog:finding

BEGIN;

DROP FUNCTION catalog.only;
DROP FUNCTION catalog.product_find;

COMMIT;
