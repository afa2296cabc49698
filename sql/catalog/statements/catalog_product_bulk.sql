-- catalog_product_bulk: Create many products, each on its own
-- lane: lease
-- kind: write
-- returns: ProductBulk
SELECT * FROM catalog.product_bulk(:tenant, :actor, :key, :hash,
                                   :body::jsonb)
