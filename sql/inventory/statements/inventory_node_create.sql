-- inventory_node_create: a new ship node
-- lane: write
-- kind: write
-- returns: ShipNode
SELECT * FROM inventory.create_node(:tenant, :actor, :key, :hash,
                                    :body::jsonb)
