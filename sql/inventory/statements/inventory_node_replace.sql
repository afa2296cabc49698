-- inventory_node_replace: a ship node as the body has it
-- lane: write
-- kind: write
-- returns: ShipNode
SELECT * FROM inventory.replace_node(:tenant, :actor, :path.id,
                                     :match::bigint, :body::jsonb)
