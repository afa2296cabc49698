-- catalog_price_get: One price of a variant
-- returns: Price
SELECT catalog.price_text(p) AS body, p.version
  FROM catalog.price p
  JOIN catalog.variant v ON v.tenant = p.tenant
                        AND v.variant_id = p.variant_id
 WHERE p.tenant = :tenant AND p.price_id = :path.priceId::uuid
   AND v.tenant = :tenant AND v.variant_id = :path.variantId::uuid
   AND v.product_id = :path.productId::uuid
