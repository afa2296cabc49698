-- Stock, movements, reservations: invariants, expiry, the tenant guard.

BEGIN;

SELECT plan(49);

SELECT set_config('carmen.tenant', 'acme', true) AS quiet \gset
SET LOCAL ROLE carmen_app;

\set lines1 '{"lines":[{"itemId":"A","quantity":3}]}'

SELECT lives_ok($$SELECT inventory.create_node('acme', 'me', NULL, NULL,
    jsonb_build_object('id', n, 'name', n)) FROM unnest('{N2,N1,N3}'::text[]) n$$,
    'nodes');

-- synchronisation

SELECT is((inventory.sync('acme', 'me', 'A', 'N1', NULL,
    '{"quantity":5,"modifyts":"2026-01-02T00:00:00Z"}')).status, 201, 'new');
SELECT is((inventory.sync('acme', 'me', 'A', 'N1', NULL,
    '{"quantity":9,"modifyts":"2026-01-01T00:00:00Z"}')).status, 200, 'older');
SELECT results_eq($$SELECT quantity::bigint, version FROM inventory.inventory
    WHERE tenant = 'acme' AND item_id = 'A'$$, $$VALUES (5::bigint, 1::bigint)$$,
    'older changes nothing');
SELECT throws_ok($$SELECT inventory.sync('acme', 'me', 'A', 'N1', 3,
    '{"quantity":9}')$$, 'CA412', 'precondition-failed', 'another version');
SELECT throws_ok($$SELECT inventory.sync('acme', 'me', 'B', 'N1', 1,
    '{"quantity":9}')$$, 'CA412', 'precondition-failed',
    'a version of what is not there');
SELECT is((inventory.sync('acme', 'me', 'A', 'N2', NULL,
    '{"quantity":4,"threshold":1}')).status, 201, 'another node');

-- rules of the row

SELECT throws_ok($$UPDATE inventory.inventory SET reserved = 6
    WHERE item_id = 'A' AND ship_node = 'N1'$$, '23514', NULL,
    'reserved beyond quantity');
SELECT throws_ok($$UPDATE inventory.inventory SET quantity = -1
    WHERE item_id = 'A' AND ship_node = 'N1'$$, '23514', NULL,
    'a negative quantity');
SELECT throws_ok($$UPDATE inventory.inventory SET threshold = -1
    WHERE item_id = 'A' AND ship_node = 'N1'$$, '23514', NULL,
    'a negative threshold');
SELECT throws_ok($$INSERT INTO inventory.reservation (tenant, owner_id)
    VALUES ('acme', 'me')$$, '23514', NULL, 'a hold without an end');
SELECT throws_ok($$UPDATE inventory.movement SET delta = 1$$, '42501', NULL,
    'movements are not changed');
SELECT throws_ok($$DELETE FROM inventory.movement$$, '42501', NULL,
    'nor deleted');
SELECT hasnt_trigger('inventory', 'inventory', 'touch',
    'the functions set the version themselves');

-- available

SELECT is(inventory.available(10, 3, 2, false), 5::bigint, 'available');
SELECT is(inventory.available(10, 3, 9, false), 0::bigint, 'never negative');
SELECT is(inventory.available(10, 3, 2, false, 1), 6::bigint,
    'what is due counts');
SELECT is(inventory.available(0, 3, 2, true), NULL, 'infinite');

-- reservations

SELECT reply.body::json->>'reservationId' AS r1 FROM
    inventory.reserve('acme', 'me', NULL, NULL, :'lines1') reply \gset
SELECT results_eq($$SELECT ship_node COLLATE "default", reserved::bigint, version
    FROM inventory.inventory WHERE item_id = 'A' ORDER BY 1$$,
    $$VALUES ('N1', 3::bigint, 2::bigint), ('N2', 0, 1)$$,
    'held at the first node that covers it; a version a change');
SELECT throws_like($$SELECT inventory.reserve('acme', 'me', NULL, NULL,
    '{"lines":[{"itemId":"A","quantity":6}]}')$$, 'out-of-stock',
    'more than all nodes have above their thresholds');
SELECT reply.body::json->>'reservationId' AS r2 FROM
    inventory.reserve('acme', 'me', NULL, NULL,
        '{"lines":[{"itemId":"A","quantity":5}],"expiresIn":1}') reply \gset
SELECT results_eq(format($$SELECT ship_node COLLATE "default", quantity::bigint
    FROM inventory.reservation_line WHERE holder_id = %L ORDER BY 1$$, :'r2'),
    $$VALUES ('N1', 2::bigint), ('N2', 3)$$, 'split over two nodes');
SELECT is((SELECT count(*) FROM core.event WHERE type
    = 'com.carmen.inventory.inventory.threshold.crossed.v1'), 2::bigint + 2,
    'thresholds: two with their first stock, two sold out');
SELECT throws_ok(format($$SELECT inventory.turn('acme', 'you', NULL, NULL,
    %L, 'released', false)$$, :'r1'), 'CA404', 'not-found',
    'somebody else''s');
SELECT lives_ok(format($$SELECT inventory.turn('acme', 'you', NULL, NULL,
    %L, 'confirmed', true)$$, :'r1'), 'the keeper may');
