-- Deploy orders:tables
-- Orders and their lines.  The timeline of an order is its audit.

BEGIN;

CREATE SCHEMA orders;
GRANT USAGE ON SCHEMA orders TO carmen_app;

-- The rules of a single column are domains: a CHECK of a table is parsed and
-- planned again by each statement, a domain's once a session.
CREATE DOMAIN orders.amount AS bigint CHECK (VALUE >= 0);
CREATE DOMAIN orders.count AS bigint CHECK (VALUE >= 0);
CREATE DOMAIN orders.share AS numeric CHECK (VALUE >= 0 AND VALUE <= 1);
CREATE DOMAIN orders.status AS text COLLATE "C"
    CHECK (VALUE IN ('draft', 'placed', 'confirmed', 'allocated',
                     'partially_shipped', 'shipped', 'delivered', 'closed',
                     'cancelled', 'on_hold'));
CREATE DOMAIN orders.payment_status AS text COLLATE "C"
    CHECK (VALUE IN ('pending', 'authorized', 'paid', 'failed', 'refunded',
                     'voided'));
CREATE DOMAIN orders.fulfilment_status AS text COLLATE "C"
    CHECK (VALUE IN ('pending', 'picking', 'packed', 'shipped', 'delivered',
                     'cancelled'));

-- Money in minor units of "currency"; the sums are those of the lines, taken
-- when the order is placed.
CREATE TABLE orders."order" (
    tenant            text COLLATE "C" NOT NULL,
    order_id          uuid NOT NULL DEFAULT core.uuid7(),
    enterprise_code   text COLLATE "C" NOT NULL DEFAULT 'DEFAULT',
    customer_id       text COLLATE "C" NOT NULL,
    placed_by         text COLLATE "C" NOT NULL,
    external_ref      text COLLATE "C",
    cart_id           uuid,
    -- under which id stock is held: the order's own, or that of the
    -- reservation that it was placed from
    holder_id         uuid NOT NULL,
    channel           text COLLATE "C" NOT NULL DEFAULT 'default',
    currency          char(3) COLLATE "C" NOT NULL,
    status            orders.status NOT NULL DEFAULT 'placed',
    held_from         orders.status,
    payment_status    orders.payment_status NOT NULL DEFAULT 'pending',
    fulfilment_status orders.fulfilment_status NOT NULL DEFAULT 'pending',
    gross             orders.amount NOT NULL,
    discount          orders.amount NOT NULL,
    net               orders.amount NOT NULL,
    freight           orders.amount NOT NULL DEFAULT 0,
    total             orders.amount NOT NULL,
    note              text,
    ordered_at        timestamptz NOT NULL DEFAULT now(),
    version           bigint NOT NULL DEFAULT 1,
    createts          timestamptz NOT NULL DEFAULT now(),
    modifyts          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, order_id),
    CONSTRAINT order_rules CHECK (net = gross - discount
                                  AND total = net + freight
                                  AND (status = 'on_hold')
                                      = (held_from IS NOT NULL))
);
CREATE INDEX order_time ON orders."order" (tenant, ordered_at, order_id);
CREATE INDEX order_customer
    ON orders."order" (tenant, customer_id, ordered_at, order_id);
CREATE UNIQUE INDEX order_external_ref
    ON orders."order" (tenant, external_ref) WHERE external_ref IS NOT NULL;
CREATE UNIQUE INDEX order_cart
    ON orders."order" (tenant, cart_id) WHERE cart_id IS NOT NULL;
SELECT core.protect('orders."order"');

-- What is outstanding is derived: quantity - shipped - cancelled.
CREATE TABLE orders.order_line (
    tenant          text COLLATE "C" NOT NULL,
    order_id        uuid NOT NULL,
    line            int NOT NULL,
    enterprise_code text COLLATE "C" NOT NULL DEFAULT 'DEFAULT',
    item_id         text COLLATE "C" NOT NULL,
    variant_id      uuid NOT NULL,
    name            text,
    quantity        orders.count NOT NULL,
    unit_price      orders.amount NOT NULL,
    discount        orders.share NOT NULL DEFAULT 0,
    gross           orders.amount NOT NULL,
    net             orders.amount NOT NULL,
    allocated       orders.count NOT NULL DEFAULT 0,
    shipped         orders.count NOT NULL DEFAULT 0,
    cancelled       orders.count NOT NULL DEFAULT 0,
    returned        orders.count NOT NULL DEFAULT 0,
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, order_id, line),
    FOREIGN KEY (tenant, order_id) REFERENCES orders."order",
    CONSTRAINT order_line_rules
        CHECK (quantity > 0 AND returned <= shipped
               AND allocated + shipped + cancelled <= quantity)
);
SELECT core.protect('orders.order_line');

