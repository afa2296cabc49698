-- Revert inventory:changes

BEGIN;

DROP FUNCTION inventory.adjust(text, text, text, text, jsonb);
DROP FUNCTION inventory.adjustment_lines(jsonb);
DROP FUNCTION inventory.free_due(inventory.inventory, text);
DROP FUNCTION inventory.sync(text, text, text, text, bigint, jsonb);
DROP FUNCTION inventory.open_row(text, text, text, text, text);
DROP FUNCTION inventory.write(inventory.inventory, text, text, text);
DROP FUNCTION inventory.subject(text, text, text);

COMMIT;
