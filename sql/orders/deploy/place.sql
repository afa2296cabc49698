-- Deploy orders:place
-- Price, reserve and order in one transaction.
--
-- This is the write that everything else is measured by: each step is one
-- statement over all lines.

BEGIN;

-- POST /orders.  "lines" are priced and reserved here; with "reservationId"
-- they are those of a reservation, which becomes the order's.  A caller with
-- orders:price may give prices, discounts, freight, the date, the customer.
CREATE FUNCTION orders.place(a_tenant text, a_actor text, a_key text,
                             a_hash text, a_body jsonb, can_price boolean,
                             can_manage boolean)
RETURNS core.reply
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    r          core.reply;
    id         uuid := core.uuid7();
    holder     uuid := id;
    kept       uuid := (a_body->>'reservationId')::uuid;
    a_lines    jsonb := a_body->'lines';
    enterprise text := coalesce(a_body->>'enterpriseCode', 'DEFAULT');
    a_channel  text := coalesce(a_body->>'channel', 'default');
    a_currency char(3) := a_body->>'currency';
    customer   text := a_actor;
    ref        text;
    cart       uuid;
    a_note     text := a_body->>'note';
    a_freight  bigint := 0;
    ordered    timestamptz := now();
    v          inventory.reservation;
    al         inventory.allocation;
    items      text[];
    qtys       bigint[];
    nodes      text[];
    variants   uuid[];
    names      text[];
    actives    boolean[];
    units      bigint[];
    discounts  numeric[];
    nets       bigint[];
    gross      bigint;
    a_gross    bigint := 0;
    a_net      bigint := 0;
    good       boolean := true;
    p          record;
    n          int := 0;
    parts      text[];
    lines      text;
