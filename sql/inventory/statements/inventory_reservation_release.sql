-- inventory_reservation_release: gives the stock back
-- lane: write
-- kind: write
-- returns: Reservation
SELECT * FROM inventory.turn(:tenant, :actor, :key, :hash,
                             :path.reservationId::uuid, 'released',
                             :scope(inventory:write)::boolean)
