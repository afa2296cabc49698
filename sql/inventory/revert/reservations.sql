-- Revert inventory:reservations

BEGIN;

DROP FUNCTION inventory.extend(text, text, text, text, uuid, jsonb, boolean);
DROP FUNCTION inventory.turn(text, text, text, text, uuid, text, boolean);
DROP FUNCTION inventory.next_states(text);
DROP FUNCTION inventory.own_reservation(text, text, uuid, boolean);
DROP FUNCTION inventory.reserve(text, text, text, text, jsonb);
DROP FUNCTION inventory.reservation_json(inventory.reservation);

COMMIT;
