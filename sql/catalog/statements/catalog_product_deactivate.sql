-- catalog_product_deactivate: Take a product off sale
-- lane: write
-- kind: write
-- returns: Product
SELECT * FROM catalog.product_become(:tenant, :actor, :key, :hash,
                                     :path.productId::uuid, 'inactive')
