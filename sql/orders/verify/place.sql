-- Verify orders:place

BEGIN;

SELECT 'orders.take_reservation(text, text, uuid, boolean, uuid)'::regprocedure;
SELECT 'orders.check_currency(jsonb, text)'::regprocedure;
SELECT 'orders.refuse_lines(uuid[], boolean[], bigint[])'::regprocedure;
SELECT 'orders.place(text, text, text, text, jsonb, boolean, boolean)'::regprocedure;

ROLLBACK;
