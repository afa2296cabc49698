-- inventory_inconsistencies: stock whose figures contradict each other
-- lane: lease
-- kind: list
-- returns: Inconsistency
-- sort: itemId   x.item_id text, x.ship_node text, x.enterprise_code text, x.kind text
SELECT json_build_object(
           'itemId', x.item_id, 'shipNode', x.ship_node,
           'enterpriseCode', x.enterprise_code, 'kind', x.kind,
           'expected', x.expected, 'found', x.found,
           'since', core.ts(x.since))::text AS item
  FROM inventory.inconsistencies(:tenant) x
 WHERE x.tenant = :tenant
   /*after*/ /*order*/
