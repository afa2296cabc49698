-- Verify orders:tables

BEGIN;

SELECT tenant, order_id, enterprise_code, customer_id, placed_by,
       external_ref, cart_id, holder_id, channel, currency, status,
       held_from, payment_status, fulfilment_status, gross, discount, net,
       freight, total, note, ordered_at, version, createts, modifyts
  FROM orders."order" WHERE false;
SELECT tenant, order_id, line, enterprise_code, item_id, variant_id, name,
       quantity, unit_price, discount, gross, net, allocated, shipped,
       cancelled, returned, version, createts, modifyts
  FROM orders.order_line WHERE false;
SELECT 1 / (NOT EXISTS (
    SELECT FROM pg_class
     WHERE relnamespace = 'orders'::regnamespace AND relkind = 'r'
       AND NOT (relrowsecurity AND relforcerowsecurity)))::int;

ROLLBACK;
