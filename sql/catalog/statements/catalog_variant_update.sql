-- catalog_variant_update: Change a variant, its present price included
-- lane: write
-- kind: write
-- returns: ProductVariant
SELECT * FROM catalog.variant_update(:tenant, :actor, :path.productId::uuid,
                                     :path.variantId::uuid, :match,
                                     :body::jsonb)
