-- catalog_price_replace: Replace a price
-- lane: write
-- kind: write
-- returns: Price
SELECT * FROM catalog.price_replace(:tenant, :actor, :path.productId::uuid,
                                    :path.variantId::uuid,
                                    :path.priceId::uuid, :match,
                                    :body::jsonb)
