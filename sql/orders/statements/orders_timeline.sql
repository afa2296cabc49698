-- orders_timeline: what became of an order, the oldest first
-- returns: Timeline
SELECT json_build_object('items', (
           SELECT json_agg(json_build_object(
                      'version', (a.changes->>'version')::bigint,
                      'event', a.operation, 'status', a.changes->>'status',
                      'note', a.changes->>'note', 'actor', a.employee_id,
                      'at', core.ts(a.createts))
                  ORDER BY (a.changes->>'version')::bigint)
             FROM core.audit a
            WHERE a.tenant = :tenant AND a.reference_type = 'order'
              AND a.reference_value = :path.orderId::uuid::text))::text AS body,
       o.version
  FROM orders."order" o
 WHERE o.tenant = :tenant AND o.order_id = :path.orderId::uuid
   AND (:scope(orders:manage)::boolean OR o.customer_id = :actor)
