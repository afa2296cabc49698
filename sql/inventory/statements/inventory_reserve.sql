-- inventory_reserve: holds stock for a while
-- lane: write
-- kind: write
-- returns: Reservation
SELECT * FROM inventory.reserve(:tenant, :actor, :key, :hash, :body::jsonb)
