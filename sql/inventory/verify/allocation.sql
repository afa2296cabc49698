-- Verify inventory:allocation

BEGIN;

SELECT 'inventory.expire_due(text, int)'::regprocedure;
SELECT 'inventory.settle_order(text, uuid, uuid, text, text)'::regprocedure;
SELECT 'inventory.settle(text, uuid, text, text)'::regprocedure;
SELECT 'inventory.settle_lines(text, uuid, text, text)'::regprocedure;
SELECT 'inventory.lock_held(text, uuid)'::regprocedure;
SELECT 'inventory.allocate(text, text, uuid, text[], bigint[], text[], timestamptz)'::regprocedure;
SELECT 'inventory.expire_rows(text, text, text[], text[])'::regprocedure;
SELECT 'inventory.free(text, text, text[], text[], bigint[], text, text)'::regprocedure;
SELECT 'inventory.row_key(text, text)'::regprocedure;

ROLLBACK;
