-- catalog_media_get: One medium of a product
-- returns: ProductMedia
SELECT catalog.media_text(m) AS body, m.version
  FROM catalog.media m
 WHERE m.tenant = :tenant AND m.media_id = :path.mediaId::uuid
   AND m.product_id = :path.productId::uuid
   AND (:scope(catalog:write)::boolean OR EXISTS (
           SELECT FROM catalog.product p
            WHERE p.tenant = :tenant
              AND p.product_id = :path.productId::uuid
              AND p.status <> 'draft'))
