-- catalog_brand_create: Create a brand
-- lane: write
-- kind: write
-- returns: ProductBrand
SELECT * FROM catalog.brand_create(:tenant, :actor, :key, :hash, :body::jsonb)
