-- catalog_media_list: The media of a product
-- kind: list
-- returns: ProductMedia
-- sort: sortOrder  m.sort_order int, m.media_id uuid
SELECT catalog.media_text(m) AS item
  FROM catalog.media m
 WHERE m.tenant = :tenant AND m.product_id = :path.productId::uuid
   /*after*/ /*order*/
