-- Verify inventory:changes

BEGIN;

SELECT 'inventory.adjust(text, text, text, text, jsonb)'::regprocedure;
SELECT 'inventory.adjustment_lines(jsonb)'::regprocedure;
SELECT 'inventory.free_due(inventory.inventory, text)'::regprocedure;
SELECT 'inventory.sync(text, text, text, text, bigint, jsonb)'::regprocedure;
SELECT 'inventory.open_row(text, text, text, text, text)'::regprocedure;
SELECT 'inventory.write(inventory.inventory, text, text, text)'::regprocedure;
SELECT 'inventory.subject(text, text, text)'::regprocedure;

ROLLBACK;
