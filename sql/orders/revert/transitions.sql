-- Revert orders:transitions

BEGIN;

DROP FUNCTION orders.turn(text, text, text, text, uuid, text, jsonb, boolean);
DROP FUNCTION orders.next_states(text, text);

COMMIT;
