-- Verify core:foundation

BEGIN;

SELECT tenant, actor, key, hash, reply, createts
  FROM core.idempotency WHERE false;
SELECT tenant, id, position, xact, type, source, subject, sequence, time, data
  FROM core.event WHERE false;
SELECT tenant, id, operation, employee_id, reference_type, reference_value,
       changes, createts FROM core.audit WHERE false;
SELECT has_function_privilege('carmen_app', 'core.uuid7()', 'execute');
SELECT 1 / (has_schema_privilege('carmen_app', 'core', 'usage'))::int;

ROLLBACK;
