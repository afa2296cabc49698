-- Deploy inventory:changes
-- Synchronise and adjust stock, with movements and events.

BEGIN;

CREATE FUNCTION inventory.subject(enterprise text, item text, node text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN enterprise || '/' || item || '/' || node;

-- Writes what became of one row that the caller has locked: the row with its
-- next version, the movement that explains its quantity, and the events.
-- "n" is the row as it shall be; version and events are set here.
CREATE FUNCTION inventory.write(n inventory.inventory, a_actor text,
                                a_reason text, a_reference text)
RETURNS inventory.inventory
LANGUAGE plpgsql AS $$
DECLARE
    o       inventory.inventory;
    changed boolean;
    had     boolean;
    has     boolean;
BEGIN
    SELECT * INTO STRICT o FROM inventory.inventory i
     WHERE i.tenant = n.tenant AND i.enterprise_code = n.enterprise_code
       AND i.item_id = n.item_id AND i.ship_node = n.ship_node;

    changed := (o.quantity, o.threshold, o.infinite)
               IS DISTINCT FROM (n.quantity, n.threshold, n.infinite)
               OR o.events = 0;
    had := o.infinite OR o.quantity - o.reserved > o.threshold;
    has := n.infinite OR n.quantity - n.reserved > n.threshold;

    n.version := o.version + 1;
    n.events := o.events + changed::int + (had <> has)::int;

    UPDATE inventory.inventory i
       SET quantity = n.quantity, reserved = n.reserved,
           threshold = n.threshold, infinite = n.infinite,
           shortfall = n.shortfall, next_expiry = n.next_expiry,
           events = n.events, version = n.version, modifyts = n.modifyts
     WHERE i.tenant = n.tenant AND i.enterprise_code = n.enterprise_code
       AND i.item_id = n.item_id AND i.ship_node = n.ship_node;

    IF n.quantity <> o.quantity THEN
        INSERT INTO inventory.movement (tenant, enterprise_code, item_id,
            ship_node, delta, quantity, reason, reference, actor)
        VALUES (n.tenant, n.enterprise_code, n.item_id, n.ship_node,
            n.quantity - o.quantity, n.quantity, a_reason, a_reference,
            a_actor);
    END IF;

    IF n.shortfall = 0 AND o.shortfall > 0 THEN
        UPDATE inventory.shortfall s SET resolvedts = clock_timestamp()
         WHERE s.tenant = n.tenant AND s.enterprise_code = n.enterprise_code
           AND s.item_id = n.item_id AND s.ship_node = n.ship_node
           AND s.resolvedts IS NULL;
    END IF;

    IF changed THEN
        PERFORM core.emit(n.tenant, 'inventory', 'inventory.changed',
            inventory.subject(n.enterprise_code, n.item_id, n.ship_node),
            o.events + 1,
            inventory.inventory_json(n, 0)::jsonb
            || jsonb_build_object('reason', a_reason));
    END IF;

    IF had <> has THEN
        PERFORM core.emit(n.tenant, 'inventory',
            'inventory.threshold.crossed',
            inventory.subject(n.enterprise_code, n.item_id, n.ship_node),
            n.events,
            inventory.inventory_json(n, 0)::jsonb
            || jsonb_build_object('direction',
                                  CASE WHEN has THEN 'above' ELSE 'below' END));
    END IF;

    RETURN n;
END
$$;

-- The row of a key, locked; made with nothing in it if it is new (version 0:
-- inventory.write makes it 1).  A stock record needs an active node.
CREATE FUNCTION inventory.open_row(a_tenant text, a_enterprise text,
                                   a_item text, a_node text, a_pointer text)
RETURNS inventory.inventory
LANGUAGE plpgsql AS $$
DECLARE
    i inventory.inventory;
    s text;
BEGIN
    SELECT n.status INTO s FROM inventory.ship_node n
     WHERE n.tenant = a_tenant AND n.id = a_node;
    IF s IS DISTINCT FROM 'active' THEN
        PERFORM core.invalid(a_pointer,
            CASE WHEN s IS NULL THEN 'unknown' ELSE 'inactive' END,
            CASE WHEN s IS NULL THEN 'there is no such ship node'
                 ELSE 'the ship node is not active' END);
    END IF;

    INSERT INTO inventory.inventory (tenant, enterprise_code, item_id,
                                     ship_node, version, modifyts)
    VALUES (a_tenant, a_enterprise, a_item, a_node, 0, '-infinity')
    ON CONFLICT DO NOTHING;

    SELECT * INTO STRICT i FROM inventory.inventory r
     WHERE r.tenant = a_tenant AND r.enterprise_code = a_enterprise
       AND r.item_id = a_item AND r.ship_node = a_node
       FOR NO KEY UPDATE;

    RETURN i;
END
$$;

-- PUT /inventory/{itemId}/nodes/{shipNode}: another system's figure as of
-- body.modifyts.  Older than what is known: nothing changes, applied is
-- false.  Below what is promised: the quantity stays at the promise and the
-- difference becomes a shortfall.
CREATE FUNCTION inventory.sync(a_tenant text, a_actor text, a_item text,
                               a_node text, a_match bigint, a_body jsonb)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    ent    text := coalesce(a_body->>'enterpriseCode', 'DEFAULT');
    i      inventory.inventory;
    stamp  timestamptz := coalesce((a_body->>'modifyts')::timestamptz,
                                   clock_timestamp());
    wanted bigint := (a_body->>'quantity')::bigint;
    fresh  boolean;
    stale  boolean;
BEGIN
    IF stamp > clock_timestamp() + interval '5 minutes' THEN
        PERFORM core.invalid('/modifyts', 'future',
                             'is in the future of this server''s clock');
    END IF;

    IF a_match IS NOT NULL AND NOT EXISTS (
        SELECT FROM inventory.inventory r
         WHERE r.tenant = a_tenant AND r.enterprise_code = ent
           AND r.item_id = a_item AND r.ship_node = a_node)
    THEN
        PERFORM core.refuse(412, 'precondition-failed', NULL);
    END IF;

    i := inventory.open_row(a_tenant, ent, a_item, a_node, '');

    IF a_match IS NOT NULL AND a_match <> i.version THEN
        PERFORM core.refuse(412, 'precondition-failed', NULL);
    END IF;

    i := inventory.free_due(i, a_actor);

    fresh := i.version = 0;
    stale := i.modifyts > stamp;
    IF NOT stale THEN
        i.threshold := coalesce((a_body->>'threshold')::bigint, 0);
        i.infinite := coalesce((a_body->>'infinite')::boolean, false);
        i.quantity := CASE WHEN i.infinite THEN wanted
                           ELSE greatest(wanted, i.reserved) END;
        i.shortfall := i.quantity - wanted;
        i.modifyts := stamp;

        UPDATE inventory.shortfall s SET resolvedts = clock_timestamp()
         WHERE s.tenant = a_tenant AND s.enterprise_code = ent
           AND s.item_id = a_item AND s.ship_node = a_node
           AND s.resolvedts IS NULL;
        IF i.shortfall > 0 THEN
            INSERT INTO inventory.shortfall (tenant, enterprise_code,
                item_id, ship_node, counted, reserved, missing)
            VALUES (a_tenant, ent, a_item, a_node, wanted, i.reserved,
                i.shortfall);
        END IF;

        i := inventory.write(i, a_actor, 'sync', NULL);
        PERFORM core.log(a_tenant, a_actor, 'sync', 'inventory',
                         inventory.subject(ent, a_item, a_node), a_body);
    END IF;

    RETURN (CASE WHEN fresh THEN 201 ELSE 200 END, i.version, NULL,
        rtrim(inventory.inventory_json(i, 0)::text, '}')
        || ', "applied" : ' || (NOT stale)::text || '}')::core.reply;
END
$$;

-- Frees what of one locked row is held by reservations whose time is up.
-- (inventory.expire_rows does it for many; this is its door for one.)
CREATE FUNCTION inventory.free_due(i inventory.inventory, a_actor text)
RETURNS inventory.inventory
LANGUAGE plpgsql AS $$
BEGIN
    IF i.next_expiry <= clock_timestamp() THEN
        PERFORM inventory.expire_rows(i.tenant, i.enterprise_code,
                                      ARRAY[i.item_id], ARRAY[i.ship_node]);
        SELECT * INTO STRICT i FROM inventory.inventory r
         WHERE r.tenant = i.tenant AND r.enterprise_code = i.enterprise_code
           AND r.item_id = i.item_id AND r.ship_node = i.ship_node;
    END IF;
    RETURN i;
END
$$;

-- The lines of an adjustment in the key order of their rows.
CREATE FUNCTION inventory.adjustment_lines(a_body jsonb)
RETURNS TABLE (line bigint, ent text, item text, node text, delta bigint)
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT x.line, coalesce(x.ent, 'DEFAULT'), x.item, x.node, x.delta
      FROM ROWS FROM (jsonb_to_recordset(a_body->'lines')
               AS ("enterpriseCode" text, "itemId" text, "shipNode" text,
                   delta bigint))
           WITH ORDINALITY AS x(ent, item, node, delta, line)
     ORDER BY coalesce(x.ent, 'DEFAULT') COLLATE "C", x.item COLLATE "C",
              x.node COLLATE "C", x.line;
END;

-- POST /inventory/adjustments: all lines or none, rows locked in key order.
CREATE FUNCTION inventory.adjust(a_tenant text, a_actor text, a_key text,
                                 a_hash text, a_body jsonb)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    r     core.reply;
    l     record;
    i     inventory.inventory;
    done  json[];
    id    uuid := core.uuid7();
BEGIN
    r := core.replay(a_tenant, a_actor, a_key, a_hash);
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    -- every row before any reservation: that is the order of locks

    FOR l IN SELECT * FROM inventory.adjustment_lines(a_body) LOOP
        PERFORM inventory.open_row(a_tenant, l.ent, l.item, l.node,
                                   format('/lines/%s/shipNode', l.line - 1));
    END LOOP;

    FOR l IN
        SELECT a.ent, array_agg(DISTINCT a.item) AS items,
               array_agg(DISTINCT a.node) AS nodes
          FROM inventory.adjustment_lines(a_body) a
         GROUP BY a.ent ORDER BY a.ent
    LOOP
        PERFORM inventory.expire_rows(a_tenant, l.ent,
            array_agg(v.item_id), array_agg(v.ship_node))
           FROM inventory.inventory v
           JOIN inventory.adjustment_lines(a_body) a
             ON (a.ent, a.item, a.node)
              = (v.enterprise_code, v.item_id, v.ship_node)
          WHERE v.tenant = a_tenant AND v.enterprise_code = l.ent
            AND v.item_id = ANY (l.items) AND v.ship_node = ANY (l.nodes)
            AND v.next_expiry <= clock_timestamp()
         HAVING count(*) > 0;
    END LOOP;

    FOR l IN SELECT * FROM inventory.adjustment_lines(a_body) LOOP
        SELECT * INTO STRICT i FROM inventory.inventory v
         WHERE v.tenant = a_tenant AND v.enterprise_code = l.ent
           AND v.item_id = l.item AND v.ship_node = l.node;

        IF i.quantity + l.delta < 0 THEN
            PERFORM core.invalid(format('/lines/%s/delta', l.line - 1),
                'negative', format('would leave %s of %s',
                                   i.quantity + l.delta, l.item));
        END IF;
        IF NOT i.infinite AND i.quantity + l.delta < i.reserved THEN
            PERFORM core.refuse(409, 'stock-reserved',
                'The adjustment would take stock that is promised.',
                jsonb_build_object('lines', jsonb_build_array(
                    jsonb_build_object('line', l.line, 'itemId', l.item,
                        'shipNode', l.node, 'quantity', i.quantity,
                        'reserved', i.reserved))));
        END IF;

        i.quantity := i.quantity + l.delta;
        i.modifyts := greatest(i.modifyts, clock_timestamp());
        i := inventory.write(i, a_actor, a_body->>'reason',
                             coalesce(a_body->>'reference', id::text));
        done := done || inventory.inventory_json(i, 0);
    END LOOP;

    PERFORM core.log(a_tenant, a_actor, 'adjust', 'adjustment', id::text,
                     a_body);

    r := (200, NULL, NULL, json_build_object('adjustmentId', id,
            'reason', a_body->>'reason', 'items', to_json(done))::text);
    RETURN core.remember(a_tenant, a_actor, a_key, a_hash, r);
END
$$;

COMMIT;
