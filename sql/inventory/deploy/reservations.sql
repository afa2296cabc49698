-- Deploy inventory:reservations
-- Reserve, confirm, release, extend.

BEGIN;

-- A hold whose time is up reads "expired", whether or not it was swept.
CREATE FUNCTION inventory.reservation_json(r inventory.reservation)
RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN json_build_object(
        'reservationId', (r).reservation_id,
        'enterpriseCode', (r).enterprise_code,
        'ownerId', (r).owner_id, 'cartId', (r).cart_id, 'orderId', (r).order_id,
        'state', CASE WHEN (r).state = 'held'
                       AND (r).expires_at <= clock_timestamp()
                      THEN 'expired' ELSE (r).state END,
        'expiresAt', core.ts((r).expires_at),
        'lines', (SELECT json_agg(json_build_object(
                             'line', l.line, 'itemId', l.item_id,
                             'shipNode', l.ship_node, 'quantity', l.quantity)
                         ORDER BY l.line, l.ship_node)
                    FROM inventory.reservation_line l
                   WHERE l.tenant = (r).tenant
                     AND l.holder_id = (r).reservation_id),
        'version', (r).version,
        'createts', core.ts((r).createts), 'modifyts', core.ts((r).modifyts));
END
$$;

CREATE FUNCTION inventory.reserve(a_tenant text, a_actor text, a_key text,
                                  a_hash text, a_body jsonb)
RETURNS core.reply
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    r     core.reply;
    v     inventory.reservation;
    items text[];
    qtys  bigint[];
    nodes text[];
BEGIN
    r := core.replay(a_tenant, a_actor, a_key, a_hash);
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    SELECT array_agg(x.item ORDER BY x.line),
           array_agg(x.quantity ORDER BY x.line),
           CASE WHEN count(x.node) > 0
                THEN array_agg(x.node ORDER BY x.line) END
      INTO items, qtys, nodes
      FROM ROWS FROM (jsonb_to_recordset(a_body->'lines')
               AS ("itemId" text, quantity bigint, "shipNode" text))
           WITH ORDINALITY AS x(item, quantity, node, line);

    INSERT INTO inventory.reservation (tenant, enterprise_code, owner_id,
                                       cart_id, expires_at)
    VALUES (a_tenant, coalesce(a_body->>'enterpriseCode', 'DEFAULT'),
            coalesce(a_body->>'ownerId', a_actor),
            (a_body->>'cartId')::uuid,
            clock_timestamp() + make_interval(secs =>
                coalesce((a_body->>'expiresIn')::int, 900)))
    RETURNING * INTO v;

    PERFORM inventory.allocate(a_tenant, v.enterprise_code, v.reservation_id,
                               items, qtys, nodes, v.expires_at);

    r := (0, v.version, '/reservations/' || v.reservation_id,
          inventory.reservation_json(v)::text);

    PERFORM core.emit(a_tenant, 'inventory', 'reservation.created',
                      v.reservation_id::text, v.version, r.body::jsonb);
    PERFORM core.log(a_tenant, a_actor, 'create', 'reservation',
                     v.reservation_id::text);

    RETURN core.remember(a_tenant, a_actor, a_key, a_hash, r);
END
$$;

-- The reservation for a caller who may act on it, or 404.  What an order
-- holds only the order changes.
CREATE FUNCTION inventory.own_reservation(a_tenant text, a_actor text,
                                          a_id uuid, a_anyone boolean)
RETURNS inventory.reservation
LANGUAGE plpgsql AS $$
DECLARE
    v inventory.reservation;
BEGIN
    SELECT * INTO v FROM inventory.reservation r
     WHERE r.tenant = a_tenant AND r.reservation_id = a_id
       AND (a_anyone OR r.owner_id = a_actor);
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL);
    END IF;
    IF v.order_id IS NOT NULL THEN
        PERFORM core.refuse(409, 'reservation-in-order',
            'The reservation belongs to an order, which governs it.',
            jsonb_build_object('orderId', v.order_id));
    END IF;
    RETURN v;
