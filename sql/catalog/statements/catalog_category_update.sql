-- catalog_category_update: Change a category
-- lane: write
-- kind: write
-- returns: ProductCategory
SELECT * FROM catalog.category_update(:tenant, :actor, :path.categoryId::uuid,
                                      :match, :body::jsonb)
