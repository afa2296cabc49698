-- Deploy core:foundation
-- What every domain stands on: tenants, row-level security, replies,
-- idempotency, refusals, events and audit.

BEGIN;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'carmen_app') THEN
        CREATE ROLE carmen_app LOGIN NOSUPERUSER NOBYPASSRLS;
    END IF;
END
$$;

CREATE SCHEMA core;
GRANT USAGE ON SCHEMA core TO carmen_app;

-- The tenant of this connection's current request.  Never NULL: a connection
-- that was not told a tenant sees nothing.
CREATE FUNCTION core.tenant() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN current_setting('carmen.tenant', true);

-- RFC 9562 section 5.7: 48 bits of Unix milliseconds, then random bits.
CREATE FUNCTION core.uuid7() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN encode(
    set_bit(set_bit(
        overlay(uuid_send(gen_random_uuid())
            PLACING substring(int8send((extract(epoch FROM clock_timestamp())
                                        * 1000)::bigint) FROM 3)
            FROM 1 FOR 6),
        52, 1), 53, 1), 'hex')::uuid;

-- RFC 3339 in UTC with milliseconds: the one form of time in answers.
CREATE FUNCTION core.ts(t timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- What a write function answers; status 0 is the route's own.
CREATE TYPE core.reply AS (
    status   int,
    version  bigint,
    location text,
    body     text
);

-- Ends the transaction with a problem.  The SQLSTATE carries the status,
-- the message the name of the problem, the hint its further members.
CREATE FUNCTION core.refuse(status int, problem text, detail text,
                            members jsonb DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'CA' || status,
        MESSAGE = problem,
        DETAIL  = coalesce(detail, ''),
        HINT    = coalesce(members::text, '');
END
$$;

-- The refusal of a field that only the database can judge.
CREATE FUNCTION core.invalid(pointer text, code text, detail text)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM core.refuse(422, 'validation-failed',
        'The request does not fit the rules of this resource.',
        jsonb_build_object('errors', jsonb_build_array(jsonb_build_object(
            'pointer', pointer, 'code', code, 'detail', detail))));
END
$$;

-- The refusal of a state machine.
CREATE FUNCTION core.illegal(current text, allowed text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM core.refuse(409, 'illegal-transition',
        format('The resource is %s.', current),
        jsonb_build_object('from', current, 'allowed', to_jsonb(allowed)));
END
$$;

CREATE FUNCTION core.touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.modifyts := clock_timestamp();
    RETURN NEW;
END
$$;

-- Puts a table behind the tenant guard: row-level security, forced, and the
-- rights of the server's role.
CREATE FUNCTION core.protect(tbl regclass, append_only boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tbl);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tbl);
    EXECUTE format('CREATE POLICY tenant ON %s USING (tenant = core.tenant())',
                   tbl);
    EXECUTE format('GRANT SELECT, INSERT%s ON %s TO carmen_app',
                   CASE WHEN append_only THEN '' ELSE ', UPDATE, DELETE' END,
                   tbl);
    IF NOT append_only AND EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = tbl AND attname = 'version' AND NOT attisdropped)
    THEN
        EXECUTE format('CREATE TRIGGER touch BEFORE UPDATE ON %s '
                       'FOR EACH ROW EXECUTE FUNCTION core.touch()', tbl);
    END IF;
END
$$;

-- Idempotency records: written in the transaction of the effect.
CREATE TABLE core.idempotency (
    tenant   text COLLATE "C" NOT NULL,
    actor    text COLLATE "C" NOT NULL,
    key      text COLLATE "C" NOT NULL,
    hash     text COLLATE "C" NOT NULL,
    reply    core.reply COMPRESSION lz4 NOT NULL,
    createts timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, actor, key)
);
CREATE INDEX idempotency_createts ON core.idempotency (createts);
SELECT core.protect('core.idempotency', append_only => true);

-- The stored reply of a key, or NULLs and the key is ours until the end of
-- the transaction.  409 while another transaction holds it, 422 when the key
-- was used for another request.
CREATE FUNCTION core.replay(a_tenant text, a_actor text, a_key text,
                            a_hash text) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    found_hash  text;
    found_reply core.reply;
