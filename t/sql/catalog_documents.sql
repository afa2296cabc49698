-- The document of a product is what the tables say, whoever wrote to them;
-- versions and events follow without gaps, and time is a writer too.

BEGIN;

SELECT plan(35);

SET LOCAL ROLE carmen_app;
SELECT set_config('carmen.tenant', 'acme', true) AS quiet \gset

-- What the tables say, computed by itself: without documents of variants.
CREATE FUNCTION pg_temp.said(p catalog.product) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'productId', p.product_id, 'name', p.name,
        'description', p.description, 'brandId', p.brand_id,
        'categoryId', p.category_id, 'status', p.status, 'gtin', p.gtin,
        'attributes', p.attributes,
        'version', p.version + (SELECT count(*) FROM unnest(p.boundaries) b
                                 WHERE b <= clock_timestamp()),
        'createdDate', core.ts(p.createts),
        'modifiedDate', core.ts(p.modifyts),
        'media', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                'mediaId', m.media_id, 'productId', m.product_id,
                'type', m.type, 'url', m.url, 'altText', m.alt_text,
                'sortOrder', m.sort_order, 'version', m.version)
                ORDER BY m.sort_order, m.media_id), '[]')
            FROM catalog.media m WHERE m.product_id = p.product_id),
        'variants', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                'variantId', v.variant_id, 'productId', v.product_id,
                'sku', v.sku, 'name', v.name, 'attributes', v.attributes,
                'status', v.status, 'sortOrder', v.sort_order,
                'version', v.version
                    + (SELECT count(*) FROM unnest(v.boundaries) b
                        WHERE b <= clock_timestamp()),
                'createdDate', core.ts(v.createts),
                'modifiedDate', core.ts(v.modifyts),
                'price', (SELECT jsonb_build_object('amount', x.amount,
                                             'currency', x.currency)
                            FROM catalog.price x
                           WHERE x.variant_id = v.variant_id
                             AND x.channel = 'default'
                             AND x.validity @> clock_timestamp()
                           ORDER BY x.currency LIMIT 1),
                'prices', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                            'priceId', x.price_id, 'channel', x.channel,
                            'amount', x.amount, 'currency', x.currency,
                            'validFrom', core.ts(lower(x.validity)),
                            'validTo', core.ts(upper(x.validity)))
                            ORDER BY x.channel, x.currency), '[]')
                        FROM catalog.price x
                       WHERE x.variant_id = v.variant_id
                         AND x.validity @> clock_timestamp()))
                ORDER BY v.sort_order, v.variant_id), '[]')
            FROM catalog.variant v WHERE v.product_id = p.product_id));
$$;

CREATE FUNCTION pg_temp.shown(p catalog.product) RETURNS jsonb
LANGUAGE sql AS $$
    SELECT CASE WHEN p.due > clock_timestamp() THEN p.document
                ELSE catalog.product_text(p, clock_timestamp()) END::jsonb;
$$;

CREATE FUNCTION pg_temp.right(what text) RETURNS text
LANGUAGE sql AS $$
    SELECT is(array_agg(pg_temp.shown(p) ORDER BY p.product_id),
              array_agg(pg_temp.said(p) ORDER BY p.product_id),
              what || ': the document is what the tables say')
      FROM catalog.product p;
$$;

CREATE FUNCTION pg_temp.gapless(what text) RETURNS text
LANGUAGE sql AS $$
    SELECT is_empty($q$
        SELECT e.source, e.subject FROM core.event e
         GROUP BY e.source, e.subject
        HAVING max(e.sequence) <> count(*) OR min(e.sequence) <> 1$q$,
        what || ': the sequences of the events have no gap');
$$;


-- created whole

SELECT status, location, body::jsonb->>'productId' AS mug,
       body::jsonb#>>'{variants,0,variantId}' AS white,
       body::jsonb#>>'{variants,1,variantId}' AS black
  FROM catalog.product_create('acme', 'ann', 'k1', 'h1', '{
    "name": "Mug Émaille", "attributes": {"material": "enamel"},
    "gtin": "4006381333931",
    "variants": [
      {"sku": "MUG-W", "name": "White",
       "price": {"amount": 1200, "currency": "EUR"},
       "prices": [{"amount": 1300, "currency": "USD"},
                  {"channel": "outlet", "amount": 900, "currency": "EUR"}]},
      {"sku": "MUG-B", "name": "Black"}],
    "media": [{"url": "https://img.example/1.jpg", "altText": "Front"},
              {"url": "https://img.example/2.jpg"}]}') \gset

SELECT is(:status, 201, 'a product is created');
SELECT is(:'location', '/products/' || :'mug', 'at its place');
SELECT is((SELECT version FROM catalog.product), 1::bigint,
          'written once, parts and all');
SELECT is((SELECT document::jsonb#>'{variants,0,price}'
             FROM catalog.product), '{"amount":1200,"currency":"EUR"}'::jsonb,
          'the price of the default channel, EUR before USD');
