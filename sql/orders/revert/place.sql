-- Revert orders:place

BEGIN;

DROP FUNCTION orders.take_reservation(text, text, uuid, boolean, uuid);
DROP FUNCTION orders.check_currency(jsonb, text);
DROP FUNCTION orders.refuse_lines(uuid[], boolean[], bigint[]);
DROP FUNCTION orders.place(text, text, text, text, jsonb, boolean, boolean);

COMMIT;
