-- orders_cancel: ends the order and gives its stock back
-- lane: write
-- kind: write
-- returns: Order
SELECT * FROM orders.turn(:tenant, :actor, :key, :hash,
                          :path.orderId::uuid, 'cancel', :body::jsonb,
                          :scope(orders:manage)::boolean)
