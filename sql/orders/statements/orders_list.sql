-- orders_list: orders, the newest first, without their lines
-- kind: list
-- returns: Order
-- sort: -orderedAt   s.ordered_at timestamptz, s.order_id uuid
-- sort: orderedAt    s.ordered_at timestamptz, s.order_id uuid
-- Two branches, of which one runs: each walks the index that fits it.
SELECT orders.order_text(s.o, NULL) AS item
  FROM (SELECT a AS o, a.tenant, a.ordered_at, a.order_id, a.customer_id,
               a.status, a.external_ref
          FROM orders."order" a
         WHERE a.tenant = :tenant AND :scope(orders:manage)::boolean
        UNION ALL
        SELECT b AS o, b.tenant, b.ordered_at, b.order_id, b.customer_id,
               b.status, b.external_ref
          FROM orders."order" b
         WHERE b.tenant = :tenant AND NOT :scope(orders:manage)::boolean
           AND b.customer_id = :actor) s
 WHERE s.tenant = :tenant
   /*if query.customerId*/ AND s.customer_id = :query.customerId /*end*/
   /*if query.externalRef*/ AND s.external_ref = :query.externalRef /*end*/
   AND (:query.status::text IS NULL OR s.status = :query.status)
   AND s.ordered_at >= (SELECT coalesce(:query.orderedFrom::timestamptz,
                                        '-infinity'))
   AND s.ordered_at < (SELECT coalesce(:query.orderedTo::timestamptz,
                                       'infinity'))
   /*after*/ /*order*/
