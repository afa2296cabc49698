-- catalog_variant_create: Add a variant to a product
-- lane: write
-- kind: write
-- returns: ProductVariant
SELECT * FROM catalog.variant_create(:tenant, :actor, :key, :hash,
                                     :path.productId::uuid, :body::jsonb)
