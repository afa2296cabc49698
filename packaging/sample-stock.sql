-- Sample stock of tenant "demo": three ship nodes, and what lies there of each
-- variant.  Loaded behind sample-data.sql; loading it again changes nothing.

\set ON_ERROR_STOP on

SELECT set_config('carmen.tenant', 'demo', false);

DO $$
DECLARE
    node record;
    item record;
BEGIN
    FOR node IN
        SELECT * FROM (VALUES
            ('BERLIN', 'Warehouse Berlin', 'warehouse', 'Europe/Berlin'),
            ('LYON', 'Warehouse Lyon', 'warehouse', 'Europe/Paris'),
            ('STORE-1', 'Shop on the corner', 'store', 'Europe/Berlin'))
            n (id, name, type, zone)
    LOOP
        CONTINUE WHEN EXISTS (
            SELECT FROM inventory.ship_node n
             WHERE n.tenant = 'demo' AND n.id = node.id);
        PERFORM inventory.create_node('demo', 'sample', NULL, NULL,
            jsonb_build_object('id', node.id, 'name', node.name,
                'nodeType', node.type, 'timeZone', node.zone));
    END LOOP;

    -- the store has a third of what there is, and the last pieces are few
    FOR item IN
        SELECT v.sku, n.id AS node, n.nth,
               row_number() OVER (ORDER BY v.sku, n.nth) AS i
          FROM catalog.variant v
         CROSS JOIN (VALUES ('BERLIN', 1), ('LYON', 2), ('STORE-1', 3))
               n (id, nth)
         WHERE v.tenant = 'demo'
         ORDER BY v.sku, n.nth
    LOOP
        CONTINUE WHEN item.node = 'STORE-1' AND item.i % 9 <> 0;
        CONTINUE WHEN EXISTS (
            SELECT FROM inventory.inventory x
             WHERE x.tenant = 'demo' AND x.enterprise_code = 'DEFAULT'
               AND x.item_id = item.sku AND x.ship_node = item.node);
        PERFORM inventory.sync('demo', 'sample', item.sku, item.node, NULL,
            jsonb_build_object(
                'quantity', CASE item.node WHEN 'STORE-1' THEN 1 + item.i % 4
                            ELSE 20 + item.i * 13 % 180 END,
                'threshold', CASE item.node WHEN 'STORE-1' THEN 0 ELSE 2
                             END));
    END LOOP;
END
$$;

SELECT set_config('carmen.tenant', '', false);
