-- catalog_category_create: Create a category
-- lane: write
-- kind: write
-- returns: ProductCategory
SELECT * FROM catalog.category_create(:tenant, :actor, :key, :hash,
                                      :body::jsonb)