BEGIN
    r := core.replay(a_tenant, a_actor, a_key, a_hash);
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    IF can_price THEN
        customer := coalesce(a_body->>'customerId', a_actor);
        ref := a_body->>'externalRef';
        a_freight := coalesce((a_body->'freight'->>'amount')::bigint, 0);
        ordered := coalesce((a_body->>'orderedAt')::timestamptz, ordered);
        PERFORM orders.check_currency(a_body, a_currency);
    END IF;

    IF kept IS NOT NULL THEN
        IF a_lines IS NOT NULL THEN
            PERFORM core.invalid('/lines', 'exclusive',
                                 'is not taken with a reservationId');
        END IF;
        v := orders.take_reservation(a_tenant, a_actor, kept, can_manage, id);
        holder := kept;
        enterprise := v.enterprise_code;
        cart := v.cart_id;
        SELECT json_agg(json_build_object('itemId', l.item_id,
                                          'quantity', l.quantity)
                        ORDER BY l.line)::jsonb
          INTO a_lines
          FROM (SELECT l.line, l.item_id, sum(l.quantity) AS quantity
                  FROM inventory.reservation_line l
                 WHERE l.tenant = a_tenant AND l.holder_id = kept
                 GROUP BY 1, 2) l;
    ELSIF a_lines IS NULL THEN
        PERFORM core.invalid('', 'required',
                             'needs lines or a reservationId');
    END IF;

    -- price; loops over the lines, as each aggregate would cost more

    FOR p IN
        SELECT l.item, l.quantity, l.node, c.variant_id, c.name, c.active,
               CASE WHEN can_price AND l.given IS NOT NULL
                    THEN (l.given->>'amount')::bigint
                    ELSE q.amount END AS unit,
               CASE WHEN can_price THEN coalesce(l.discount, 0)
                    ELSE 0 END AS discount
          FROM ROWS FROM (jsonb_to_recordset(a_lines)
                   AS ("itemId" text, quantity bigint, "shipNode" text,
                       "unitPrice" jsonb, discount numeric))
               WITH ORDINALITY
               AS l(item, quantity, node, given, discount, line)
          LEFT JOIN LATERAL (
               SELECT t.variant_id, coalesce(t.name, d.name) AS name,
                      t.status = 'active' AND d.status = 'active' AS active
                 FROM catalog.variant t
                 JOIN catalog.product d ON d.tenant = t.tenant
                  AND d.product_id = t.product_id
                WHERE t.tenant = a_tenant AND t.sku = l.item
                LIMIT 1) c ON true
          LEFT JOIN LATERAL (
               -- comparing rows keeps the planner from the GiST index that
               -- guards against overlaps: its look-up takes three times as
               -- long as that of the B-tree
               SELECT x.amount
                 FROM catalog.price x
                WHERE x.tenant = a_tenant
                  AND (x.variant_id, x.channel) >= (c.variant_id, a_channel)
                  AND (x.variant_id, x.channel) <= (c.variant_id, a_channel)
                  AND x.currency = a_currency
                  AND x.validity @> now()
                LIMIT 1) q ON NOT can_price OR l.given IS NULL
         ORDER BY l.line
    LOOP
        n := n + 1;
        items[n] := p.item;
        qtys[n] := p.quantity;
        variants[n] := p.variant_id;
        names[n] := p.name;
        actives[n] := p.active;
        units[n] := p.unit;
        discounts[n] := p.discount;
        good := good AND p.active AND p.unit IS NOT NULL;

        IF p.node IS NOT NULL THEN
            nodes[n] := p.node;
        END IF;

        gross := p.unit * p.quantity;
        nets[n] := CASE WHEN p.discount = 0 THEN gross
                        ELSE round(gross * (1 - p.discount)) END;
        a_gross := a_gross + gross;
        a_net := a_net + nets[n];
    END LOOP;

    IF good IS NOT TRUE THEN
        PERFORM orders.refuse_lines(variants, actives, units);
    END IF;

    -- reserve

    IF kept IS NULL THEN
        al := inventory.allocate(a_tenant, enterprise, holder, items, qtys,
                                 nodes, NULL);
    ELSE
        SELECT array_agg(l.line ORDER BY l.line, l.ship_node),
               array_agg(l.ship_node ORDER BY l.line, l.ship_node),
               array_agg(l.quantity ORDER BY l.line, l.ship_node)
          INTO al.lines, al.nodes, al.quantities
          FROM inventory.reservation_line l
         WHERE l.tenant = a_tenant AND l.holder_id = kept;
    END IF;

    -- order

    INSERT INTO orders."order" (tenant, order_id, enterprise_code,
        customer_id, placed_by, external_ref, cart_id, holder_id, channel,
        currency, gross, discount, net, freight, total, note, ordered_at)
    VALUES (a_tenant, id, enterprise, customer, a_actor, ref, cart, holder,
        a_channel, a_currency, a_gross, a_gross - a_net, a_net, a_freight,
        a_net + a_freight, a_note, ordered);

    INSERT INTO orders.order_line (tenant, order_id, line, enterprise_code,
        item_id, variant_id, name, quantity, unit_price, discount, gross,
        net, allocated)
    SELECT a_tenant, id, i, enterprise, items[i], variants[i], names[i],
           qtys[i], units[i], discounts[i], units[i] * qtys[i], nets[i],
           qtys[i]
      FROM generate_series(1, n) i;

    -- what a read would answer

    FOR i IN 1 .. cardinality(al.lines) LOOP
        n := al.lines[i];
        parts[n] := concat_ws(',', parts[n],
            orders.allocation_text(al.nodes[i], al.quantities[i]));
    END LOOP;

    FOR i IN 1 .. cardinality(items) LOOP
        lines := concat_ws(',', lines,
            orders.line_text(i, items[i], variants[i], names[i], qtys[i],
                units[i], a_currency, discounts[i], units[i] * qtys[i],
                nets[i], qtys[i], 0, 0, 0, parts[i]));
    END LOOP;

    r := (0, 1, '/orders/' || id, orders.order_text(ROW(a_tenant, id,
              enterprise, customer, a_actor, ref, cart, holder, a_channel,
              a_currency, 'placed', NULL, 'pending', 'pending', a_gross,
              a_gross - a_net, a_net, a_freight, a_net + a_freight, a_note,
              ordered, 1, now(), now())::orders."order", lines));

    INSERT INTO core.event (tenant, type, source, subject, sequence, data)
    VALUES (a_tenant, 'com.carmen.orders.order.created.v1', '/orders/order',
            id::text, 1,
            jsonb_build_object('orderId', id, 'status', 'placed',
                'customerId', customer, 'currency', a_currency,
                'net', a_net, 'freight', a_freight,
                'total', a_net + a_freight, 'lines', a_lines));

    INSERT INTO core.audit (tenant, operation, employee_id, reference_type,
                            reference_value, changes)
    VALUES (a_tenant, 'placed', a_actor, 'order', id::text,
            jsonb_strip_nulls(jsonb_build_object('status', 'placed',
                'version', 1, 'note', a_note)));

    RETURN core.remember(a_tenant, a_actor, a_key, a_hash, r);
