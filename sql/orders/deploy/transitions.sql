-- Deploy orders:transitions
-- Confirm, hold, release, cancel.

BEGIN;

CREATE FUNCTION orders.next_states(a_status text, a_held_from text)
RETURNS text[]
LANGUAGE sql IMMUTABLE
RETURN CASE a_status
    WHEN 'draft' THEN ARRAY['placed']
    WHEN 'placed' THEN ARRAY['confirmed', 'on_hold', 'cancelled']
    WHEN 'confirmed' THEN ARRAY['allocated', 'on_hold', 'cancelled']
    WHEN 'allocated' THEN ARRAY['partially_shipped', 'shipped', 'on_hold',
                                'cancelled']
    WHEN 'partially_shipped' THEN ARRAY['shipped', 'on_hold']
    WHEN 'shipped' THEN ARRAY['delivered']
    WHEN 'delivered' THEN ARRAY['closed']
    WHEN 'on_hold' THEN ARRAY[a_held_from]
    ELSE '{}'::text[] END;

-- The order row comes first in the order of locks.  "verb" is confirm, hold,
-- release or cancel; reaching what is reached changes nothing.
CREATE FUNCTION orders.turn(a_tenant text, a_actor text, a_key text,
                            a_hash text, a_order uuid, a_verb text,
                            a_body jsonb, can_manage boolean)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    r      core.reply;
    o      orders."order";
    target text;
    event  text;
    moved  boolean;
BEGIN
    r := core.replay(a_tenant, a_actor, a_key, a_hash);
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    SELECT * INTO o FROM orders."order" x
     WHERE x.tenant = a_tenant AND x.order_id = a_order
       AND (can_manage OR x.customer_id = a_actor)
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL);
    END IF;

    target := CASE a_verb
        WHEN 'confirm' THEN 'confirmed'
        WHEN 'hold' THEN 'on_hold'
        WHEN 'cancel' THEN 'cancelled'
        WHEN 'release' THEN
            CASE WHEN o.status IN ('placed', 'confirmed', 'allocated',
                                   'partially_shipped')
                 THEN o.status ELSE coalesce(o.held_from, 'placed') END
        END;
    event := CASE a_verb WHEN 'hold' THEN 'held' WHEN 'release' THEN
             'released' ELSE target END;

    moved := target <> o.status;

    IF moved THEN
        IF target <> ALL (orders.next_states(o.status, o.held_from))
           OR a_verb <> 'release' AND o.status = 'on_hold'
        THEN
            PERFORM core.illegal(o.status,
                orders.next_states(o.status, o.held_from));
        END IF;

        IF a_verb = 'cancel' THEN
            PERFORM inventory.settle_order(a_tenant, a_order, o.holder_id,
                                           'released', a_actor);
            UPDATE orders.order_line l
               SET cancelled = l.quantity - l.shipped, allocated = 0
             WHERE l.tenant = a_tenant AND l.order_id = a_order;
        ELSIF a_verb = 'confirm' THEN
            PERFORM inventory.settle_order(a_tenant, a_order, o.holder_id,
                                           'confirmed', a_actor);
        END IF;

        UPDATE orders."order" x
           SET status = target,
               held_from = CASE a_verb WHEN 'hold' THEN o.status END,
               fulfilment_status = CASE a_verb WHEN 'cancel' THEN 'cancelled'
                                   ELSE x.fulfilment_status END
         WHERE x.tenant = a_tenant AND x.order_id = a_order
        RETURNING * INTO o;
    END IF;

    r := (0, o.version, NULL,
          orders.order_text(o, orders.lines_text(o)));

    IF moved THEN
        PERFORM core.emit(a_tenant, 'orders', 'order.' || event,
                          a_order::text, o.version,
                          jsonb_build_object('orderId', o.order_id,
                              'status', o.status,
                              'customerId', o.customer_id));
        PERFORM core.log(a_tenant, a_actor, event, 'order', a_order::text,
            jsonb_strip_nulls(jsonb_build_object('status', o.status,
                'version', o.version, 'note', a_body->'reason')));
    END IF;

    RETURN core.remember(a_tenant, a_actor, a_key, a_hash, r);
END
$$;

COMMIT;
