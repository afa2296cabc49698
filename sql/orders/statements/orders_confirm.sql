-- orders_confirm: the order is certain, and so is its stock
-- lane: write
-- kind: write
-- returns: Order
SELECT * FROM orders.turn(:tenant, :actor, :key, :hash,
                          :path.orderId::uuid, 'confirm', :body::jsonb,
                          :scope(orders:manage)::boolean)
