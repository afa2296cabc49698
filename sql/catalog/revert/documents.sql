-- Revert catalog:documents

BEGIN;

DROP TRIGGER moved ON catalog.category;
DROP TRIGGER placed ON catalog.category;
DROP TRIGGER announce ON catalog.product;
DROP TRIGGER write_document ON catalog.product;
DROP TRIGGER announce ON catalog.variant;
DROP TRIGGER price_inserted ON catalog.price;
DROP TRIGGER price_updated ON catalog.price;
DROP TRIGGER price_deleted ON catalog.price;
DROP TRIGGER media_inserted ON catalog.media;
DROP TRIGGER media_updated ON catalog.media;
DROP TRIGGER media_deleted ON catalog.media;
DROP TRIGGER variant_inserted ON catalog.variant;
DROP TRIGGER variant_updated ON catalog.variant;
DROP TRIGGER variant_deleted ON catalog.variant;
DROP TRIGGER write_document ON catalog.variant;

DROP FUNCTION catalog.category_moved();
DROP FUNCTION catalog.category_placed();
DROP FUNCTION catalog.product_announce();
DROP FUNCTION catalog.product_written();
DROP FUNCTION catalog.variant_created();
DROP FUNCTION catalog.prices_written();
DROP FUNCTION catalog.price_event(catalog.variant);
DROP FUNCTION catalog.parts_written();
DROP FUNCTION catalog.variant_written();
DROP FUNCTION catalog.product_terms(catalog.product);
DROP FUNCTION catalog.product_text(catalog.product, timestamptz);
DROP FUNCTION catalog.media_text(catalog.media);
DROP FUNCTION catalog.variant_text(catalog.variant, timestamptz);
DROP FUNCTION catalog.words(text);
DROP FUNCTION catalog.passed(timestamptz[], timestamptz);

COMMIT;
