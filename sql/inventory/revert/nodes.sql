-- Revert inventory:nodes

BEGIN;

DROP FUNCTION inventory.delete_node(text, text, text, bigint);
DROP FUNCTION inventory.replace_node(text, text, text, bigint, jsonb);
DROP FUNCTION inventory.create_node(text, text, text, text, jsonb);
DROP FUNCTION inventory.check_time_zone(text);

COMMIT;