END
$$;

CREATE FUNCTION inventory.next_states(a_state text) RETURNS text[]
LANGUAGE sql IMMUTABLE
RETURN CASE a_state
       WHEN 'held' THEN ARRAY['confirmed', 'released', 'expired']
       WHEN 'confirmed' THEN ARRAY['consumed', 'released']
       ELSE '{}'::text[] END;

-- confirm and release
CREATE FUNCTION inventory.turn(a_tenant text, a_actor text, a_key text,
                               a_hash text, a_id uuid, a_state text,
                               a_anyone boolean)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    r core.reply;
    o inventory.reservation;
    v inventory.reservation;
BEGIN
    r := core.replay(a_tenant, a_actor, a_key, a_hash);
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    o := inventory.own_reservation(a_tenant, a_actor, a_id, a_anyone);
    v := inventory.settle(a_tenant, a_id, a_state, a_actor);

    IF v.order_id IS NOT NULL THEN
        -- an order took it while we waited
        PERFORM inventory.own_reservation(a_tenant, a_actor, a_id, a_anyone);
    END IF;
    IF v.state <> a_state THEN
        PERFORM core.illegal(v.state, inventory.next_states(v.state));
    END IF;
    IF v.version <> o.version THEN
        PERFORM core.log(a_tenant, a_actor, a_state, 'reservation',
                         a_id::text);
    END IF;

    r := (0, v.version, NULL, inventory.reservation_json(v)::text);
    RETURN core.remember(a_tenant, a_actor, a_key, a_hash, r);
END
$$;

-- A hold lives on until now + expiresIn, if that is later.
CREATE FUNCTION inventory.extend(a_tenant text, a_actor text, a_key text,
                                 a_hash text, a_id uuid, a_body jsonb,
                                 a_anyone boolean)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    r     core.reply;
    v     inventory.reservation;
    until timestamptz;
BEGIN
    r := core.replay(a_tenant, a_actor, a_key, a_hash);
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    PERFORM inventory.own_reservation(a_tenant, a_actor, a_id, a_anyone);
    SELECT * INTO STRICT v FROM inventory.reservation x
     WHERE x.tenant = a_tenant AND x.reservation_id = a_id
       FOR NO KEY UPDATE;
    IF v.order_id IS NOT NULL THEN
        PERFORM inventory.own_reservation(a_tenant, a_actor, a_id, a_anyone);
    END IF;
    IF v.state = 'held' AND v.expires_at <= clock_timestamp() THEN
        v.state := 'expired';
    END IF;
    IF v.state <> 'held' THEN
        PERFORM core.illegal(v.state, inventory.next_states(v.state));
    END IF;

    until := clock_timestamp()
             + make_interval(secs => (a_body->>'expiresIn')::int);
    IF until > v.expires_at THEN
        UPDATE inventory.reservation x SET expires_at = until
         WHERE x.tenant = a_tenant AND x.reservation_id = a_id
        RETURNING * INTO v;

        -- inventory.next_expiry is a lower bound: it may stay
        UPDATE inventory.reservation_line l SET expires_at = until
         WHERE l.tenant = a_tenant AND l.holder_id = a_id
           AND l.state = 'held';

        PERFORM core.emit(a_tenant, 'inventory', 'reservation.extended',
            a_id::text, v.version,
            jsonb_build_object('reservationId', a_id, 'state', v.state,
                               'expiresAt', core.ts(v.expires_at)));
        PERFORM core.log(a_tenant, a_actor, 'extend', 'reservation',
                         a_id::text);
    END IF;

    r := (0, v.version, NULL, inventory.reservation_json(v)::text);
    RETURN core.remember(a_tenant, a_actor, a_key, a_hash, r);
END
$$;

COMMIT;
