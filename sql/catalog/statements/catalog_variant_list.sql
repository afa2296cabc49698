-- catalog_variant_list: The variants of a product
-- kind: list
-- returns: ProductVariant
-- sort: sortOrder  v.sort_order int, v.variant_id uuid
SELECT CASE WHEN v.due > now() THEN v.document
            ELSE catalog.variant_text(v, now()) END AS item
  FROM catalog.variant v
 WHERE v.tenant = :tenant AND v.product_id = :path.productId::uuid
   /*after*/ /*order*/
