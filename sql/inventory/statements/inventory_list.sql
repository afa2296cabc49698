-- inventory_list: stock, by item and node
-- kind: list
-- returns: Inventory
-- sort: itemId    i.item_id text, i.ship_node text
-- sort: -itemId   i.item_id text, i.ship_node text
SELECT inventory.inventory_json(i, d.due)::text AS item
  FROM inventory.inventory i,
       LATERAL (SELECT inventory.due(i) AS due OFFSET 0) d
 WHERE i.tenant = :tenant
   AND i.enterprise_code
       = (SELECT coalesce(:query.enterpriseCode::text, 'DEFAULT'))
   /*if query.itemId*/ AND i.item_id = :query.itemId /*end*/
   /*if query.shipNode*/ AND i.ship_node = :query.shipNode /*end*/
   AND (:query.available::boolean IS NULL OR :query.available::boolean
        = (coalesce(inventory.available(i.quantity, i.reserved, i.threshold,
                                        i.infinite, d.due), 1) > 0))
   /*after*/ /*order*/
