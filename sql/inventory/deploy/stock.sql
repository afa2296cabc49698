-- Deploy inventory:stock
-- Ship nodes, stock a node, the movements that explain it, the reservations
-- that hold it.

BEGIN;

CREATE SCHEMA inventory;
GRANT USAGE ON SCHEMA inventory TO carmen_app;

-- The rules of a single column are domains: a CHECK of a table is parsed and
-- planned again by each statement, a domain's once a session.
CREATE DOMAIN inventory.pieces AS bigint CHECK (VALUE >= 0);
CREATE DOMAIN inventory.item_id AS text COLLATE "C"
    CHECK (VALUE <> '' AND VALUE !~ '[[:cntrl:]]');
CREATE DOMAIN inventory.hold_state AS text COLLATE "C"
    CHECK (VALUE IN ('held', 'confirmed', 'consumed', 'released',
                     'expired'));

CREATE TABLE inventory.ship_node (
    tenant          text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL
                    CHECK (id ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$'),
    name            text COLLATE "C" NOT NULL,
    enterprise_code text COLLATE "C" NOT NULL DEFAULT 'DEFAULT',
    node_type       text COLLATE "C" NOT NULL DEFAULT 'warehouse'
                    CHECK (node_type IN ('warehouse', 'store', 'supplier',
                                         'crossdock')),
    time_zone       text NOT NULL DEFAULT 'UTC',
    status          text COLLATE "C" NOT NULL DEFAULT 'active'
                    CHECK (status IN ('active', 'inactive')),
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, id)
);
CREATE INDEX ship_node_name ON inventory.ship_node (tenant, name, id);
SELECT core.protect('inventory.ship_node');

-- One item at one node.  Every statement that changes a row locks it first,
-- rows in key order.  modifyts is the time of the stock figure (of the count,
-- if a synchronisation brought it), not of the last hold; version counts every
-- change, so the functions set both and there is no touch trigger.
CREATE TABLE inventory.inventory (
    tenant          text COLLATE "C" NOT NULL,
    enterprise_code text COLLATE "C" NOT NULL DEFAULT 'DEFAULT',
    item_id         inventory.item_id NOT NULL,
    ship_node       text COLLATE "C" NOT NULL,
    quantity        inventory.pieces NOT NULL DEFAULT 0,
    reserved        inventory.pieces NOT NULL DEFAULT 0,
    threshold       inventory.pieces NOT NULL DEFAULT 0,
    infinite        boolean NOT NULL DEFAULT false,
    -- what a count found missing below "reserved"; part of quantity until
    -- the holds that claim it are released
    shortfall       inventory.pieces NOT NULL DEFAULT 0,
    -- no later than the first expiry of a hold on this row; NULL: none
    next_expiry     timestamptz,
    -- the sequence of the last event about this row
    events          bigint NOT NULL DEFAULT 0,
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, enterprise_code, item_id, ship_node),
    FOREIGN KEY (tenant, ship_node)
        REFERENCES inventory.ship_node (tenant, id),
    CONSTRAINT inventory_reserved
        CHECK (infinite OR reserved <= quantity)
) WITH (fillfactor = 70);
CREATE INDEX inventory_node
    ON inventory.inventory (tenant, ship_node, item_id, enterprise_code);
SELECT core.protect('inventory.inventory');
DROP TRIGGER touch ON inventory.inventory;

-- Why the quantity is what it is: quantity = sum of delta.
CREATE TABLE inventory.movement (
    tenant          text COLLATE "C" NOT NULL,
    movement_id     uuid NOT NULL DEFAULT core.uuid7(),
    enterprise_code text COLLATE "C" NOT NULL DEFAULT 'DEFAULT',
    item_id         text COLLATE "C" NOT NULL,
    ship_node       text COLLATE "C" NOT NULL,
    delta           bigint NOT NULL CHECK (delta <> 0),
    quantity        bigint NOT NULL,
    reason          text COLLATE "C" NOT NULL,
    reference       text,
    actor           text,
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT clock_timestamp(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, movement_id),
    FOREIGN KEY (tenant, enterprise_code, item_id, ship_node)
        REFERENCES inventory.inventory
);
CREATE INDEX movement_row ON inventory.movement
    (tenant, enterprise_code, item_id, ship_node, movement_id);
SELECT core.protect('inventory.movement', append_only => true);

-- A count below what is promised; open until resolvedts.
CREATE TABLE inventory.shortfall (
    tenant          text COLLATE "C" NOT NULL,
    shortfall_id    uuid NOT NULL DEFAULT core.uuid7(),
    enterprise_code text COLLATE "C" NOT NULL DEFAULT 'DEFAULT',
    item_id         text COLLATE "C" NOT NULL,
    ship_node       text COLLATE "C" NOT NULL,
    counted         bigint NOT NULL,
    reserved        bigint NOT NULL,
    missing         bigint NOT NULL CHECK (missing > 0),
    resolvedts      timestamptz,
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT clock_timestamp(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, shortfall_id),
    FOREIGN KEY (tenant, enterprise_code, item_id, ship_node)
        REFERENCES inventory.inventory
);
CREATE UNIQUE INDEX shortfall_open ON inventory.shortfall
    (tenant, enterprise_code, item_id, ship_node) WHERE resolvedts IS NULL;
SELECT core.protect('inventory.shortfall');

-- held -> confirmed -> consumed; held -> released | expired;
-- confirmed -> released.  A hold without an order expires.
CREATE TABLE inventory.reservation (
    tenant          text COLLATE "C" NOT NULL,
    reservation_id  uuid NOT NULL DEFAULT core.uuid7(),
    enterprise_code text COLLATE "C" NOT NULL DEFAULT 'DEFAULT',
    owner_id        text COLLATE "C" NOT NULL,
    cart_id         uuid,
    order_id        uuid,
    state           inventory.hold_state NOT NULL DEFAULT 'held',
    expires_at      timestamptz,
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, reservation_id),
    CONSTRAINT reservation_ends CHECK (state <> 'held'
        OR expires_at IS NOT NULL OR order_id IS NOT NULL)
);
SELECT core.protect('inventory.reservation');

