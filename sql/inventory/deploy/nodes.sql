-- Deploy inventory:nodes
-- Create, replace and delete ship nodes.

BEGIN;

CREATE FUNCTION inventory.check_time_zone(zone text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF zone !~ '^[A-Za-z_]+(/[A-Za-z0-9_+-]+)*$' THEN
        RAISE invalid_parameter_value;
    END IF;
    PERFORM now() AT TIME ZONE zone;
EXCEPTION WHEN invalid_parameter_value THEN
    PERFORM core.invalid('/timeZone', 'time-zone',
                         'is not a time zone of the IANA database');
END
$$;

CREATE FUNCTION inventory.create_node(a_tenant text, a_actor text, a_key text,
                                      a_hash text, a_body jsonb)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    r core.reply;
    n inventory.ship_node;
BEGIN
    r := core.replay(a_tenant, a_actor, a_key, a_hash);
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    PERFORM inventory.check_time_zone(coalesce(a_body->>'timeZone', 'UTC'));

    -- a deleted node of that id had events: the sequence goes on
    INSERT INTO inventory.ship_node (tenant, id, name, enterprise_code,
                                     node_type, time_zone, status, version)
    VALUES (a_tenant, a_body->>'id', a_body->>'name',
            coalesce(a_body->>'enterpriseCode', 'DEFAULT'),
            coalesce(a_body->>'nodeType', 'warehouse'),
            coalesce(a_body->>'timeZone', 'UTC'),
            coalesce(a_body->>'status', 'active'),
            (SELECT coalesce(max(e.sequence), 0) + 1 FROM core.event e
              WHERE e.tenant = a_tenant AND e.source = '/inventory/ship-node'
                AND e.subject = a_body->>'id'))
    ON CONFLICT DO NOTHING
    RETURNING * INTO n;

    IF n.id IS NULL THEN
        PERFORM core.refuse(409, 'conflict', 'There is a ship node '
            || (a_body->>'id') || ' already.');
    END IF;

    PERFORM core.emit(a_tenant, 'inventory', 'ship-node.created', n.id,
                      n.version, inventory.ship_node_json(n)::jsonb);
    PERFORM core.log(a_tenant, a_actor, 'create', 'ship-node', n.id, a_body);

    r := (0, n.version, '/ship-nodes/' || n.id,
          inventory.ship_node_json(n)::text);
    RETURN core.remember(a_tenant, a_actor, a_key, a_hash, r);
END
$$;

-- PUT: what the body leaves out goes back to its default.
CREATE FUNCTION inventory.replace_node(a_tenant text, a_actor text,
                                       a_id text, a_match bigint,
                                       a_body jsonb)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    n inventory.ship_node;
BEGIN
    SELECT * INTO n FROM inventory.ship_node s
     WHERE s.tenant = a_tenant AND s.id = a_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL);
    END IF;
    IF n.version <> a_match THEN
        PERFORM core.refuse(412, 'precondition-failed', NULL);
    END IF;

    PERFORM inventory.check_time_zone(coalesce(a_body->>'timeZone', 'UTC'));

    UPDATE inventory.ship_node s
       SET name = a_body->>'name',
           enterprise_code = coalesce(a_body->>'enterpriseCode', 'DEFAULT'),
           node_type = coalesce(a_body->>'nodeType', 'warehouse'),
           time_zone = coalesce(a_body->>'timeZone', 'UTC'),
           status = coalesce(a_body->>'status', 'active')
     WHERE s.tenant = a_tenant AND s.id = a_id
    RETURNING * INTO n;

    PERFORM core.emit(a_tenant, 'inventory', 'ship-node.updated', n.id,
                      n.version, inventory.ship_node_json(n)::jsonb);
    PERFORM core.log(a_tenant, a_actor, 'replace', 'ship-node', n.id, a_body);

    RETURN (0, n.version, NULL, inventory.ship_node_json(n)::text)::core.reply;
END
$$;

-- A node that ever held stock stays: its movements name it.
CREATE FUNCTION inventory.delete_node(a_tenant text, a_actor text, a_id text,
                                      a_match bigint)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    n inventory.ship_node;
BEGIN
    SELECT * INTO n FROM inventory.ship_node s
     WHERE s.tenant = a_tenant AND s.id = a_id FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL);
    END IF;
    IF n.version <> a_match THEN
        PERFORM core.refuse(412, 'precondition-failed', NULL);
    END IF;
    IF EXISTS (SELECT FROM inventory.inventory i
                WHERE i.tenant = a_tenant AND i.ship_node = a_id)
    THEN
        PERFORM core.refuse(409, 'node-in-use',
            'The node has stock records; set its status to inactive.');
    END IF;

    DELETE FROM inventory.ship_node s
     WHERE s.tenant = a_tenant AND s.id = a_id;

    PERFORM core.emit(a_tenant, 'inventory', 'ship-node.deleted', n.id,
                      n.version + 1, jsonb_build_object('id', n.id));
    PERFORM core.log(a_tenant, a_actor, 'delete', 'ship-node', n.id);

    RETURN (204, NULL, NULL, NULL)::core.reply;
END
$$;

COMMIT;
