-- Deploy inventory:allocation
-- Lock, choose nodes, hold stock, expire and free it.
--
-- Locks are taken in one order everywhere: an order, then rows of
-- inventory.inventory in key order, then reservations in key order.

BEGIN;

CREATE FUNCTION inventory.row_key(item text, node text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN item || E'\n' || node;

-- Gives back what reservations held of rows that the caller has locked.
-- What a count found missing goes first: the freed pieces are not there.
CREATE FUNCTION inventory.free(a_tenant text, a_enterprise text,
                               a_items text[], a_nodes text[],
                               a_quantities bigint[], a_actor text,
                               a_reference text)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    i inventory.inventory;
    d bigint;
    n int;
BEGIN
    FOR n IN 1 .. coalesce(cardinality(a_items), 0) LOOP
        SELECT * INTO STRICT i FROM inventory.inventory r
         WHERE r.tenant = a_tenant AND r.enterprise_code = a_enterprise
           AND r.item_id = a_items[n] AND r.ship_node = a_nodes[n];

        d := least(i.shortfall, a_quantities[n]);
        i.reserved := i.reserved - a_quantities[n];
        i.quantity := i.quantity - d;
        i.shortfall := i.shortfall - d;

        IF i.next_expiry IS NOT NULL THEN
            SELECT min(l.expires_at) INTO i.next_expiry
              FROM inventory.reservation_line l
             WHERE l.tenant = a_tenant AND l.enterprise_code = a_enterprise
               AND l.item_id = a_items[n] AND l.ship_node = a_nodes[n]
               AND l.state = 'held' AND l.expires_at IS NOT NULL;
        END IF;

        PERFORM inventory.write(i, a_actor, 'shortfall', a_reference);
    END LOOP;
END
$$;

-- Expires the due holds on rows that the caller has locked.  Only these rows
-- are given back; what the same reservations hold elsewhere follows when its
-- row is locked for somebody.  A reservation that is being confirmed is waited
-- for, and judged by what became of it.
CREATE FUNCTION inventory.expire_rows(a_tenant text, a_enterprise text,
                                      a_items text[], a_nodes text[])
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    due   timestamptz := clock_timestamp();
    keys  text[];
    ids   uuid[];
    items text[];
    nodes text[];
    qtys  bigint[];
    n     int;
BEGIN
    SELECT array_agg(inventory.row_key(k.item, k.node)) INTO keys
      FROM unnest(a_items, a_nodes) k(item, node);

    SELECT array_agg(s.reservation_id) INTO ids
      FROM (SELECT r.reservation_id FROM inventory.reservation r
             WHERE r.tenant = a_tenant AND r.reservation_id = ANY (ARRAY(
                   SELECT l.holder_id FROM inventory.reservation_line l
                    WHERE l.tenant = a_tenant
                      AND l.enterprise_code = a_enterprise
                      AND l.item_id = ANY (a_items)
                      AND l.state = 'held' AND l.expires_at <= due
                      AND inventory.row_key(l.item_id, l.ship_node)
                          = ANY (keys)))
             ORDER BY r.reservation_id
               FOR NO KEY UPDATE) s;

    WITH gone AS (
        UPDATE inventory.reservation r SET state = 'expired'
         WHERE r.tenant = a_tenant AND r.reservation_id = ANY (ids)
           AND r.state = 'held' AND r.expires_at <= due
        RETURNING r.reservation_id, r.version)
    INSERT INTO core.event (tenant, type, source, subject, sequence, data)
    SELECT a_tenant, 'com.carmen.inventory.reservation.expired.v1',
           '/inventory/reservation', g.reservation_id::text, g.version,
           jsonb_build_object('reservationId', g.reservation_id,
                              'state', 'expired')
      FROM gone g;

    WITH gone AS (
        UPDATE inventory.reservation_line l
           SET state = 'expired'
         WHERE l.tenant = a_tenant AND l.holder_id = ANY (ids)
           AND l.enterprise_code = a_enterprise
           AND l.state = 'held' AND l.expires_at <= due
           AND inventory.row_key(l.item_id, l.ship_node) = ANY (keys)
        RETURNING l.item_id, l.ship_node, l.quantity)
    SELECT array_agg(s.item_id ORDER BY s.item_id, s.ship_node),
           array_agg(s.ship_node ORDER BY s.item_id, s.ship_node),
           array_agg(s.quantity ORDER BY s.item_id, s.ship_node)
      INTO items, nodes, qtys
      FROM (SELECT g.item_id, g.ship_node, sum(g.quantity)::bigint AS quantity
              FROM gone g GROUP BY 1, 2) s;

    PERFORM inventory.free(a_tenant, a_enterprise, items, nodes, qtys, NULL,
                           'expired');

    -- rows whose bound was only stale: look again at their holds
    UPDATE inventory.inventory i
       SET next_expiry = (SELECT min(l.expires_at)
                            FROM inventory.reservation_line l
                           WHERE l.tenant = i.tenant
                             AND l.enterprise_code = i.enterprise_code
                             AND l.item_id = i.item_id
                             AND l.ship_node = i.ship_node
                             AND l.state = 'held'
                             AND l.expires_at IS NOT NULL)
     WHERE i.tenant = a_tenant AND i.enterprise_code = a_enterprise
       AND i.item_id = ANY (a_items) AND i.next_expiry <= due
       AND inventory.row_key(i.item_id, i.ship_node) = ANY (keys);
END
$$;

CREATE TYPE inventory.allocation AS (
    lines      int[],
    nodes      text[],
    quantities bigint[]
);

-- Holds stock for the lines of a holder, in one locking read and one update.  A line that names a node is served there.
-- The others together come from the first node, by code, that covers them
-- all; if none does, each line from the first node that covers it, and else
-- from as few nodes as hold enough, fullest first.  The same stock and the
-- same lines give the same answer.  Refuses with out-of-stock, saying of each
-- short line what is left for it.
CREATE FUNCTION inventory.allocate(a_tenant text, a_enterprise text,
    a_holder uuid, a_items text[], a_quantities bigint[],
    a_nodes text[], a_expires timestamptz)
RETURNS inventory.allocation
LANGUAGE plpgsql AS $$
DECLARE
    endless constant bigint := 4611686018427387904;
    r_key   text[];                 -- the locked rows, in key order
    r_tid   tid[];
    r_had   bigint[];               -- free before
    r_free  bigint[];               -- and after
    r_item  text[];
    r_node  text[];
    due     timestamptz;
    active  text[];
    a_line  int[] := '{}';          -- the answer
    a_node  text[] := '{}';
    a_qty   bigint[] := '{}';
    a_tid   tid[] := '{}';
    t_free  bigint[];               -- the same, for a node on trial
    t_line  int[];
    t_qty   bigint[];
    t_tid   tid[];
    short   jsonb := '[]';
    n       int := cardinality(a_items);
    k       int;
    best    int;
    part    bigint;
    wanted  bigint;
    total   bigint;
    chosen  text;
BEGIN
    active := ARRAY(SELECT s.id FROM inventory.ship_node s
                     WHERE s.tenant = a_tenant AND s.status = 'active'
                     ORDER BY s.id);

    FOR i IN 1 .. coalesce(cardinality(a_nodes), 0) LOOP
        IF a_nodes[i] <> ALL (active) THEN
            PERFORM core.invalid(format('/lines/%s/shipNode', i - 1),
                'inactive', 'is not an active ship node');
        END IF;
    END LOOP;

    -- one query locks all rows in key order; due holds on them are expired,
    -- and then it is looked again

    LOOP
        SELECT array_agg(s.key), array_agg(s.tid), array_agg(s.free),
               min(s.next_expiry)
          INTO r_key, r_tid, r_had, due
          FROM (SELECT DISTINCT u COLLATE "C" AS item_id
                  FROM unnest(a_items) u ORDER BY 1) w,
               LATERAL (
               SELECT inventory.row_key(i.item_id, i.ship_node) AS key,
                      i.ctid AS tid, i.next_expiry,
                      CASE WHEN i.infinite THEN endless
                           ELSE greatest(0, i.quantity - i.reserved
                                            - i.threshold) END AS free
                 FROM inventory.inventory i
                WHERE i.tenant = a_tenant
                  AND i.enterprise_code = a_enterprise
                  AND i.item_id = w.item_id
                  AND array_position(active, i.ship_node) > 0
                ORDER BY i.ship_node
                  FOR NO KEY UPDATE) s;

        EXIT WHEN due IS NULL OR due > clock_timestamp();
        PERFORM inventory.expire_rows(a_tenant, a_enterprise,
            ARRAY(SELECT split_part(u, E'\n', 1) FROM unnest(r_key) u),
            ARRAY(SELECT split_part(u, E'\n', 2) FROM unnest(r_key) u));
    END LOOP;

    r_free := r_had;

    -- lines that name their node

    IF a_nodes IS NOT NULL THEN
        FOR i IN 1 .. n LOOP
            CONTINUE WHEN a_nodes[i] IS NULL;
            k := array_position(r_key,
                                inventory.row_key(a_items[i], a_nodes[i]));
            IF k IS NULL OR r_free[k] < a_quantities[i] THEN
                short := short || jsonb_build_object('line', i,
                    'itemId', a_items[i], 'shipNode', a_nodes[i],
                    'requested', a_quantities[i],
                    'available', coalesce(r_free[k], 0));
                CONTINUE;
            END IF;
            r_free[k] := r_free[k] - a_quantities[i];
            a_line := a_line || i;
            a_node := a_node || a_nodes[i];
            a_qty := a_qty || a_quantities[i];
            a_tid := a_tid || r_tid[k];
        END LOOP;
    END IF;

    -- one node for all the others

    <<nodes>>
    FOREACH chosen IN ARRAY active LOOP
        t_free := r_free;
        t_line := a_line;
        t_qty := a_qty;
        t_tid := a_tid;

        FOR i IN 1 .. n LOOP
            CONTINUE WHEN a_nodes[i] IS NOT NULL;
            k := array_position(r_key,
                                inventory.row_key(a_items[i], chosen));
            IF k IS NULL OR t_free[k] < a_quantities[i] THEN
                chosen := NULL;
                CONTINUE nodes;
            END IF;
            t_free[k] := t_free[k] - a_quantities[i];
            t_line := t_line || i;
            t_qty := t_qty || a_quantities[i];
            t_tid := t_tid || r_tid[k];
        END LOOP;

        r_free := t_free;
        a_node := a_node || array_fill(chosen, ARRAY[cardinality(t_line)
                                                     - cardinality(a_line)]);
        a_line := t_line;
        a_qty := t_qty;
        a_tid := t_tid;
        EXIT;
    END LOOP;

    -- or more than one

    IF chosen IS NULL THEN
        r_item := ARRAY(SELECT split_part(u, E'\n', 1) FROM unnest(r_key) u);
        r_node := ARRAY(SELECT split_part(u, E'\n', 2) FROM unnest(r_key) u);

        FOR i IN 1 .. n LOOP
            CONTINUE WHEN a_nodes[i] IS NOT NULL;

            wanted := a_quantities[i];
            total := 0;
            best := NULL;
            k := array_position(r_item, a_items[i]);
            WHILE r_item[k] = a_items[i] LOOP
                IF best IS NULL AND r_free[k] >= wanted THEN
                    best := k;
                END IF;
                total := least(endless, total + least(r_free[k], endless / 2));
                k := k + 1;
            END LOOP;

            IF total < wanted THEN
                short := short || jsonb_build_object('line', i,
                    'itemId', a_items[i], 'requested', wanted,
                    'available', total);
                CONTINUE;
            END IF;

            LOOP
                IF best IS NULL THEN
                    k := array_position(r_item, a_items[i]);
                    best := k;
                    WHILE r_item[k] = a_items[i] LOOP
                        IF r_free[k] > r_free[best] THEN
                            best := k;
                        END IF;
                        k := k + 1;
                    END LOOP;
                END IF;

                part := least(wanted, r_free[best]);
                r_free[best] := r_free[best] - part;
                a_line := a_line || i;
                a_node := a_node || r_node[best];
                a_qty := a_qty || part;
                a_tid := a_tid || r_tid[best];

                wanted := wanted - part;
                EXIT WHEN wanted = 0;
                best := NULL;
            END LOOP;
        END LOOP;
    END IF;

    IF short <> '[]' THEN
        PERFORM core.refuse(409, 'out-of-stock',
            CASE jsonb_array_length(short)
                 WHEN 1 THEN 'A line exceeds what is available.'
                 ELSE jsonb_array_length(short)
                      || ' lines exceed what is available.' END,
            jsonb_build_object('lines', short));
    END IF;

    -- the rows are locked: they are where they were

    UPDATE inventory.inventory r
       SET reserved = r.reserved + r_had[array_position(r_tid, r.ctid)]
                      - r_free[array_position(r_tid, r.ctid)],
           events = r.events
                    + (r_free[array_position(r_tid, r.ctid)] = 0)::int,
           next_expiry = least(r.next_expiry, a_expires),
           version = r.version + 1
     WHERE r.tenant = a_tenant AND r.ctid = ANY (a_tid);

    INSERT INTO inventory.reservation_line (tenant, holder_id, line,
        ship_node, enterprise_code, item_id, quantity, expires_at)
    SELECT a_tenant, a_holder, a_line[i], a_node[i], a_enterprise,
           a_items[a_line[i]], a_qty[i], a_expires
      FROM generate_series(1, cardinality(a_line)) i;

    IF 0 = ANY (r_free) THEN
        INSERT INTO core.event (tenant, type, source, subject, sequence, data)
        SELECT a_tenant, 'com.carmen.inventory.inventory.threshold.crossed.v1',
               '/inventory/inventory',
               inventory.subject(r.enterprise_code, r.item_id, r.ship_node),
               r.events,
               inventory.inventory_json(r, 0)::jsonb
               || jsonb_build_object('direction', 'below')
          FROM inventory.inventory r
         WHERE r.tenant = a_tenant AND r.enterprise_code = a_enterprise
           AND r.item_id = ANY (a_items) AND NOT r.infinite
           AND r.quantity - r.reserved <= r.threshold
           AND EXISTS (SELECT FROM unnest(a_line, a_node) a(line, node)
                        WHERE a.node = r.ship_node
                          AND a_items[a.line] = r.item_id);
    END IF;

    IF cardinality(a_line) > n THEN
        SELECT array_agg(a.line ORDER BY a.line, a.node),
               array_agg(a.node ORDER BY a.line, a.node),
               array_agg(a.quantity ORDER BY a.line, a.node)
          INTO a_line, a_node, a_qty
          FROM unnest(a_line, a_node, a_qty) a(line, node, quantity);
    END IF;

    RETURN ROW(a_line, a_node, a_qty)::inventory.allocation;
END
$$;

-- Locks the stock rows that somebody holds, in key order.
CREATE FUNCTION inventory.lock_held(a_tenant text, a_holder uuid)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM inventory.inventory i
      WHERE i.tenant = a_tenant
        AND (i.enterprise_code, i.item_id, i.ship_node) IN (
            SELECT l.enterprise_code, l.item_id, l.ship_node
              FROM inventory.reservation_line l
             WHERE l.tenant = a_tenant AND l.holder_id = a_holder)
      ORDER BY i.enterprise_code, i.item_id, i.ship_node
        FOR NO KEY UPDATE;
END
$$;

-- Gives the lines of a holder another state; "released" frees their stock,
-- whose rows the caller has locked.
CREATE FUNCTION inventory.settle_lines(a_tenant text, a_holder uuid,
                                       a_state text, a_actor text)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    g record;
BEGIN
    FOR g IN
        WITH done AS (
            UPDATE inventory.reservation_line l
               SET state = a_state, expires_at = NULL
             WHERE l.tenant = a_tenant AND l.holder_id = a_holder
               AND l.state IN ('held', 'confirmed')
            RETURNING l.enterprise_code, l.item_id, l.ship_node, l.quantity)
        SELECT s.enterprise_code,
               array_agg(s.item_id ORDER BY s.item_id, s.ship_node) AS items,
               array_agg(s.ship_node ORDER BY s.item_id, s.ship_node)
               AS nodes,
               array_agg(s.quantity ORDER BY s.item_id, s.ship_node)
               AS quantities
          FROM (SELECT d.enterprise_code, d.item_id, d.ship_node,
                       sum(d.quantity)::bigint AS quantity
                  FROM done d GROUP BY 1, 2, 3) s
         GROUP BY s.enterprise_code ORDER BY s.enterprise_code
    LOOP
        IF a_state = 'released' THEN
            PERFORM inventory.free(a_tenant, g.enterprise_code, g.items,
                g.nodes, g.quantities, a_actor, a_holder::text);
        END IF;
    END LOOP;
END
$$;

-- Ends a reservation: released (its stock is free again) or confirmed (it
-- holds without a time).  Locks the stock, then the reservation.  NULL when
-- there is none of that id, else the reservation as it is now; whether that
-- is the wanted state is for the caller to see.
CREATE FUNCTION inventory.settle(a_tenant text, a_reservation uuid,
                                 a_state text, a_actor text)
RETURNS inventory.reservation
LANGUAGE plpgsql AS $$
DECLARE
    r inventory.reservation;
BEGIN
    IF a_state = 'released' THEN
        PERFORM inventory.lock_held(a_tenant, a_reservation);
    END IF;

    SELECT * INTO r FROM inventory.reservation v
     WHERE v.tenant = a_tenant AND v.reservation_id = a_reservation
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    IF r.state = 'held' AND r.expires_at <= clock_timestamp() THEN
        r.state := 'expired';
    END IF;

    IF r.state = a_state
       OR NOT (r.state = 'held'
               OR r.state = 'confirmed' AND a_state = 'released')
    THEN
        RETURN r;
    END IF;

    UPDATE inventory.reservation v
       SET state = a_state, expires_at = NULL
     WHERE v.tenant = a_tenant AND v.reservation_id = a_reservation
    RETURNING * INTO r;

    PERFORM inventory.settle_lines(a_tenant, a_reservation, a_state, a_actor);

    PERFORM core.emit(a_tenant, 'inventory', 'reservation.' || a_state,
        a_reservation::text, r.version,
        jsonb_strip_nulls(jsonb_build_object('reservationId', a_reservation,
            'state', a_state, 'orderId', r.order_id)));

    RETURN r;
END
$$;

-- The same for whatever an order holds: under its own id, or through the
-- reservation that it was placed from.  The order row is locked.
CREATE FUNCTION inventory.settle_order(a_tenant text, a_order uuid,
                                       a_holder uuid, a_state text,
                                       a_actor text)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF a_holder <> a_order THEN
        PERFORM inventory.settle(a_tenant, a_holder, a_state, a_actor);
        RETURN;
    END IF;
    IF a_state = 'released' THEN
        PERFORM inventory.lock_held(a_tenant, a_holder);
    END IF;
    PERFORM inventory.settle_lines(a_tenant, a_holder, a_state, a_actor);
END
$$;

-- Frees the holds of a tenant whose time is up, at most "a_limit" rows of
-- stock at a time; returns how many rows it looked at.  For a job: nothing
-- waits for it, since whoever needs a row frees it first.
CREATE FUNCTION inventory.expire_due(a_tenant text, a_limit int DEFAULT 500)
RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    e record;
    n int := 0;
BEGIN
    FOR e IN
        SELECT s.enterprise_code, array_agg(s.item_id) AS items,
               array_agg(s.ship_node) AS nodes, count(*)::int AS rows
          FROM (SELECT i.enterprise_code, i.item_id, i.ship_node
                  FROM inventory.inventory i
                 WHERE i.tenant = a_tenant
                   AND i.next_expiry <= clock_timestamp()
                 ORDER BY i.enterprise_code, i.item_id, i.ship_node
                 LIMIT a_limit
                   FOR NO KEY UPDATE SKIP LOCKED) s
         GROUP BY s.enterprise_code ORDER BY s.enterprise_code
    LOOP
        PERFORM inventory.expire_rows(a_tenant, e.enterprise_code, e.items,
                                      e.nodes);
        n := n + e.rows;
    END LOOP;
    RETURN n;
END
$$;

COMMIT;
