-- catalog_product_delete: Delete a product that nothing refers to
-- lane: write
-- kind: write
SELECT * FROM catalog.product_delete(:tenant, :actor, :path.productId::uuid,
                                     :match)
