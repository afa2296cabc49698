-- inventory_reservation_confirm: a hold that lasts without a time
-- lane: write
-- kind: write
-- returns: Reservation
SELECT * FROM inventory.turn(:tenant, :actor, :key, :hash,
                             :path.reservationId::uuid, 'confirmed',
                             :scope(inventory:write)::boolean)