-- JSON by format(): json_build_object() takes more than twice the time.

CREATE FUNCTION orders.line_text(line bigint, item_id text, variant_id uuid,
    name text, quantity bigint, unit_price bigint, currency text,
    discount numeric, gross bigint, net bigint, allocated bigint,
    shipped bigint, cancelled bigint, returned bigint, allocations text)
RETURNS text
LANGUAGE sql STABLE
RETURN format('{"line":%1$s,"itemId":%2$s,"variantId":"%3$s","name":%4$s,'
    '"quantity":%5$s,"unitPrice":{"amount":%6$s,"currency":"%7$s"},'
    '"discount":%8$s,"gross":{"amount":%9$s,"currency":"%7$s"},'
    '"net":{"amount":%10$s,"currency":"%7$s"},"allocated":%11$s,'
    '"shipped":%12$s,"cancelled":%13$s,"returned":%14$s,'
    '"allocations":[%15$s]}',
    line, to_json(item_id), variant_id,
    coalesce(to_json(name)::text, 'null'), quantity, unit_price, currency,
    discount, gross, net, allocated, shipped, cancelled, returned,
    allocations);

CREATE FUNCTION orders.allocation_text(ship_node text, quantity bigint)
RETURNS text
LANGUAGE sql STABLE
RETURN format('{"shipNode":%s,"quantity":%s}', to_json(ship_node), quantity);

-- "lines" NULL: as in lists, without them.  PL/pgSQL, because a function in
-- SQL that names its argument so often is not inlined, but planned each time.
CREATE FUNCTION orders.order_text(o orders."order", lines text)
RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN format('{"orderId":"%s","enterpriseCode":%s,"status":"%s",'
        '"heldFrom":%s,"paymentStatus":"%s","fulfilmentStatus":"%s",'
        '"customerId":%s,"placedBy":%s,"externalRef":%s,"cartId":%s,'
        '"reservationId":%s,"channel":%s,"currency":"%s","orderedAt":"%s",'
        '"note":%s,"totals":{"gross":%s,"discount":%s,"net":%s,'
        '"freight":%s,"total":%s,"currency":"%s"},%s"version":%s,'
        '"createts":"%s","modifyts":"%s"}',
        o.order_id, to_json(o.enterprise_code), o.status,
        coalesce(to_json(o.held_from::text)::text, 'null'),
        o.payment_status, o.fulfilment_status, to_json(o.customer_id),
        to_json(o.placed_by),
        coalesce(to_json(o.external_ref)::text, 'null'),
        coalesce(to_json(o.cart_id)::text, 'null'),
        coalesce(to_json(nullif(o.holder_id, o.order_id))::text, 'null'),
        to_json(o.channel), o.currency, core.ts(o.ordered_at),
        coalesce(to_json(o.note)::text, 'null'),
        o.gross, o.discount, o.net, o.freight, o.total, o.currency,
        coalesce('"lines":[' || lines || '],', ''), o.version,
        core.ts(o.createts), core.ts(o.modifyts));
END
$$;

CREATE FUNCTION orders.lines_text(o orders."order") RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT string_agg(orders.line_text(l.line, l.item_id, l.variant_id,
                   l.name, l.quantity, l.unit_price, o.currency, l.discount,
                   l.gross, l.net, l.allocated, l.shipped, l.cancelled,
                   l.returned,
                   (SELECT string_agg(orders.allocation_text(r.ship_node,
                                                             r.quantity), ','
                                      ORDER BY r.ship_node)
                      FROM inventory.reservation_line r
                     WHERE r.tenant = l.tenant AND r.holder_id = o.holder_id
                       AND r.line = l.line)), ','
               ORDER BY l.line)
          FROM orders.order_line l
         WHERE l.tenant = o.tenant AND l.order_id = o.order_id);
END
$$;

COMMIT;
