-- inventory_sync: the figures of an item at a node, as another system has them
-- lane: write
-- kind: write
-- returns: InventorySync
SELECT * FROM inventory.sync(:tenant, :actor, :path.itemId, :path.shipNode,
                             :match::bigint, :body::jsonb)
