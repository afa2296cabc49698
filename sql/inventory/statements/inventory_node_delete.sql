-- inventory_node_delete: removes a ship node that never held stock
-- lane: write
-- kind: write
SELECT * FROM inventory.delete_node(:tenant, :actor, :path.id,
                                    :match::bigint)
