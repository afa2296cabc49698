-- inventory_reservation_extend: a hold that lasts longer
-- lane: write
-- kind: write
-- returns: Reservation
SELECT * FROM inventory.extend(:tenant, :actor, :key, :hash,
                               :path.reservationId::uuid, :body::jsonb,
                               :scope(inventory:write)::boolean)
