-- orders_list: orders, the newest first, without their lines
-- kind: list
-- returns: Order
-- sort: -orderedAt   o.ordered_at timestamptz, o.order_id uuid
-- sort: orderedAt    o.ordered_at timestamptz, o.order_id uuid
SELECT orders.order_text(o, NULL) AS item
  FROM orders."order" o
 WHERE o.tenant = :tenant
   /*unless scope(orders:manage)*/ AND o.customer_id = :actor /*end*/
   /*if query.customerId*/ AND o.customer_id = :query.customerId /*end*/
   /*if query.externalRef*/ AND o.external_ref = :query.externalRef /*end*/
   AND (:query.status::text IS NULL OR o.status = :query.status)
   AND o.ordered_at >= (SELECT coalesce(:query.orderedFrom::timestamptz,
                                        '-infinity'))
   AND o.ordered_at < (SELECT coalesce(:query.orderedTo::timestamptz,
                                       'infinity'))
   /*after*/ /*order*/
