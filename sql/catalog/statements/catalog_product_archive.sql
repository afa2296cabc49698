-- catalog_product_archive: Close a product for good
-- lane: write
-- kind: write
-- returns: Product
SELECT * FROM catalog.product_become(:tenant, :actor, :key, :hash,
                                     :path.productId::uuid, 'archived')