SELECT pg_temp.right('created');
SELECT is(array_agg(type ORDER BY position),
    '{com.carmen.catalog.price.changed.v1,
      com.carmen.catalog.product.created.v1}', 'two events')
  FROM core.event;
SELECT is((SELECT terms FROM catalog.product),
    ARRAY['', 'g:04006381333931', 'k:MUG-B', 'k:MUG-W', 's:draft',
          'w:mug', 'w:émaille'] COLLATE "C", 'what it is found by');

-- replayed

SELECT is(r.body, (SELECT document FROM catalog.product),
          'the same key gives the same answer')
  FROM catalog.product_create('acme', 'ann', 'k1', 'h1', '{}') r;
SELECT throws_ok($$SELECT catalog.product_create('acme', 'ann', 'k1', 'h2',
                                                 '{"name": "x"}')$$,
    'CA422', 'idempotency-mismatch', 'for the same request only');

-- every kind of write, as it comes

UPDATE catalog.product SET description = 'For camping';
SELECT pg_temp.right('UPDATE of the product');
UPDATE catalog.variant SET name = upper(name);
SELECT pg_temp.right('UPDATE of both variants');
SELECT is((SELECT version FROM catalog.product), 3::bigint,
          'one statement, one version');
INSERT INTO catalog.price (tenant, variant_id, currency, amount)
VALUES ('acme', :'black', 'EUR', 1250);
SELECT pg_temp.right('INSERT of a price');
UPDATE catalog.price SET amount = amount + 1;
SELECT pg_temp.right('UPDATE of all prices');
DELETE FROM catalog.price WHERE currency = 'USD';
SELECT pg_temp.right('DELETE of a price');
UPDATE catalog.media SET sort_order = 10 - sort_order;
SELECT pg_temp.right('UPDATE of the media');
DELETE FROM catalog.media WHERE alt_text IS NULL;
SELECT pg_temp.right('DELETE of a medium');
INSERT INTO catalog.variant (tenant, product_id, sku, sort_order)
VALUES ('acme', :'mug', 'MUG-R', 0);
SELECT pg_temp.right('INSERT of a variant');
DELETE FROM catalog.variant WHERE sku = 'MUG-R';
SELECT pg_temp.right('DELETE of a variant');
SELECT pg_temp.gapless('writes');

-- a price that begins and ends by itself

INSERT INTO catalog.price (tenant, variant_id, channel, currency, amount,
                           validity)
VALUES ('acme', :'black', 'default', 'CHF', 1111,
        tstzrange(clock_timestamp() + interval '150 ms',
                  clock_timestamp() + interval '300 ms'));
SELECT version AS before, due AS begins, boundaries[2] AS ends
  FROM catalog.product \gset
SELECT is((SELECT pg_temp.shown(p)#>>'{variants,1,price,currency}'
             FROM catalog.product p), 'EUR', 'not yet');
SELECT pg_sleep(extract(epoch FROM :'begins'::timestamptz
                        - clock_timestamp()) + 0.01) AS quiet \gset
SELECT is((SELECT pg_temp.shown(p)#>>'{variants,1,price,currency}'
             FROM catalog.product p), 'CHF', 'it begins');
SELECT is((SELECT pg_temp.shown(p)->>'version' FROM catalog.product p),
          (:before + 1)::text, 'as a version');
SELECT pg_temp.right('a price has begun');
SELECT throws_ok(format($$SELECT catalog.product_update('acme', 'ann', %L, %L,
                                                        '{"name":"M"}')$$,
                        :'mug', :'before'),
    'CA412', 'precondition-failed', 'what was seen before it is stale');
SELECT pg_sleep(greatest(extract(epoch FROM :'ends'::timestamptz
                        - clock_timestamp()), 0) + 0.01) AS quiet \gset
SELECT pg_temp.right('a price has ended');
SELECT is(r.version, (:before + 3)::bigint,
          'the next write comes behind both')
  FROM catalog.product_update('acme', 'ann', :'mug', (:before + 2)::text,
                              '{"name": "Enamel mug"}') r;
SELECT pg_temp.right('behind the prices');
SELECT pg_temp.gapless('time');
SELECT is((SELECT array_agg(term ORDER BY term) FROM catalog.product_term
            WHERE term LIKE 'w:%'), '{w:enamel,w:mug}',
          'the words follow the name');

-- deleted

SELECT is((SELECT status FROM catalog.product_delete('acme', 'ann', :'mug',
                                                     NULL)), 204, 'deleted');
SELECT is((SELECT count(*) FROM catalog.variant)
          + (SELECT count(*) FROM catalog.price)
          + (SELECT count(*) FROM catalog.media)
          + (SELECT count(*) FROM catalog.product_term), 0::bigint,
          'with all that belonged to it');
SELECT is((SELECT type FROM core.event ORDER BY position DESC LIMIT 1),
          'com.carmen.catalog.product.deleted.v1', 'the last event');
SELECT pg_temp.gapless('deletion');
SELECT is((SELECT array_agg(operation ORDER BY createts) FROM core.audit),
          '{create,update,delete}', 'who did what is written down');

SELECT finish();
ROLLBACK;
