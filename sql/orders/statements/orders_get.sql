-- orders_get: one order with its lines
-- returns: Order
SELECT orders.order_text(o, orders.lines_text(o)) AS body, o.version
  FROM orders."order" o
 WHERE o.tenant = :tenant AND o.order_id = :path.orderId::uuid
   AND (:scope(orders:manage)::boolean OR o.customer_id = :actor)
