-- catalog_variant_get: One variant with its prices
-- returns: ProductVariant
SELECT CASE WHEN v.due > now() THEN v.document
            ELSE catalog.variant_now(v.tenant, v.variant_id) END AS body,
       CASE WHEN v.due > now() THEN v.version
            ELSE v.version + catalog.passed(v.boundaries, now()) END AS version
  FROM catalog.variant v
 WHERE v.tenant = :tenant AND v.variant_id = :path.variantId::uuid
   AND v.product_id = :path.productId::uuid
   AND (:scope(catalog:write)::boolean OR EXISTS (
           SELECT FROM catalog.product p
            WHERE p.tenant = :tenant
              AND p.product_id = :path.productId::uuid
              AND p.status <> 'draft'))
