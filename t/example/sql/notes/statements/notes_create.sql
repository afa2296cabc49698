-- notes_create: a new note
-- lane: write
-- kind: write
-- returns: Note
SELECT * FROM notes.create_note(:tenant, :actor, :key, :hash, :body.text);
