-- notes_get: one note
-- lane: fast
-- kind: read
-- returns: Note
SELECT notes.note_json(n)::text AS body, n.version
FROM notes.note n
WHERE n.tenant = :tenant AND n.note_id = :path.noteId::uuid;
