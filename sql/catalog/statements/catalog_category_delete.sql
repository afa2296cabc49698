-- catalog_category_delete: Delete a category that nothing refers to
-- lane: write
-- kind: write
SELECT * FROM catalog.category_delete(:tenant, :actor, :path.categoryId::uuid,
                                      :match)
