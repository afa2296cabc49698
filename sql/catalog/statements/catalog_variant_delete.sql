-- catalog_variant_delete: Delete a variant that nothing refers to
-- lane: write
-- kind: write
SELECT * FROM catalog.variant_delete(:tenant, :actor, :path.productId::uuid,
                                     :path.variantId::uuid, :match)
