-- Deploy notes:note

BEGIN;

CREATE SCHEMA notes;
GRANT USAGE ON SCHEMA notes TO carmen_app;

CREATE TABLE notes.note (
    tenant          text COLLATE "C" NOT NULL,
    note_id         uuid NOT NULL DEFAULT core.uuid7(),
    text            text NOT NULL,
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, note_id)
);

SELECT core.protect('notes.note');

CREATE FUNCTION notes.note_json(n notes.note) RETURNS json
LANGUAGE sql STABLE
RETURN json_build_object('noteId', (n).note_id, 'text', (n).text,
                         'createdDate', core.ts((n).createts));

CREATE FUNCTION notes.create_note(a_tenant text, a_actor text, a_key text,
                                  a_hash text, a_text text)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    r core.reply;
    n notes.note;
BEGIN
    r := core.replay(a_tenant, a_actor, a_key, a_hash);
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    INSERT INTO notes.note (tenant, text) VALUES (a_tenant, a_text)
    RETURNING * INTO n;

    PERFORM core.emit(a_tenant, 'notes', 'note.created', n.note_id::text, 1,
                      to_jsonb(notes.note_json(n)));
    PERFORM core.log(a_tenant, a_actor, 'create', 'note', n.note_id::text);

    RETURN core.remember(a_tenant, a_actor, a_key, a_hash,
        (0, n.version, '/notes/' || n.note_id, notes.note_json(n)::text));
END
$$;

COMMIT;
