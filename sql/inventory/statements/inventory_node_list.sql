-- inventory_node_list: ship nodes, by code or name
-- kind: list
-- returns: ShipNode
-- sort: id      n.id text
-- sort: -id     n.id text
-- sort: name    n.name text, n.id text
-- sort: -name   n.name text, n.id text
SELECT inventory.ship_node_json(n)::text AS item
  FROM inventory.ship_node n
 WHERE n.tenant = :tenant
   /*if query.status*/ AND n.status = :query.status /*end*/
   /*if query.nodeType*/ AND n.node_type = :query.nodeType /*end*/
   /*after*/ /*order*/
