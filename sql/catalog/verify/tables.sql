-- Verify catalog:tables

BEGIN;

SELECT tenant, product_id, version, due, document, name, name_key,
       description, brand_id, category_id, status, attributes, gtin,
       boundaries, terms, enterprise_code, createts, modifyts
  FROM catalog.product WHERE false;
SELECT tenant, variant_id, product_id, sku, name, attributes, status,
       sort_order, document, due, boundaries, price_version
  FROM catalog.variant WHERE false;
SELECT tenant, price_id, variant_id, channel, currency, amount, validity
  FROM catalog.price WHERE false;
SELECT tenant, category_id, parent_category_id, name FROM catalog.category
 WHERE false;
SELECT tenant, brand_id, name, logo FROM catalog.brand WHERE false;
SELECT tenant, media_id, product_id, type, url, alt_text, sort_order
  FROM catalog.media WHERE false;
SELECT tenant, term, name_key, createts, product_id FROM catalog.product_term
 WHERE false;

ROLLBACK;
