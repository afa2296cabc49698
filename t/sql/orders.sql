-- Orders: sums and rounding, states, ownership, the tenant guard.

BEGIN;

SELECT plan(39);

SELECT set_config('carmen.tenant', 'acme', true) AS quiet \gset
SET LOCAL ROLE carmen_app;

INSERT INTO catalog.product (tenant, product_id, name, status) VALUES
    ('acme', '0190a0a0-0000-7000-8000-000000000001', 'Tea', 'active'),
    ('acme', '0190a0a0-0000-7000-8000-000000000002', 'Old', 'inactive');
INSERT INTO catalog.variant (tenant, variant_id, product_id, sku) VALUES
    ('acme', '0190a0a0-0000-7000-8000-000000000011',
     '0190a0a0-0000-7000-8000-000000000001', 'TEA'),
    ('acme', '0190a0a0-0000-7000-8000-000000000012',
     '0190a0a0-0000-7000-8000-000000000002', 'OLD');
INSERT INTO catalog.price (tenant, variant_id, currency, amount, validity)
VALUES
    ('acme', '0190a0a0-0000-7000-8000-000000000011', 'EUR', 100,
     tstzrange('-infinity', now() - interval '1 day')),
    ('acme', '0190a0a0-0000-7000-8000-000000000011', 'EUR', 250,
     tstzrange(now() - interval '1 day', now() + interval '1 day')),
    ('acme', '0190a0a0-0000-7000-8000-000000000011', 'EUR', 900,
     tstzrange(now() + interval '1 day', NULL));
SELECT inventory.create_node('acme', 'me', NULL, NULL,
    '{"id":"N1","name":"N1"}') AS quiet \gset
SELECT inventory.sync('acme', 'me', 'TEA', 'N1', NULL, '{"quantity":100}')
    AS quiet \gset

CREATE FUNCTION pg_temp.buy(body jsonb, price boolean DEFAULT true,
                            actor text DEFAULT 'anna',
                            key text DEFAULT NULL) RETURNS core.reply
LANGUAGE sql AS $$
    SELECT orders.place('acme', actor, key, md5(body::text),
                        '{"currency":"EUR"}'::jsonb || body, price, false)
$$;

-- prices

SELECT reply.body::json AS o1, reply.body::json->>'orderId' AS id1 FROM
    pg_temp.buy('{"lines":[{"itemId":"TEA","quantity":3}]}', false) reply
    \gset
SELECT is((:'o1'::json)->'totals'->>'net', '750', 'the price of today');
SELECT is((SELECT reserved::bigint FROM inventory.inventory), 3::bigint,
    'reserved');
SELECT is((pg_temp.buy('{"lines":[{"itemId":"TEA","quantity":1,
    "unitPrice":{"amount":1,"currency":"EUR"},"discount":0.5}]}', false))
    .body::json->'totals'->>'net', '250',
    'without orders:price a price that is given does not count');

-- each line is rounded half up to the minor unit

SELECT is((pg_temp.buy(jsonb_build_object('lines', jsonb_build_array(
        jsonb_build_object('itemId', 'TEA', 'quantity', 1, 'discount',
            c.discount, 'unitPrice', jsonb_build_object('amount', c.unit,
            'currency', 'EUR')))))).body::json->'totals'->>'net', c.net,
        format('%s at %s off is %s', c.unit, c.discount, c.net))
  FROM (VALUES (10, 0.25, '8'), (10, 0.05, '10'), (30, 0.05, '29'),
               (70, 0.05, '67'), (50, 0.01, '50'), (1, 0.5, '1'),
               (1, 0.51, '0'), (333, 0.15, '283'), (7, 1, '0'),
               (0, 0.3, '0')) c(unit, discount, net);
SELECT is((pg_temp.buy('{"lines":[
    {"itemId":"TEA","quantity":1,"unitPrice":{"amount":10,"currency":"EUR"},
     "discount":0.25},
    {"itemId":"TEA","quantity":1,"unitPrice":{"amount":10,"currency":"EUR"},
     "discount":0.25}],"freight":{"amount":5,"currency":"EUR"}}'))
    .body::json->>'totals',
    '{"gross":20,"discount":4,"net":16,"freight":5,"total":21,"currency":"EUR"}',
    'the sum of rounded lines, not the rounded sum');

-- refusals leave nothing

SELECT is((SELECT reserved::bigint FROM inventory.inventory), 16::bigint,
    'until here');