SELECT throws_ok(format($$SELECT inventory.extend('acme', 'me', NULL, NULL,
    %L, '{"expiresIn":9}', false)$$, :'r1'), 'CA409', 'illegal-transition',
    'confirmed needs no time');
SELECT is_empty($$SELECT * FROM inventory.inconsistencies('acme')$$,
    'the books agree');

-- expiry

SELECT is(inventory.expire_due('acme'), 0, 'nothing is due yet');
SELECT pg_sleep(1.1) AS quiet \gset
SELECT is((SELECT sum(inventory.due(i)) FROM inventory.inventory i), 5::numeric,
    'what is due');
SELECT throws_ok(format($$SELECT inventory.turn('acme', 'me', NULL, NULL,
    %L, 'confirmed', false)$$, :'r2'), 'CA409', 'illegal-transition',
    'too late to confirm');
SELECT lives_ok($$SELECT inventory.reserve('acme', 'me', NULL, NULL,
    '{"lines":[{"itemId":"A","quantity":2,"shipNode":"N1"}]}')$$,
    'a due hold does not block');
SELECT results_eq(format($$SELECT ship_node COLLATE "default", state::text COLLATE "default"
    FROM inventory.reservation_line WHERE holder_id = %L ORDER BY 1$$, :'r2'),
    $$VALUES ('N1', 'expired'), ('N2', 'expired')$$,
    'rows that were locked are given back');
SELECT is((SELECT state::text FROM inventory.reservation
    WHERE reservation_id = :'r2'), 'expired', 'and the hold is over');
SELECT is((SELECT count(*) FROM core.event WHERE subject = :'r2'
    AND type LIKE '%.expired.v1'), 1::bigint, 'one event');
SELECT is_empty($$SELECT * FROM inventory.inconsistencies('acme')$$,
    'the books agree after the expiry');

SELECT reply.body::json->>'reservationId' AS r3 FROM
    inventory.reserve('acme', 'me', NULL, NULL,
        '{"lines":[{"itemId":"A","quantity":1,"shipNode":"N2"}],"expiresIn":1}')
    reply \gset
SELECT pg_sleep(1.1) AS quiet \gset
SELECT is(inventory.expire_due('acme'), 1, 'the sweep finds the row');
SELECT is((SELECT reserved::bigint FROM inventory.inventory
    WHERE item_id = 'A' AND ship_node = 'N2'), 0::bigint, 'and frees it');
SELECT is((SELECT next_expiry FROM inventory.inventory
    WHERE item_id = 'A' AND ship_node = 'N2'), NULL, 'nothing more to come');
SELECT is(inventory.expire_due('acme'), 0, 'once');

-- a count below what is promised

SELECT lives_ok($$SELECT inventory.sync('acme', 'me', 'A', 'N1', NULL,
    '{"quantity":1}')$$, 'a count of 1 where 5 are promised');
SELECT results_eq($$SELECT quantity::bigint, shortfall::bigint
    FROM inventory.inventory WHERE item_id = 'A' AND ship_node = 'N1'$$,
    $$VALUES (5::bigint, 4::bigint)$$, 'a shortfall, not a broken promise');
SELECT is((SELECT kind FROM inventory.inconsistencies('acme')), 'shortfall',
    'which is reported');
SELECT lives_ok(format($$SELECT inventory.turn('acme', 'me', NULL, NULL,
    %L, 'released', false)$$, :'r1'), 'three of the five are released');
SELECT results_eq($$SELECT quantity::bigint, reserved::bigint,
    shortfall::bigint FROM inventory.inventory
    WHERE item_id = 'A' AND ship_node = 'N1'$$,
    $$VALUES (2::bigint, 2::bigint, 1::bigint)$$,
    'the missing pieces are not for sale again');
SELECT is((SELECT sum(delta) FROM inventory.movement
    WHERE item_id = 'A' AND ship_node = 'N1'), 2::numeric,
    'the movements say so');

-- the tenant guard, both ways

SELECT set_config('carmen.tenant', 'other', true) AS quiet \gset
SELECT is((SELECT count(*) FROM inventory.inventory)
    + (SELECT count(*) FROM inventory.ship_node)
    + (SELECT count(*) FROM inventory.movement)
    + (SELECT count(*) FROM inventory.reservation)
    + (SELECT count(*) FROM inventory.reservation_line)
    + (SELECT count(*) FROM inventory.shortfall), 0::bigint,
    'another tenant sees nothing, even when a query forgets it');
SELECT throws_ok($$INSERT INTO inventory.ship_node (tenant, id, name)
    VALUES ('acme', 'EVIL', 'x')$$, '42501', NULL,
    'and writes nothing into it');
SELECT throws_ok(format($$SELECT inventory.turn('acme', 'me', NULL, NULL,
    %L, 'released', true)$$, :'r1'), 'CA404', 'not-found',
    'not even by naming it');
SELECT set_config('carmen.tenant', '', true) AS quiet \gset
SELECT is((SELECT count(*) FROM inventory.inventory), 0::bigint,
    'no tenant, no rows');
RESET ROLE;
SELECT is((SELECT count(*) FROM pg_class c
    WHERE c.relnamespace = 'inventory'::regnamespace AND c.relkind = 'r'
      AND NOT (c.relrowsecurity AND c.relforcerowsecurity)), 0::bigint,
    'every table is guarded');

SELECT * FROM finish();
ROLLBACK;