-- What of a line is held where, by a reservation, or by an order under its
-- own id (which needs no reservation and has no time).  The state of the
-- line, not that of its reservation, says whether inventory.reserved counts
-- it: a due hold may be freed at one node before the other.
CREATE TABLE inventory.reservation_line (
    tenant          text COLLATE "C" NOT NULL,
    holder_id       uuid NOT NULL,
    line            int NOT NULL,
    ship_node       text COLLATE "C" NOT NULL,
    enterprise_code text COLLATE "C" NOT NULL DEFAULT 'DEFAULT',
    item_id         text COLLATE "C" NOT NULL,
    quantity        inventory.pieces NOT NULL,
    state           inventory.hold_state NOT NULL DEFAULT 'held',
    expires_at      timestamptz,
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, holder_id, line, ship_node)
);
CREATE INDEX reservation_line_due ON inventory.reservation_line
    (tenant, enterprise_code, item_id, ship_node, expires_at)
    WHERE state = 'held' AND expires_at IS NOT NULL;
SELECT core.protect('inventory.reservation_line');

-- infinite: NULL; "due" is what of "reserved" has run out of time.
CREATE FUNCTION inventory.available(quantity bigint, reserved bigint,
                                    threshold bigint, infinite boolean,
                                    due bigint DEFAULT 0) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN NOT infinite
            THEN greatest(0, quantity - reserved + due - threshold) END;

-- The held quantity of a row whose time is up.  Only looks when next_expiry
-- says that there may be some.
CREATE FUNCTION inventory.due(i inventory.inventory) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF i.next_expiry IS NULL OR i.next_expiry > clock_timestamp() THEN
        RETURN 0;
    END IF;
    RETURN (SELECT coalesce(sum(l.quantity), 0)
              FROM inventory.reservation_line l
             WHERE l.tenant = i.tenant
               AND l.enterprise_code = i.enterprise_code
               AND l.item_id = i.item_id AND l.ship_node = i.ship_node
               AND l.state = 'held' AND l.expires_at <= clock_timestamp());
END
$$;

CREATE FUNCTION inventory.ship_node_json(n inventory.ship_node) RETURNS json
LANGUAGE sql STABLE
RETURN json_build_object(
    'id', (n).id, 'name', (n).name, 'enterpriseCode', (n).enterprise_code,
    'nodeType', (n).node_type, 'timeZone', (n).time_zone,
    'status', (n).status, 'version', (n).version,
    'createts', core.ts((n).createts), 'modifyts', core.ts((n).modifyts));

-- "due" counts as free: nobody can use it any more.
CREATE FUNCTION inventory.inventory_json(i inventory.inventory, due bigint)
RETURNS json
LANGUAGE sql STABLE
RETURN json_build_object(
    'itemId', (i).item_id, 'shipNode', (i).ship_node,
    'enterpriseCode', (i).enterprise_code,
    'quantity', (i).quantity, 'reserved', (i).reserved - due,
    'threshold', (i).threshold, 'infinite', (i).infinite,
    'available', inventory.available((i).quantity, (i).reserved,
                                     (i).threshold, (i).infinite, due),
    'shortfall', (i).shortfall, 'version', (i).version,
    'createts', core.ts((i).createts), 'modifyts', core.ts((i).modifyts));

-- Every row where the books disagree: a count below what is promised, a
-- quantity that the movements do not explain, a reserved figure that the
-- holds do not explain.  The last two would be errors of this software.
CREATE FUNCTION inventory.inconsistencies(a_tenant text)
RETURNS TABLE (tenant text, enterprise_code text, item_id text,
               ship_node text, kind text, expected bigint, found bigint,
               since timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT s.tenant, s.enterprise_code, s.item_id, s.ship_node, 'shortfall',
           s.reserved, s.counted, s.createts
      FROM inventory.shortfall s
     WHERE s.tenant = a_tenant AND s.resolvedts IS NULL
    UNION ALL
    SELECT i.tenant, i.enterprise_code, i.item_id, i.ship_node, 'quantity',
           coalesce(m.total, 0)::bigint, i.quantity, i.modifyts
      FROM inventory.inventory i
      LEFT JOIN (SELECT m.enterprise_code, m.item_id, m.ship_node,
                        sum(m.delta) AS total
                   FROM inventory.movement m WHERE m.tenant = a_tenant
                  GROUP BY 1, 2, 3) m
        ON (m.enterprise_code, m.item_id, m.ship_node)
         = (i.enterprise_code, i.item_id, i.ship_node)
     WHERE i.tenant = a_tenant AND i.quantity <> coalesce(m.total, 0)
    UNION ALL
    SELECT i.tenant, i.enterprise_code, i.item_id, i.ship_node, 'reserved',
           coalesce(l.total, 0)::bigint, i.reserved, i.modifyts
      FROM inventory.inventory i
      LEFT JOIN (SELECT l.enterprise_code, l.item_id, l.ship_node,
                        sum(l.quantity) AS total
                   FROM inventory.reservation_line l
                  WHERE l.tenant = a_tenant
                    AND l.state IN ('held', 'confirmed')
                  GROUP BY 1, 2, 3) l
        ON (l.enterprise_code, l.item_id, l.ship_node)
         = (i.enterprise_code, i.item_id, i.ship_node)
     WHERE i.tenant = a_tenant AND i.reserved <> coalesce(l.total, 0);
END;

COMMIT;