SELECT throws_ok($$SELECT pg_temp.buy('{"lines":[
    {"itemId":"TEA","quantity":1},{"itemId":"OLD","quantity":1}]}')$$,
    'CA422', 'validation-failed', 'not for sale');
SELECT throws_ok($$SELECT pg_temp.buy('{"lines":[
    {"itemId":"TEA","quantity":85}]}')$$, 'CA409', 'out-of-stock', 'too many');
SELECT throws_ok($$SELECT pg_temp.buy('{"currency":"USD","lines":[
    {"itemId":"TEA","quantity":1}]}')$$, 'CA422', 'validation-failed',
    'no price in dollars');
SELECT throws_ok($$SELECT pg_temp.buy('{"lines":[{"itemId":"TEA",
    "quantity":1,"unitPrice":{"amount":1,"currency":"USD"}}]}')$$, 'CA422',
    'validation-failed', 'a price in another currency');
SELECT throws_ok($$SELECT pg_temp.buy('{}')$$, 'CA422', 'validation-failed',
    'neither lines nor reservation');
SELECT is((SELECT reserved::bigint FROM inventory.inventory), 16::bigint,
    'nothing was taken');

-- idempotency

SELECT is((pg_temp.buy('{"lines":[{"itemId":"TEA","quantity":1}]}', true,
    'anna', 'k')).body, (pg_temp.buy('{"lines":[{"itemId":"TEA",
    "quantity":1}]}', true, 'anna', 'k')).body, 'one key, one answer');
SELECT throws_ok($$SELECT pg_temp.buy('{"lines":[{"itemId":"TEA",
    "quantity":2}]}', true, 'anna', 'k')$$, 'CA422', 'idempotency-mismatch',
    'one key, another order');
SELECT is((SELECT reserved::bigint FROM inventory.inventory), 17::bigint,
    'ordered once');

-- the rules of the rows

SELECT throws_ok($$UPDATE orders.order_line SET shipped = 1$$, '23514', NULL,
    'allocated and shipped beyond the quantity');
SELECT throws_ok($$UPDATE orders.order_line SET returned = 1$$, '23514', NULL,
    'returned beyond shipped');
SELECT throws_ok($$UPDATE orders."order" SET net = net + 1$$, '23514', NULL,
    'sums that do not add up');
SELECT throws_ok($$UPDATE orders."order" SET status = 'lost'$$, '23514', NULL,
    'an unknown status');

-- states

SELECT throws_ok(format($$SELECT orders.turn('acme', 'bert', NULL, NULL, %L,
    'cancel', '{}', false)$$, :'id1'), 'CA404', 'not-found',
    'somebody else''s');
SELECT is((orders.turn('acme', 'boss', NULL, NULL, :'id1', 'hold',
    '{"reason":"?"}', true)).version, 2::bigint, 'held');
SELECT throws_ok(format($$SELECT orders.turn('acme', 'anna', NULL, NULL, %L,
    'cancel', '{}', false)$$, :'id1'), 'CA409', 'illegal-transition',
    'not from there');
SELECT is((orders.turn('acme', 'boss', NULL, NULL, :'id1', 'release', '{}',
    true)).version, 3::bigint, 'released');
SELECT is((orders.turn('acme', 'anna', NULL, NULL, :'id1', 'cancel', '{}',
    false)).version, 4::bigint, 'cancelled');
SELECT is((orders.turn('acme', 'anna', NULL, NULL, :'id1', 'cancel', '{}',
    false)).version, 4::bigint, 'cancelled already');
SELECT is((SELECT reserved::bigint FROM inventory.inventory), 14::bigint,
    'its stock is free, once');
SELECT is_empty($$SELECT * FROM inventory.inconsistencies('acme')$$,
    'the books agree');

-- the tenant guard, both ways

SELECT set_config('carmen.tenant', 'other', true) AS quiet \gset
SELECT is((SELECT count(*) FROM orders."order")
    + (SELECT count(*) FROM orders.order_line), 0::bigint,
    'another tenant sees nothing, even when a query forgets it');
SELECT throws_ok(format($$SELECT orders.turn('acme', 'anna', NULL, NULL, %L,
    'cancel', '{}', true)$$, :'id1'), 'CA404', 'not-found',
    'not even by naming it');
RESET ROLE;
SELECT is((SELECT count(*) FROM pg_class c
    WHERE c.relnamespace = 'orders'::regnamespace AND c.relkind = 'r'
      AND NOT (c.relrowsecurity AND c.relforcerowsecurity)), 0::bigint,
    'every table is guarded');

SELECT * FROM finish();
ROLLBACK;
