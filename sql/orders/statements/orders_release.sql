-- orders_release: an order on hold goes on where it was
-- lane: write
-- kind: write
-- returns: Order
SELECT * FROM orders.turn(:tenant, :actor, :key, :hash,
                          :path.orderId::uuid, 'release', :body::jsonb,
                          :scope(orders:manage)::boolean)
