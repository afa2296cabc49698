-- catalog_product_publish: Put a draft on sale
-- lane: write
-- kind: write
-- returns: Product
SELECT * FROM catalog.product_become(:tenant, :actor, :key, :hash,
                                     :path.productId::uuid, 'active')
