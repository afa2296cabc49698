-- inventory_get: one item at one node
-- returns: Inventory
SELECT inventory.inventory_json(i, d.due)::text AS body, i.version
  FROM inventory.inventory i,
       LATERAL (SELECT inventory.due(i) AS due OFFSET 0) d
 WHERE i.tenant = :tenant
   AND i.enterprise_code
       = (SELECT coalesce(:query.enterpriseCode::text, 'DEFAULT'))
   AND i.item_id = :path.itemId AND i.ship_node = :path.shipNode
