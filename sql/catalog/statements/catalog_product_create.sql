-- catalog_product_create: Create a product, with variants, prices and media
-- lane: write
-- kind: write
-- returns: Product
SELECT * FROM catalog.product_create(:tenant, :actor, :key, :hash,
                                     :body::jsonb)
