-- catalog_media_create: Add a medium to a product
-- lane: write
-- kind: write
-- returns: ProductMedia
SELECT * FROM catalog.media_create(:tenant, :actor, :key, :hash,
                                   :path.productId::uuid, :body::jsonb)
