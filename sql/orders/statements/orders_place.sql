-- orders_place: prices, reserves and orders in one transaction
-- lane: write
-- kind: write
-- returns: Order
SELECT * FROM orders.place(:tenant, :actor, :key, :hash, :body::jsonb,
                           :scope(orders:price)::boolean,
                           :scope(orders:manage)::boolean)
