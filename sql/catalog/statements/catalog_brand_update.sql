-- catalog_brand_update: Change a brand
-- lane: write
-- kind: write
-- returns: ProductBrand
SELECT * FROM catalog.brand_update(:tenant, :actor, :path.brandId::uuid,
                                   :match, :body::jsonb)
