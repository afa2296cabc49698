-- What the benchmark adds to the sample data: 5,000 products of two variants
-- each, with a price, and a node where none of them runs out.  Parts are
-- written before the product, as catalog's own functions do.

SELECT set_config('carmen.tenant', 'demo', false);

SET CONSTRAINTS ALL DEFERRED;

INSERT INTO catalog.brand (tenant, name)
SELECT 'demo', 'Bench brand ' || b FROM generate_series(1, 20) b;

INSERT INTO catalog.category (tenant, name)
SELECT 'demo', 'Bench category ' || c FROM generate_series(1, 20) c;

CREATE TEMP TABLE bench_product ON COMMIT DROP AS
SELECT p, core.uuid7() AS product_id, core.uuid7() AS first,
       core.uuid7() AS second
  FROM generate_series(1, 5000) p;

CREATE TEMP TABLE bench_variant ON COMMIT DROP AS
SELECT p, product_id, v,
       CASE v WHEN 1 THEN first ELSE second END AS variant_id
  FROM bench_product, generate_series(1, 2) v;

INSERT INTO catalog.price (tenant, variant_id, currency, amount)
SELECT 'demo', variant_id, 'EUR', 100 + p * 7 % 9900
  FROM bench_variant;

INSERT INTO catalog.variant (tenant, variant_id, product_id, sku, name,
                             attributes, sort_order)
SELECT 'demo', variant_id, product_id, format('BENCH-%s-%s', p, v),
       CASE v WHEN 1 THEN 'small' ELSE 'large' END,
       jsonb_build_object('size', CASE v WHEN 1 THEN 'S' ELSE 'L' END), v
  FROM bench_variant;

INSERT INTO catalog.product (tenant, product_id, name, description, brand_id,
                             category_id, status, attributes)
SELECT 'demo', p.product_id, 'Bench product ' || p.p,
       'Made for measuring, in the size of an ordinary product description.',
       b.brand_id, c.category_id, 'active',
       jsonb_build_object('material', 'steel', 'weight', p.p % 900)
  FROM bench_product p
  JOIN catalog.brand b
    ON b.tenant = 'demo' AND b.name = 'Bench brand ' || 1 + p.p % 20
  JOIN catalog.category c
    ON c.tenant = 'demo' AND c.name = 'Bench category ' || 1 + p.p % 20;

-- Stock, with the movements that explain it.


INSERT INTO inventory.ship_node (tenant, id, name)
VALUES ('demo', 'BENCH', 'Bench node');

INSERT INTO inventory.inventory (tenant, item_id, ship_node, quantity)
SELECT 'demo', v.sku, 'BENCH', 100000000
  FROM catalog.variant v
 WHERE v.tenant = 'demo' AND v.sku LIKE 'BENCH-%';

INSERT INTO inventory.movement (tenant, item_id, ship_node, delta, quantity,
                                reason)
SELECT 'demo', i.item_id, 'BENCH', i.quantity, i.quantity, 'count'
  FROM inventory.inventory i
 WHERE i.tenant = 'demo' AND i.ship_node = 'BENCH';
