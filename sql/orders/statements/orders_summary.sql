-- orders_summary: the sums of the orders that the filters let through
-- returns: OrderSummary
SELECT json_build_object('items', coalesce(json_agg(json_build_object(
           'currency', g.currency, 'count', g.count, 'gross', g.gross,
           'discount', g.discount, 'net', g.net, 'freight', g.freight,
           'total', g.total) ORDER BY g.currency), '[]'))::text AS body
  FROM (SELECT s.currency, count(*) AS count, sum(s.gross) AS gross,
               sum(s.discount) AS discount, sum(s.net) AS net,
               sum(s.freight) AS freight, sum(s.total) AS total
          FROM (SELECT a.* FROM orders."order" a
                 WHERE a.tenant = :tenant AND :scope(orders:manage)::boolean
                UNION ALL
                SELECT b.* FROM orders."order" b
                 WHERE b.tenant = :tenant
                   AND NOT :scope(orders:manage)::boolean
                   AND b.customer_id = :actor) s
         WHERE s.tenant = :tenant
           /*if query.customerId*/
           AND s.customer_id = :query.customerId
           /*end*/
           AND (:query.status::text IS NULL OR s.status = :query.status)
           AND s.ordered_at >= (SELECT coalesce(
                   :query.orderedFrom::timestamptz, '-infinity'))
           AND s.ordered_at < (SELECT coalesce(
                   :query.orderedTo::timestamptz, 'infinity'))
         GROUP BY s.currency) g
