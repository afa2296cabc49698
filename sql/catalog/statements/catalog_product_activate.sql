-- catalog_product_activate: Put a product on sale again
-- lane: write
-- kind: write
-- returns: Product
SELECT * FROM catalog.product_become(:tenant, :actor, :key, :hash,
                                     :path.productId::uuid, 'active')
