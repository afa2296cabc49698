-- Deploy orders:personal
-- requires: transitions

BEGIN;

CREATE FUNCTION orders.personal_export(a_tenant text, a_user uuid)
RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT coalesce(json_agg(orders.order_text(o,
                   orders.lines_text(o))::json
                   ORDER BY o.ordered_at, o.order_id), '[]')
          FROM orders."order" o
         WHERE o.tenant = a_tenant AND o.customer_id = a_user::text);
END
$$;

-- Orders stay for the books, under a number that leads to nobody; what was
-- written into them by hand may name the person.
CREATE FUNCTION orders.personal_erase(a_tenant text, a_user uuid)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    o orders."order";
BEGIN
    FOR o IN SELECT x.* FROM orders."order" x
              WHERE x.tenant = a_tenant AND x.customer_id = a_user::text
                AND x.note IS NOT NULL
              ORDER BY x.order_id
                FOR UPDATE
    LOOP
        UPDATE orders."order" x SET note = NULL
         WHERE x.tenant = a_tenant AND x.order_id = o.order_id
        RETURNING x.* INTO o;
        PERFORM core.emit(a_tenant, 'orders', 'order.anonymized',
            o.order_id::text, o.version,
            jsonb_build_object('orderId', o.order_id, 'status', o.status,
                               'customerId', o.customer_id));
    END LOOP;
END
$$;

SELECT core.personal_add('orders', 'orders.personal_export(text,uuid)',
                         'orders.personal_erase(text,uuid)');

COMMIT;
