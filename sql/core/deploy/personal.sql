-- Deploy core:personal
-- Where data of persons are (GDPR articles 15, 17 and 20).
--
-- A domain that keeps such data says so in a change of its own:
--
--     SELECT core.personal_add('orders', 'orders.personal_export(text,uuid)',
--                              'orders.personal_erase(text,uuid)');
--
-- export(tenant, user_id) returns json: all of it, no secrets.
-- erase(tenant, user_id) returns void: takes the person out of what must stay,
-- and deletes the rest; a second time it does nothing.
--
-- Both run in the tenant and with the rights of who asks.

BEGIN;

CREATE TABLE core.personal (
    part   text COLLATE "C" PRIMARY KEY,
    export text NOT NULL,
    erase  text NOT NULL
);
GRANT SELECT ON core.personal TO carmen_app;

-- Kept as texts, since a regprocedure in a table stands in the way of
-- pg_upgrade; what is not a function is refused here.
CREATE FUNCTION core.personal_add(part text, export regprocedure,
                                  erase regprocedure) RETURNS void
LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO core.personal AS p (part, export, erase)
    VALUES (personal_add.part, personal_add.export::text,
            personal_add.erase::text)
    ON CONFLICT ON CONSTRAINT personal_pkey
    DO UPDATE SET export = excluded.export, erase = excluded.erase;
END;

CREATE FUNCTION core.personal_drop(a_part text) RETURNS void
LANGUAGE sql
BEGIN ATOMIC
    DELETE FROM core.personal p WHERE p.part = a_part;
END;

-- {"part": …} of all parts.  The only place where a statement is put
-- together: of the names of functions that migrations have registered.
CREATE FUNCTION core.personal_export(a_tenant text, a_user uuid) RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
    p    core.personal;
    doc  json;
    list text[] := '{}';
BEGIN
    FOR p IN SELECT * FROM core.personal ORDER BY part LOOP
        EXECUTE format('SELECT %s($1, $2)',
                       p.export::regprocedure::regproc)
           INTO doc USING a_tenant, a_user;
        list := list || (to_json(p.part) || ':'
                         || coalesce(doc::text, 'null'));
    END LOOP;
    RETURN '{' || array_to_string(list, ',') || '}';
END
$$;

CREATE FUNCTION core.personal_erase(a_tenant text, a_user uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    p core.personal;
BEGIN
    FOR p IN SELECT * FROM core.personal ORDER BY part LOOP
        EXECUTE format('SELECT %s($1, $2)', p.erase::regprocedure::regproc)
          USING a_tenant, a_user;
    END LOOP;
END
$$;


-- The core's own: the audit, and the answers kept for repeated requests.

CREATE FUNCTION core.audit_export(a_tenant text, a_user uuid) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT coalesce(json_agg(json_build_object(
                   'operation', a.operation, 'actor', a.employee_id,
                   'referenceType', a.reference_type,
                   'referenceValue', a.reference_value,
                   'changes', a.changes, 'createdDate', core.ts(a.createts))
                   ORDER BY a.id), '[]')
          FROM core.audit a
         WHERE a.tenant = a_tenant
           AND (a.employee_id = a_user::text
                OR a.reference_type = 'user'
                   AND a.reference_value = a_user::text));
END
$$;

-- The audit stays as it was written: it names numbers, and what happened.
-- The answers hold the person's data; nobody but this function deletes them.
CREATE FUNCTION core.replies_erase(a_tenant text, a_user uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF a_tenant IS DISTINCT FROM core.tenant() THEN
        RAISE EXCEPTION 'not the tenant of this connection';
    END IF;
    DELETE FROM core.idempotency i
     WHERE i.tenant = a_tenant
       AND (i.actor = a_user::text
            OR strpos((i.reply).body, a_user::text) > 0);
END
$$;
REVOKE ALL ON FUNCTION core.replies_erase FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.replies_erase TO carmen_app;

SELECT core.personal_add('audit', 'core.audit_export(text,uuid)',
                         'core.replies_erase(text,uuid)');

COMMIT;