END
$$;

-- Says of each line that cannot be ordered why.
CREATE FUNCTION orders.refuse_lines(a_variants uuid[], a_actives boolean[],
                                    a_units bigint[])
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM core.refuse(422, 'validation-failed',
        'Some lines cannot be ordered.',
        jsonb_build_object('errors', (
            SELECT jsonb_agg(jsonb_build_object(
                       'pointer', format('/lines/%s/itemId', u.line - 1),
                       'code', w.code, 'detail', w.detail) ORDER BY u.line)
              FROM unnest(a_variants, a_actives, a_units) WITH ORDINALITY
                   u(variant_id, active, unit, line),
                   LATERAL (SELECT * FROM (VALUES
                       (u.variant_id IS NULL, 'unknown',
                        'there is no such item'),
                       (NOT u.active, 'inactive', 'the item is not for sale'),
                       (u.unit IS NULL, 'unpriced',
                        'the item has no price in this channel and currency'))
                       v(applies, code, detail)
                     WHERE v.applies LIMIT 1) w)));
END
$$;

-- Prices are given in the currency of the order.
CREATE FUNCTION orders.check_currency(a_body jsonb, a_currency text)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    wrong text;
BEGIN
    IF a_body->'freight'->>'currency' <> a_currency THEN
        wrong := '/freight/currency';
    ELSE
        SELECT format('/lines/%s/unitPrice/currency', l.n - 1) INTO wrong
          FROM jsonb_array_elements(a_body->'lines') WITH ORDINALITY l(x, n)
         WHERE l.x->'unitPrice'->>'currency' <> a_currency
         ORDER BY l.n LIMIT 1;
    END IF;
    IF wrong IS NOT NULL THEN
        PERFORM core.invalid(wrong, 'currency',
                             'is not the currency of the order');
    END IF;
END
$$;

-- A held or confirmed reservation becomes the order's: it has no time then.
CREATE FUNCTION orders.take_reservation(a_tenant text, a_actor text,
    a_reservation uuid, can_manage boolean, a_order uuid)
RETURNS inventory.reservation
LANGUAGE plpgsql AS $$
DECLARE
    v inventory.reservation;
BEGIN
    SELECT * INTO v FROM inventory.reservation r
     WHERE r.tenant = a_tenant AND r.reservation_id = a_reservation
       AND (can_manage OR r.owner_id = a_actor)
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM core.refuse(422, 'unknown-reference',
            'There is no such reservation.',
            jsonb_build_object('errors', jsonb_build_array(
                jsonb_build_object('pointer', '/reservationId',
                    'code', 'unknown',
                    'detail', 'there is no such reservation'))));
    END IF;
    IF v.order_id IS NOT NULL THEN
        PERFORM core.refuse(409, 'reservation-in-order',
            'The reservation belongs to an order already.',
            CASE WHEN can_manage
                 THEN jsonb_build_object('orderId', v.order_id) END);
    END IF;
    IF v.state NOT IN ('held', 'confirmed')
       OR v.state = 'held' AND v.expires_at <= clock_timestamp()
    THEN
        PERFORM core.refuse(409, 'reservation-over',
            'The reservation holds nothing any more.',
            jsonb_build_object('state',
                CASE v.state WHEN 'held' THEN 'expired' ELSE v.state END));
    END IF;

    UPDATE inventory.reservation r
       SET order_id = a_order, expires_at = NULL
     WHERE r.tenant = a_tenant AND r.reservation_id = a_reservation
    RETURNING * INTO v;

    UPDATE inventory.reservation_line l SET expires_at = NULL
     WHERE l.tenant = a_tenant AND l.holder_id = a_reservation;

    PERFORM core.emit(a_tenant, 'inventory', 'reservation.ordered',
        a_reservation::text, v.version,
        jsonb_build_object('reservationId', a_reservation, 'state', v.state,
                           'orderId', a_order));

    RETURN v;
END
$$;

COMMIT;
