-- inventory_availability: what of some items can be promised, by node and in all
-- returns: Availability
SELECT json_build_object('items', json_agg(json_build_object(
           'itemId', q.item,
           'network', json_build_object(
               'available', CASE WHEN NOT a.infinite THEN a.available END,
               'infinite', a.infinite),
           'nodes', a.nodes) ORDER BY q.n))::text AS body
  FROM unnest(:query.items::text[]) WITH ORDINALITY q(item, n),
       LATERAL (
       SELECT coalesce(sum(s.available), 0)::bigint AS available,
              coalesce(bool_or(s.infinite), false) AS infinite,
              coalesce(json_agg(json_build_object(
                  'shipNode', s.ship_node, 'available', s.available,
                  'infinite', s.infinite) ORDER BY s.ship_node), '[]') AS nodes
         FROM (SELECT i.ship_node, i.infinite,
                      inventory.available(i.quantity, i.reserved, i.threshold,
                                          i.infinite, d.due) AS available
                 FROM inventory.inventory i
                 JOIN inventory.ship_node n
                   ON n.tenant = i.tenant AND n.id = i.ship_node
                  AND n.status = 'active',
                      LATERAL (SELECT inventory.due(i) AS due OFFSET 0) d
                WHERE i.tenant = :tenant
                  AND i.enterprise_code
                      = (SELECT coalesce(:query.enterpriseCode::text,
                                         'DEFAULT'))
                  AND i.item_id = q.item
                  AND (:query.nodes::text[] IS NULL
                       OR i.ship_node = ANY (:query.nodes::text[]))
              ) s) a
