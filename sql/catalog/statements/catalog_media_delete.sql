-- catalog_media_delete: Remove a medium from its product
-- lane: write
-- kind: write
SELECT * FROM catalog.media_delete(:tenant, :actor, :path.productId::uuid,
                                   :path.mediaId::uuid, :match)
