-- catalog_brand_delete: Delete a brand that nothing refers to
-- lane: write
-- kind: write
SELECT * FROM catalog.brand_delete(:tenant, :actor, :path.brandId::uuid,
                                   :match)
