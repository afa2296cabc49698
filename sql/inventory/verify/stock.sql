-- Verify inventory:stock

BEGIN;

SELECT tenant, id, name, enterprise_code, node_type, time_zone, status,
       version, createts, modifyts
  FROM inventory.ship_node WHERE false;
SELECT tenant, enterprise_code, item_id, ship_node, quantity, reserved,
       threshold, infinite, shortfall, next_expiry, events, version, createts,
       modifyts
  FROM inventory.inventory WHERE false;
SELECT tenant, movement_id, enterprise_code, item_id, ship_node, delta,
       quantity, reason, reference, actor, version, createts, modifyts
  FROM inventory.movement WHERE false;
SELECT tenant, shortfall_id, enterprise_code, item_id, ship_node, counted,
       reserved, missing, resolvedts, version, createts, modifyts
  FROM inventory.shortfall WHERE false;
SELECT tenant, reservation_id, enterprise_code, owner_id, cart_id, order_id,
       state, expires_at, version, createts, modifyts
  FROM inventory.reservation WHERE false;
SELECT tenant, holder_id, line, ship_node, enterprise_code, item_id,
       quantity, state, expires_at, version, createts, modifyts
  FROM inventory.reservation_line WHERE false;
SELECT 1 / (NOT EXISTS (
    SELECT FROM pg_class
     WHERE relnamespace = 'inventory'::regnamespace AND relkind = 'r'
       AND NOT (relrowsecurity AND relforcerowsecurity)))::int;
SELECT 1 / (NOT has_table_privilege('carmen_app', 'inventory.movement',
                                    'update, delete'))::int;
SELECT 'inventory.inconsistencies(text)'::regprocedure;

ROLLBACK;
