-- catalog_media_update: Change a medium
-- lane: write
-- kind: write
-- returns: ProductMedia
SELECT * FROM catalog.media_update(:tenant, :actor, :path.productId::uuid,
                                   :path.mediaId::uuid, :match, :body::jsonb)
