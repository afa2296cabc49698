-- Revert catalog:finding

BEGIN;

DROP OPERATOR catalog.-> (text, text[]);
DROP FUNCTION catalog.only;
DROP FUNCTION catalog.variant_now;
DROP FUNCTION catalog.product_now;
DROP FUNCTION catalog.product_find;

COMMIT;
