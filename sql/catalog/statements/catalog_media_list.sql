-- catalog_media_list: The media of a product
-- kind: list
-- returns: ProductMedia
-- sort: sortOrder  m.sort_order int, m.media_id uuid
SELECT catalog.media_text(m) AS item
  FROM catalog.media m
 WHERE m.tenant = :tenant AND m.product_id = :path.productId::uuid
   AND (:scope(catalog:write)::boolean OR EXISTS (
           SELECT FROM catalog.product p
            WHERE p.tenant = :tenant
              AND p.product_id = :path.productId::uuid
              AND p.status <> 'draft'))
   /*after*/ /*order*/
