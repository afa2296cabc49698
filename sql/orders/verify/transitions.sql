-- Verify orders:transitions

BEGIN;

SELECT 'orders.turn(text, text, text, text, uuid, text, jsonb, boolean)'::regprocedure;
SELECT 'orders.next_states(text, text)'::regprocedure;

ROLLBACK;
