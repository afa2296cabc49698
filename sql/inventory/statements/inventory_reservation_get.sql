-- inventory_reservation_get: one reservation, of the caller or of anyone
-- returns: Reservation
SELECT inventory.reservation_json(r)::text AS body, r.version
  FROM inventory.reservation r
 WHERE r.tenant = :tenant AND r.reservation_id = :path.reservationId::uuid
   AND (:scope(inventory:write)::boolean OR r.owner_id = :actor)
