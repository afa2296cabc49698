-- inventory_node_get: one ship node
-- returns: ShipNode
SELECT inventory.ship_node_json(n)::text AS body, n.version
  FROM inventory.ship_node n
 WHERE n.tenant = :tenant AND n.id = :path.id
