-- The rules of the catalog that hold across rows, and the tenant guard.

BEGIN;

SELECT plan(55);

SET LOCAL ROLE carmen_app;
SELECT set_config('carmen.tenant', 'acme', true) AS quiet \gset

CREATE FUNCTION pg_temp.product(body jsonb) RETURNS uuid
LANGUAGE sql AS $$
    SELECT (r.body::jsonb->>'productId')::uuid
      FROM catalog.product_create('acme', 'ann', NULL, NULL, body) r;
$$;
CREATE FUNCTION pg_temp.become(id uuid, state text) RETURNS text
LANGUAGE sql AS $$
    SELECT body::jsonb->>'status'
      FROM catalog.product_become('acme', 'ann', NULL, NULL, id, state);
$$;

-- GTIN

SELECT ok(catalog.gtin_valid(g), g || ' is a GTIN')
  FROM unnest('{4006381333931,96385074,036000291452,10614141000415}'::text[])
       g;
SELECT ok(NOT catalog.gtin_valid(g), g || ' is none')
  FROM unnest('{4006381333932,9638507,abc,40063813339310}'::text[]) g;

-- states

SELECT pg_temp.product('{"name": "Lamp"}') AS lamp \gset
SELECT throws_ok(format('SELECT pg_temp.become(%L, %L)', :'lamp', 'active'),
    'CA409', 'product-not-priced', 'nothing to sell: no variant');
SELECT (body::jsonb->>'variantId')::uuid AS v
  FROM catalog.variant_create('acme', 'ann', NULL, NULL, :'lamp',
                              '{"sku": "LAMP-1"}') \gset
SELECT throws_ok(format('SELECT pg_temp.become(%L, %L)', :'lamp', 'active'),
    'CA409', 'product-not-priced', 'nothing to sell: no price');
SELECT (body::jsonb->>'priceId')::uuid AS price
  FROM catalog.price_create('acme', 'ann', NULL, NULL, :'lamp', :'v',
    '{"amount": 4900, "currency": "EUR",
      "validFrom": "2020-01-01T00:00:00Z"}') \gset
SELECT is(pg_temp.become(:'lamp', 'active'), 'active', 'published');
SELECT is(pg_temp.become(:'lamp', 'active'), 'active', 'once more: no change');
SELECT is(pg_temp.become(:'lamp', 'inactive'), 'inactive', 'deactivated');
SELECT is(pg_temp.become(:'lamp', 'active'), 'active', 'activated');
SELECT throws_ok(format('SELECT pg_temp.become(%L, %L)', :'lamp', 'archived'),
    'CA409', 'illegal-transition', 'not archived while it is sold');
SELECT is(array_agg(substring(type FROM 'product\.(.*)\.v1')
                    ORDER BY position),
    '{created,updated,updated,published,deactivated,activated}',
    'each step was told')
  FROM core.event WHERE source = '/catalog/product';

-- SKU, GTIN

SELECT throws_ok($$SELECT pg_temp.product('{"name": "x",
    "variants": [{"sku": "LAMP-1"}]}')$$,
    'CA409', 'duplicate-sku', 'a SKU is unique');
SELECT throws_ok($$SELECT pg_temp.product('{"name": "x",
    "variants": [{"sku": "A"}, {"sku": "A"}]}')$$,
    'CA409', 'duplicate-sku', 'also within a request');
