-- inventory_movement_list: why the quantity of an item at a node is what it is
-- kind: list
-- returns: Movement
-- sort: -createts   m.movement_id uuid
-- sort: createts    m.movement_id uuid
SELECT json_build_object(
           'movementId', m.movement_id, 'itemId', m.item_id,
           'shipNode', m.ship_node, 'enterpriseCode', m.enterprise_code,
           'delta', m.delta, 'quantity', m.quantity, 'reason', m.reason,
           'reference', m.reference, 'actor', m.actor,
           'createts', core.ts(m.createts))::text AS item
  FROM inventory.movement m
 WHERE m.tenant = :tenant
   AND m.enterprise_code
       = (SELECT coalesce(:query.enterpriseCode::text, 'DEFAULT'))
   AND m.item_id = :path.itemId AND m.ship_node = :path.shipNode
   /*after*/ /*order*/
