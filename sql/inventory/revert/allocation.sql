-- Revert inventory:allocation

BEGIN;

DROP FUNCTION inventory.expire_due(text, int);
DROP FUNCTION inventory.settle_order(text, uuid, uuid, text, text);
DROP FUNCTION inventory.settle(text, uuid, text, text);
DROP FUNCTION inventory.settle_lines(text, uuid, text, text);
DROP FUNCTION inventory.lock_held(text, uuid);
DROP FUNCTION inventory.allocate(text, text, uuid, text[], bigint[], text[], timestamptz);
DROP FUNCTION inventory.expire_rows(text, text, text[], text[]);
DROP FUNCTION inventory.free(text, text, text[], text[], bigint[], text, text);
DROP FUNCTION inventory.row_key(text, text);
DROP TYPE inventory.allocation;

COMMIT;
