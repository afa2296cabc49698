-- catalog_variant_list: The variants of a product
-- kind: list
-- returns: ProductVariant
-- sort: sortOrder  v.sort_order int, v.variant_id uuid
SELECT CASE WHEN v.due > now() THEN v.document
            ELSE catalog.variant_now(v.tenant, v.variant_id) END AS item
  FROM catalog.variant v
 WHERE v.tenant = :tenant AND v.product_id = :path.productId::uuid
   AND (:scope(catalog:write)::boolean OR EXISTS (
           SELECT FROM catalog.product p
            WHERE p.tenant = :tenant
              AND p.product_id = :path.productId::uuid
              AND p.status <> 'draft'))
   /*after*/ /*order*/
