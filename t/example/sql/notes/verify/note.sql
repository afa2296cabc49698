-- Verify notes:note

BEGIN;

SELECT tenant, note_id, text, version, createts, modifyts
  FROM notes.note WHERE false;

ROLLBACK;
