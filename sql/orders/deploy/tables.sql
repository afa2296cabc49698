-- Deploy orders:tables
-- Orders, their lines and their history.

BEGIN;

CREATE SCHEMA orders;
GRANT USAGE ON SCHEMA orders TO carmen_app;

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
    reservation_id    uuid NOT NULL,
    channel           text COLLATE "C" NOT NULL DEFAULT 'default',
    currency          char(3) COLLATE "C" NOT NULL,
    status            text COLLATE "C" NOT NULL DEFAULT 'placed'
        CHECK (status IN ('draft', 'placed', 'confirmed', 'allocated',
                          'partially_shipped', 'shipped', 'delivered',
                          'closed', 'cancelled', 'on_hold')),
    held_from         text COLLATE "C",
    payment_status    text COLLATE "C" NOT NULL DEFAULT 'pending'
        CHECK (payment_status IN ('pending', 'authorized', 'paid', 'failed',
                                  'refunded', 'voided')),
    fulfilment_status text COLLATE "C" NOT NULL DEFAULT 'pending'
        CHECK (fulfilment_status IN ('pending', 'picking', 'packed',
                                     'shipped', 'delivered', 'cancelled')),
    gross             bigint NOT NULL CHECK (gross >= 0),
    discount          bigint NOT NULL CHECK (discount >= 0),
    net               bigint NOT NULL CHECK (net >= 0),
    freight           bigint NOT NULL DEFAULT 0 CHECK (freight >= 0),
    total             bigint NOT NULL,
    note              text,
    ordered_at        timestamptz NOT NULL DEFAULT now(),
    version           bigint NOT NULL DEFAULT 1,
    createts          timestamptz NOT NULL DEFAULT now(),
    modifyts          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, order_id),
    CONSTRAINT order_sums CHECK (net = gross - discount
                                 AND total = net + freight),
    CONSTRAINT order_held CHECK ((status = 'on_hold')
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
    line            int NOT NULL CHECK (line > 0),
    enterprise_code text COLLATE "C" NOT NULL DEFAULT 'DEFAULT',
    item_id         text COLLATE "C" NOT NULL,
    variant_id      uuid NOT NULL,
    name            text,
    quantity        bigint NOT NULL CHECK (quantity > 0),
    unit_price      bigint NOT NULL CHECK (unit_price >= 0),
    discount        numeric NOT NULL DEFAULT 0
                    CHECK (discount >= 0 AND discount <= 1),
    gross           bigint NOT NULL,
    net             bigint NOT NULL,
    allocated       bigint NOT NULL DEFAULT 0 CHECK (allocated >= 0),
    shipped         bigint NOT NULL DEFAULT 0 CHECK (shipped >= 0),
    cancelled       bigint NOT NULL DEFAULT 0 CHECK (cancelled >= 0),
    returned        bigint NOT NULL DEFAULT 0 CHECK (returned >= 0),
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, order_id, line),
    FOREIGN KEY (tenant, order_id) REFERENCES orders."order",
    CONSTRAINT order_line_shipped
        CHECK (allocated + shipped + cancelled <= quantity),
    CONSTRAINT order_line_returned CHECK (returned <= shipped),
    CONSTRAINT order_line_sums
        CHECK (gross = unit_price * quantity
               AND net = round(unit_price * quantity * (1 - discount)))
);
SELECT core.protect('orders.order_line');

-- The timeline: one row a version of the order.
CREATE TABLE orders.history (
    tenant          text COLLATE "C" NOT NULL,
    order_id        uuid NOT NULL,
    sequence        bigint NOT NULL,
    enterprise_code text COLLATE "C" NOT NULL DEFAULT 'DEFAULT',
    event           text COLLATE "C" NOT NULL,
    status          text COLLATE "C" NOT NULL,
    actor           text NOT NULL,
    note            text,
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT clock_timestamp(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, order_id, sequence),
    FOREIGN KEY (tenant, order_id) REFERENCES orders."order"
);
SELECT core.protect('orders.history', append_only => true);

CREATE FUNCTION orders.money(amount bigint, currency text) RETURNS json
LANGUAGE sql STABLE
RETURN json_build_object('amount', amount, 'currency', currency);

CREATE FUNCTION orders.line_json(line int, item_id text, variant_id uuid,
    name text, quantity bigint, unit_price bigint, currency text,
    discount numeric, gross bigint, net bigint, allocated bigint,
    shipped bigint, cancelled bigint, returned bigint, allocations json)
RETURNS json
LANGUAGE sql STABLE
RETURN json_build_object(
    'line', line, 'itemId', item_id, 'variantId', variant_id, 'name', name,
    'quantity', quantity,
    'unitPrice', json_build_object('amount', unit_price,
                                   'currency', currency),
    'discount', discount,
    'gross', json_build_object('amount', gross, 'currency', currency),
    'net', json_build_object('amount', net, 'currency', currency),
    'allocated', allocated, 'shipped', shipped, 'cancelled', cancelled,
    'returned', returned, 'allocations', allocations);

-- "lines" NULL: as in lists, without them.
CREATE FUNCTION orders.order_json(o orders."order", lines json) RETURNS json
LANGUAGE sql STABLE
RETURN json_build_object(
    'orderId', (o).order_id, 'enterpriseCode', (o).enterprise_code,
    'status', (o).status, 'heldFrom', (o).held_from,
    'paymentStatus', (o).payment_status,
    'fulfilmentStatus', (o).fulfilment_status,
    'customerId', (o).customer_id, 'placedBy', (o).placed_by,
    'externalRef', (o).external_ref, 'cartId', (o).cart_id,
    'reservationId', (o).reservation_id, 'channel', (o).channel,
    'currency', (o).currency, 'orderedAt', core.ts((o).ordered_at),
    'note', (o).note,
    'totals', json_build_object(
        'gross', (o).gross, 'discount', (o).discount, 'net', (o).net,
        'freight', (o).freight, 'total', (o).total,
        'currency', (o).currency),
    'lines', lines, 'version', (o).version,
    'createts', core.ts((o).createts), 'modifyts', core.ts((o).modifyts));

CREATE FUNCTION orders.lines_json(o orders."order") RETURNS json
LANGUAGE sql STABLE
RETURN (
    SELECT json_agg(orders.line_json(l.line, l.item_id, l.variant_id, l.name,
               l.quantity, l.unit_price, (o).currency, l.discount, l.gross,
               l.net, l.allocated, l.shipped, l.cancelled, l.returned,
               (SELECT json_agg(json_build_object('shipNode', r.ship_node,
                                                  'quantity', r.quantity)
                                ORDER BY r.ship_node)
                  FROM inventory.reservation_line r
                 WHERE r.tenant = l.tenant
                   AND r.reservation_id = (o).reservation_id
                   AND r.line = l.line))
           ORDER BY l.line)
      FROM orders.order_line l
     WHERE l.tenant = (o).tenant AND l.order_id = (o).order_id);

COMMIT;
