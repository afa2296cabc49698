-- catalog_price_delete: Delete a price
-- lane: write
-- kind: write
SELECT * FROM catalog.price_delete(:tenant, :actor, :path.productId::uuid,
                                   :path.variantId::uuid,
                                   :path.priceId::uuid, :match)
