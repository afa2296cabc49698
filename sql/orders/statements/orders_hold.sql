-- orders_hold: nothing goes on until it is released
-- lane: write
-- kind: write
-- returns: Order
SELECT * FROM orders.turn(:tenant, :actor, :key, :hash,
                          :path.orderId::uuid, 'hold', :body::jsonb,
                          :scope(orders:manage)::boolean)