SELECT lives_ok($$SELECT pg_temp.product('{"name": "x",
    "gtin": "036000291452"}')$$, 'a GTIN of 12 digits');
SELECT throws_ok($$SELECT pg_temp.product('{"name": "x",
    "gtin": "0036000291452"}')$$,
    'CA409', 'duplicate-gtin', 'is the same with 13');
SELECT throws_ok($$SELECT pg_temp.product('{"name": "x",
    "gtin": "036000291453"}')$$,
    'CA422', 'validation-failed', 'a wrong check digit');
SELECT throws_ok($$SELECT pg_temp.product(jsonb_build_object('name', 'x',
    'brandId', core.uuid7()))$$,
    'CA422', 'unknown-reference', 'an unknown brand');
SELECT throws_ok($$SELECT pg_temp.product(jsonb_build_object('name', 'x',
    'categoryId', core.uuid7()))$$,
    'CA422', 'unknown-reference', 'an unknown category');

-- prices

SELECT throws_ok(format($$SELECT catalog.price_create('acme', 'ann', NULL,
    NULL, %L, %L, '{"amount": 1, "currency": "EUR"}')$$, :'lamp', :'v'),
    'CA409', 'price-overlap', 'two prices at a time');
SELECT lives_ok(format($$SELECT catalog.price_create('acme', 'ann', NULL,
    NULL, %L, %L, '{"amount": 5300, "currency": "USD"}')$$, :'lamp', :'v'),
    'another currency');
SELECT lives_ok(format($$SELECT catalog.price_create('acme', 'ann', NULL,
    NULL, %L, %L, '{"amount": 3900, "currency": "EUR",
                    "channel": "outlet"}')$$, :'lamp', :'v'),
    'another channel');
SELECT lives_ok(format($$SELECT catalog.price_create('acme', 'ann', NULL,
    NULL, %L, %L, '{"amount": 5100, "currency": "EUR", "supersede": true,
                    "validFrom": "2100-01-01T00:00:00Z"}')$$, :'lamp', :'v'),
    'a price to come ends the one that has no end');
SELECT is((SELECT upper(validity) FROM catalog.price
            WHERE price_id = :'price'), '2100-01-01Z'::timestamptz,
    'when it begins');
SELECT throws_ok(format($$SELECT catalog.price_replace('acme', 'ann', %L, %L,
    %L, NULL, '{"amount": 1, "currency": "EUR"}')$$, :'lamp', :'v', :'price'),
    'CA409', 'price-overlap', 'which then cannot be without end again');
SELECT throws_ok(format($$SELECT catalog.price_replace('acme', 'ann', %L, %L,
    %L, NULL, '{"amount": 1, "currency": "EUR",
                "validTo": "2019-01-01T00:00:00Z"}')$$,
    :'lamp', :'v', :'price'),
    'CA422', 'validation-failed', 'nor end before it begins');
SELECT throws_ok(format($$INSERT INTO catalog.price (tenant, variant_id,
    currency, amount) VALUES ('acme', %L, 'USD', 1)$$, :'v'),
    '23P01', NULL, 'the table holds it by itself');
SELECT throws_ok(format($$INSERT INTO catalog.price (tenant, variant_id,
    currency, amount) VALUES ('acme', %L, 'GBP', -1)$$, :'v'),
    '23514', NULL, 'no negative price');
SELECT is((SELECT body::jsonb->'price' FROM catalog.variant_update('acme',
    'ann', :'lamp', :'v', NULL,
    '{"price": {"amount": 5400, "currency": "USD"}}')),
    (SELECT document::jsonb#>'{variants,0,price}' FROM catalog.product
      WHERE product_id = :'lamp'), 'a variant takes a new price');
SELECT is((SELECT amount FROM catalog.price WHERE variant_id = :'v'
              AND currency = 'USD' AND validity @> now()), 5400::bigint,
    'in place of the old');

-- archived: closed

SELECT is(pg_temp.become(:'lamp', 'inactive'), 'inactive', 'off sale');
SELECT is(pg_temp.become(:'lamp', 'archived'), 'archived', 'archived');
SELECT throws_ok(format($$SELECT catalog.product_update('acme', 'ann', %L,
    NULL, '{"name": "x"}')$$, :'lamp'),
    'CA409', 'product-archived', 'the product is closed');
SELECT throws_ok(format($$SELECT catalog.price_delete('acme', 'ann', %L, %L,
    %L, NULL)$$, :'lamp', :'v', :'price'),
    'CA409', 'product-archived', 'and its prices');

-- the tree

SELECT (body::jsonb->>'categoryId')::uuid AS home FROM catalog.category_create(
    'acme', 'ann', NULL, NULL, '{"name": "Home"}') \gset
SELECT (body::jsonb->>'categoryId')::uuid AS light
  FROM catalog.category_create('acme', 'ann', NULL, NULL,
    jsonb_build_object('name', 'Light', 'parentCategoryId', :'home')) \gset
SELECT (body::jsonb->>'categoryId')::uuid AS desk
  FROM catalog.category_create('acme', 'ann', NULL, NULL,
    jsonb_build_object('name', 'Desk', 'parentCategoryId', :'light')) \gset
SELECT throws_ok(format($$SELECT catalog.category_update('acme', 'ann', %L,
    NULL, '{"parentCategoryId": "%s"}')$$, :'home', :'desk'),
    'CA422', 'validation-failed', 'no cycle of three');
SELECT throws_ok(format($$UPDATE catalog.category
    SET parent_category_id = %L WHERE category_id = %L$$, :'light', :'home'),
    'CA422', 'validation-failed', 'whoever writes');
SELECT throws_ok(format($$SELECT catalog.category_create('acme', 'ann', NULL,
    NULL, '{"name": "LIGHT", "parentCategoryId": "%s"}')$$, :'home'),
    'CA409', 'duplicate-name', 'siblings have different names');
SELECT throws_ok(format($$SELECT catalog.category_delete('acme', 'ann', %L,
    NULL)$$, :'light'), 'CA409', 'category-in-use', 'others stand in it');
SELECT pg_temp.product(jsonb_build_object('name', 'Desk lamp blue',
    'categoryId', :'desk')) AS blue \gset
SELECT is((SELECT array_agg(term ORDER BY term) FROM catalog.product_term
            WHERE product_id = :'blue' AND term LIKE 'c:%'),
    (SELECT array_agg('c:' || c ORDER BY 'c:' || c COLLATE "C")
       FROM unnest(ARRAY[:'home', :'light', :'desk']) c),
    'a product is found in all categories above it');
SELECT lives_ok(format($$SELECT catalog.category_update('acme', 'ann', %L,
    NULL, '{"parentCategoryId": null}')$$, :'light'), 'a branch is moved');
SELECT is((SELECT count(*) FROM catalog.product_term
            WHERE product_id = :'blue' AND term = 'c:' || :'home'), 0::bigint,
    'its products move along');
SELECT throws_ok(format($$SELECT catalog.category_delete('acme', 'ann', %L,
    NULL)$$, :'desk'), 'CA409', 'category-in-use', 'a product stands in it');

-- words

SELECT is(catalog.product_find('acme', q), w, 'found: ' || q)
  FROM (VALUES ('lamp DESK bl', ARRAY[:'blue'::uuid]),
               ('lamp, blue!', ARRAY[:'blue'::uuid]),
               ('blu lamp', '{}'), ('--', '{}')) s (q, w);

-- bulk: each item on its own

SELECT is((SELECT array_agg((i->>'status')::int ORDER BY i->>'index')
             FROM jsonb_array_elements(r.body::jsonb->'items') i),
    '{201,409,201}', 'one of three is refused')
  FROM catalog.product_bulk('acme', 'ann', 'b1', 'h', '{"items": [
    {"name": "One", "variants": [{"sku": "B-1"}]},
    {"name": "Two", "variants": [{"sku": "B-2"}, {"sku": "B-1"}]},
    {"name": "Three", "variants": [{"sku": "B-2"}]}]}') r;

-- tenants

SELECT set_config('carmen.tenant', 'other', true) AS quiet \gset
SELECT is((SELECT count(*) FROM catalog.product)
          + (SELECT count(*) FROM catalog.variant)
          + (SELECT count(*) FROM catalog.price)
          + (SELECT count(*) FROM catalog.category)
          + (SELECT count(*) FROM catalog.brand)
          + (SELECT count(*) FROM catalog.media)
          + (SELECT count(*) FROM catalog.product_term), 0::bigint,
    'another tenant sees nothing');
SELECT throws_ok(format($$SELECT catalog.product_update('acme', 'eve', %L,
    NULL, '{"name": "x"}')$$, :'blue'), 'CA404', 'not-found',
    'and changes nothing');
SELECT throws_ok($$INSERT INTO catalog.brand (tenant, name)
    VALUES ('acme', 'Eve')$$, '42501', NULL, 'and adds nothing');
SELECT lives_ok($$SELECT catalog.product_create('other', 'oto', NULL, NULL,
    '{"name": "Lamp", "gtin": "036000291452",
      "variants": [{"sku": "LAMP-1"}]}')$$,
    'but has SKUs and GTINs of its own');

SELECT finish();
ROLLBACK;
