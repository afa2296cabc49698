-- Verify inventory:reservations

BEGIN;

SELECT 'inventory.extend(text, text, text, text, uuid, jsonb, boolean)'::regprocedure;
SELECT 'inventory.turn(text, text, text, text, uuid, text, boolean)'::regprocedure;
SELECT 'inventory.next_states(text)'::regprocedure;
SELECT 'inventory.own_reservation(text, text, uuid, boolean)'::regprocedure;
SELECT 'inventory.reserve(text, text, text, text, jsonb)'::regprocedure;
SELECT 'inventory.reservation_json(inventory.reservation)'::regprocedure;

ROLLBACK;
