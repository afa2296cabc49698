-- notes_list: notes, the newest first
-- lane: fast
-- kind: list
-- returns: Note
-- sort: -createts n.note_id uuid
SELECT notes.note_json(n)::text AS item
FROM notes.note n
WHERE n.tenant = :tenant /*after*/ /*order*/