BEGIN
    IF a_key IS NULL THEN
        RETURN NULL;
    END IF;

    -- not in the WHERE below: coalesce() counts as leaky there, and row-level
    -- security would keep it out of the index
    a_actor := coalesce(a_actor, '');

    IF NOT pg_try_advisory_xact_lock(hashtextextended(
        a_tenant || E'\n' || a_actor || E'\n' || a_key, 7))
    THEN
        PERFORM core.refuse(409, 'idempotency-in-flight',
            'A request with this Idempotency-Key is being carried out.');
    END IF;

    SELECT i.hash, (i.reply).status, (i.reply).version, (i.reply).location,
           (i.reply).body
      INTO found_hash, found_reply.status, found_reply.version,
           found_reply.location, found_reply.body
      FROM core.idempotency i
     WHERE i.tenant = a_tenant AND i.actor = a_actor
       AND i.key = a_key;

    IF FOUND AND found_hash <> a_hash THEN
        PERFORM core.refuse(422, 'idempotency-mismatch',
            'This Idempotency-Key was used for another request.');
    END IF;

    RETURN found_reply;
END
$$;

CREATE FUNCTION core.remember(a_tenant text, a_actor text, a_key text,
                              a_hash text, a_reply core.reply)
RETURNS core.reply
LANGUAGE plpgsql AS $$
BEGIN
    IF a_key IS NOT NULL THEN
        INSERT INTO core.idempotency (tenant, actor, key, hash, reply)
        VALUES (a_tenant, coalesce(a_actor, ''), a_key, a_hash, a_reply);
    END IF;
    RETURN a_reply;
END
$$;

-- The outbox and event store.  A reader goes by position, behind the oldest
-- transaction still running (xact < pg_snapshot_xmin), so it skips nothing.
CREATE TABLE core.event (
    tenant   text COLLATE "C" NOT NULL,
    id       uuid NOT NULL DEFAULT core.uuid7(),
    position bigint GENERATED ALWAYS AS IDENTITY,
    xact     xid8 NOT NULL DEFAULT pg_current_xact_id(),
    type     text COLLATE "C" NOT NULL,
    source   text COLLATE "C" NOT NULL,
    subject  text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL CHECK (sequence > 0),
    time     timestamptz NOT NULL DEFAULT clock_timestamp(),
    data     jsonb COMPRESSION lz4 NOT NULL,
    PRIMARY KEY (tenant, position),
    UNIQUE (tenant, source, subject, sequence)
);
SELECT core.protect('core.event', append_only => true);

CREATE FUNCTION core.emit(a_tenant text, domain text, event text,
                          subject text, sequence bigint, data jsonb)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO core.event (tenant, type, source, subject, sequence, data)
    VALUES (a_tenant, 'com.carmen.' || domain || '.' || event || '.v1',
            '/' || domain || '/' || split_part(event, '.', 1),
            subject, sequence, data);
END
$$;

-- Who did what (the sources' "audit" entity).
CREATE TABLE core.audit (
    tenant          text COLLATE "C" NOT NULL,
    id              uuid NOT NULL DEFAULT core.uuid7(),
    operation       text NOT NULL,
    employee_id     text,
    form_name       text,
    reference_type  text COLLATE "C" NOT NULL,
    reference_value text COLLATE "C" NOT NULL,
    changes         jsonb NOT NULL DEFAULT '{}',
    createts        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant, id)
);
CREATE INDEX audit_reference
    ON core.audit (tenant, reference_type, reference_value, id);
SELECT core.protect('core.audit', append_only => true);

CREATE FUNCTION core.log(a_tenant text, a_actor text, operation text,
                         reference_type text, reference_value text,
                         changes jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO core.audit (tenant, operation, employee_id, reference_type,
                            reference_value, changes)
    VALUES (a_tenant, operation, a_actor, reference_type, reference_value,
            changes);
END
$$;

-- A JSON object with only the named members, in their order.
CREATE FUNCTION core.pick(doc json, names text[]) RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT coalesce(json_object_agg(e.key, e.value), '{}'::json)
          FROM json_each(doc) e WHERE e.key = ANY (names));

COMMIT;
