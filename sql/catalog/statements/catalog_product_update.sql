-- catalog_product_update: Change a product
-- lane: write
-- kind: write
-- returns: Product
SELECT * FROM catalog.product_update(:tenant, :actor, :path.productId::uuid,
                                     :match, :body::jsonb)
