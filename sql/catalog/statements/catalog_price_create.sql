-- catalog_price_create: Add a price to a variant
-- lane: write
-- kind: write
-- returns: Price
SELECT * FROM catalog.price_create(:tenant, :actor, :key, :hash,
                                   :path.productId::uuid,
                                   :path.variantId::uuid, :body::jsonb)
