-- catalog_category_get: One category
-- returns: ProductCategory
SELECT catalog.category_text(c) AS body, c.version
  FROM catalog.category c
 WHERE c.tenant = :tenant AND c.category_id = :path.categoryId::uuid
