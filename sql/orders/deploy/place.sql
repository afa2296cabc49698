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
    r         core.reply;
    o         orders."order";
    v         inventory.reservation;
    a_lines   jsonb := a_body->'lines';
    al        inventory.allocation;
    items     text[];
    qtys      bigint[];
    nodes     text[];
    variants  uuid[];
    names     text[];
    units     bigint[];
    discounts numeric[];
    nets      bigint[];
    actives   boolean[];
    good      boolean;
    lines     text;
    kept      uuid := (a_body->>'reservationId')::uuid;
BEGIN
    r := core.replay(a_tenant, a_actor, a_key, a_hash);
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    o.tenant := a_tenant;
    o.order_id := core.uuid7();
    o.enterprise_code := coalesce(a_body->>'enterpriseCode', 'DEFAULT');
    o.channel := coalesce(a_body->>'channel', 'default');
    o.currency := a_body->>'currency';
    o.placed_by := a_actor;
    o.customer_id := a_actor;
    o.freight := 0;
    o.ordered_at := now();

    IF can_price THEN
        o.customer_id := coalesce(a_body->>'customerId', a_actor);
        o.external_ref := a_body->>'externalRef';
        o.freight := coalesce((a_body->'freight'->>'amount')::bigint, 0);
        o.ordered_at := coalesce((a_body->>'orderedAt')::timestamptz, now());
        PERFORM orders.check_currency(a_body, o.currency);
    END IF;

    IF kept IS NOT NULL THEN
        IF a_lines IS NOT NULL THEN
            PERFORM core.invalid('/lines', 'exclusive',
                                 'is not taken with a reservationId');
        END IF;
        v := orders.take_reservation(a_tenant, a_actor, kept, can_manage,
                                     o.order_id);
        o.holder_id := kept;
        o.enterprise_code := v.enterprise_code;
        o.cart_id := v.cart_id;
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

    -- price (the inner query is in the order of the lines)

    SELECT array_agg(p.item), array_agg(p.quantity), array_agg(p.node),
           array_agg(p.variant_id), array_agg(p.name), array_agg(p.active),
           array_agg(p.unit), array_agg(p.discount), array_agg(p.net),
           sum(p.unit * p.quantity), sum(p.net),
           bool_and(p.active AND p.unit IS NOT NULL)
      INTO items, qtys, nodes, variants, names, actives, units, discounts,
           nets, o.gross, o.net, good
      FROM (SELECT l.item, l.quantity, l.node, c.variant_id, c.name, c.active,
                   u.unit, u.discount,
                   CASE WHEN u.discount = 0 THEN u.unit * l.quantity
                        ELSE round(u.unit * l.quantity * (1 - u.discount))
                   END::bigint AS net
              FROM ROWS FROM (jsonb_to_recordset(a_lines)
                       AS ("itemId" text, quantity bigint, "shipNode" text,
                           "unitPrice" jsonb, discount numeric))
                   WITH ORDINALITY
                   AS l(item, quantity, node, given, discount, line)
              LEFT JOIN LATERAL (
                   SELECT t.variant_id, coalesce(t.name, d.name) AS name,
                          t.status = 'active' AND d.status = 'active'
                          AS active
                     FROM catalog.variant t
                     JOIN catalog.product d ON d.tenant = t.tenant
                      AND d.product_id = t.product_id
                    WHERE t.tenant = a_tenant AND t.sku = l.item
                    LIMIT 1) c ON true
              LEFT JOIN LATERAL (
                   -- comparing rows keeps the planner from the GiST index
                   -- that guards against overlaps: its look-up takes three
                   -- times as long as that of the B-tree
                   SELECT p.amount
                     FROM catalog.price p
                    WHERE p.tenant = a_tenant
                      AND (p.variant_id, p.channel)
                          >= (c.variant_id, o.channel)
                      AND (p.variant_id, p.channel)
                          <= (c.variant_id, o.channel)
                      AND p.currency = o.currency
                      AND p.validity @> now()
                    LIMIT 1) q ON NOT can_price OR l.given IS NULL
             CROSS JOIN LATERAL (
                   SELECT CASE WHEN can_price AND l.given IS NOT NULL
                               THEN (l.given->>'amount')::bigint
                               ELSE q.amount END AS unit,
                          CASE WHEN can_price THEN coalesce(l.discount, 0)
                               ELSE 0 END AS discount
                    OFFSET 0) u
             ORDER BY l.line) p;

    IF good IS NOT TRUE THEN
        PERFORM orders.refuse_lines(variants, actives, units);
    END IF;

    o.discount := o.gross - o.net;
    o.total := o.net + o.freight;

    -- reserve

    IF kept IS NULL THEN
        IF array_remove(nodes, NULL) = '{}' THEN
            nodes := NULL;
        END IF;
        o.holder_id := o.order_id;
        al := inventory.allocate(a_tenant, o.enterprise_code, o.holder_id,
                                 items, qtys, nodes, NULL);
    ELSE
        SELECT array_agg(l.line), array_agg(l.ship_node),
               array_agg(l.quantity)
          INTO al.lines, al.nodes, al.quantities
          FROM inventory.reservation_line l
         WHERE l.tenant = a_tenant AND l.holder_id = kept;
    END IF;

    -- order

    INSERT INTO orders."order" AS n (tenant, order_id, enterprise_code,
        customer_id, placed_by, external_ref, cart_id, holder_id,
        channel, currency, gross, discount, net, freight, total, note,
        ordered_at)
    VALUES (a_tenant, o.order_id, o.enterprise_code, o.customer_id,
        o.placed_by, o.external_ref, o.cart_id, o.holder_id, o.channel,
        o.currency, o.gross, o.discount, o.net, o.freight, o.total,
        a_body->>'note', o.ordered_at)
    RETURNING * INTO o;

    WITH l AS (
        INSERT INTO orders.order_line AS n (tenant, order_id, line,
            enterprise_code, item_id, variant_id, name, quantity, unit_price,
            discount, gross, net, allocated)
        SELECT a_tenant, o.order_id, u.line, o.enterprise_code, u.item,
               u.variant, u.name, u.quantity, u.unit, u.discount,
               u.unit * u.quantity, u.net, u.quantity
          FROM unnest(items, variants, names, qtys, units, discounts, nets)
               WITH ORDINALITY
               u(item, variant, name, quantity, unit, discount, net, line)
        RETURNING n.*)
    SELECT string_agg(orders.line_text(l.line, l.item_id, l.variant_id,
               l.name, l.quantity, l.unit_price, o.currency, l.discount,
               l.gross, l.net, l.allocated, l.shipped, l.cancelled,
               l.returned,
               (SELECT string_agg(orders.allocation_text(a.node, a.quantity),
                                  ',' ORDER BY a.node)
                  FROM unnest(al.lines, al.nodes, al.quantities)
                       a(line, node, quantity)
                 WHERE a.line = l.line)), ',')
      INTO lines FROM l;

    r := (0, o.version, '/orders/' || o.order_id,
          orders.order_text(o, lines));

    INSERT INTO core.event (tenant, type, source, subject, sequence, data)
    VALUES (a_tenant, 'com.carmen.orders.order.created.v1', '/orders/order',
            o.order_id::text, o.version,
            jsonb_build_object('orderId', o.order_id, 'status', o.status,
                'customerId', o.customer_id, 'currency', o.currency,
                'net', o.net, 'freight', o.freight, 'total', o.total,
                'lines', a_lines));

    INSERT INTO core.audit (tenant, operation, employee_id, reference_type,
                            reference_value, changes)
    VALUES (a_tenant, 'placed', a_actor, 'order', o.order_id::text,
            jsonb_build_object('status', o.status, 'version', o.version));

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
