-- Verify inventory:nodes

BEGIN;

SELECT 'inventory.delete_node(text, text, text, bigint)'::regprocedure;
SELECT 'inventory.replace_node(text, text, text, bigint, jsonb)'::regprocedure;
SELECT 'inventory.create_node(text, text, text, text, jsonb)'::regprocedure;
SELECT 'inventory.check_time_zone(text)'::regprocedure;

ROLLBACK;
