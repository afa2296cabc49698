-- Sample data of our own making: a shop to look at, the same every time.
-- Loading it again changes nothing.
--
-- Tenant "demo": 20 brands, a tree of categories, 300 products with variants,
-- prices in EUR and USD and pictures, 50 customers, and those who log in:
--
-- login: admin@demo.example     carmen-demo-admin      (everything)
-- login: customer@demo.example  carmen-demo-customer   (buys)
-- login: sales@demo.example     carmen-demo-sales      (orders of all, prices)
-- login: service@demo.example   carmen-demo-service    (a program)
--
-- Tenant "other": a few products of its own, so that one can see that the
-- two do not meet; admin@other.example, carmen-other-admin.
--
-- Not for production: these passwords are public.

\set ON_ERROR_STOP on

SELECT set_config('carmen.tenant', 'demo', false);

CREATE FUNCTION pg_temp.brand(a_tenant text, a_name text) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    id uuid;
BEGIN
    SELECT b.brand_id INTO id FROM catalog.brand b
     WHERE b.tenant = a_tenant AND b.name = a_name;
    IF id IS NULL THEN
        SELECT (r.body::jsonb->>'brandId')::uuid INTO id
          FROM catalog.brand_create(a_tenant, 'sample', NULL, NULL,
            jsonb_build_object('name', a_name, 'logo',
                'https://img.carmen.example/brands/'
                || lower(replace(a_name, ' ', '-')) || '.png')) r;
    END IF;
    RETURN id;
END
$$;

CREATE FUNCTION pg_temp.category(a_tenant text, a_parent uuid, a_name text)
RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    id uuid;
BEGIN
    SELECT c.category_id INTO id FROM catalog.category c
     WHERE c.tenant = a_tenant AND c.name = a_name
       AND c.parent_category_id IS NOT DISTINCT FROM a_parent;
    IF id IS NULL THEN
        SELECT (r.body::jsonb->>'categoryId')::uuid INTO id
          FROM catalog.category_create(a_tenant, 'sample', NULL, NULL,
            jsonb_build_object('name', a_name,
                               'parentCategoryId', a_parent)) r;
    END IF;
    RETURN id;
END
$$;

-- EAN-13 in the range for use within a company (prefix 20)
CREATE FUNCTION pg_temp.ean(n int) RETURNS text
LANGUAGE sql AS $$
    SELECT d || (10 - (SELECT sum(substr(d, i, 1)::int
                                  * CASE WHEN i % 2 = 0 THEN 3 ELSE 1 END)
                         FROM generate_series(1, 12) i) % 10) % 10
      FROM (SELECT '20' || lpad(n::text, 10, '0') AS d) s;
$$;

CREATE FUNCTION pg_temp.person(a_tenant text, body jsonb, a_hash text)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM users."user" u
         WHERE u.tenant = a_tenant AND u.email_key = body->>'email')
    THEN
        PERFORM users.create_user(a_tenant, 'sample', NULL, NULL, body,
                                  a_hash, true);
    END IF;
END
$$;


-- What stands where, what it is called, what the plainest costs in EUR cents,
-- how its variants differ.

CREATE TEMPORARY TABLE sample_leaf (
    n     int GENERATED ALWAYS AS IDENTITY,
    top   text, mid text, leaf text, thing text,
    cents int, axis text
) ON COMMIT DROP;

INSERT INTO sample_leaf (top, mid, leaf, thing, cents, axis) VALUES
    ('Home', 'Kitchen', 'Mugs', 'Mug', 890, 'color'),
    ('Home', 'Kitchen', 'Bowls', 'Bowl', 1290, 'size'),
    ('Home', 'Kitchen', 'Pans', 'Pan', 3490, 'size'),
    ('Home', 'Kitchen', 'Knives', 'Knife', 2790, 'size'),
    ('Home', 'Living', 'Lamps', 'Floor Lamp', 8900, 'color'),
    ('Home', 'Living', 'Cushions', 'Cushion', 1990, 'color'),
    ('Home', 'Living', 'Rugs', 'Rug', 7900, 'size'),
    ('Home', 'Bath', 'Towels', 'Towel', 1490, 'color'),
    ('Garden', 'Tools', 'Spades', 'Spade', 3290, 'size'),
    ('Garden', 'Tools', 'Shears', 'Shears', 2490, 'size'),
    ('Garden', 'Tools', 'Watering Cans', 'Watering Can', 1890, 'color'),
    ('Garden', 'Planting', 'Pots', 'Plant Pot', 990, 'size'),
    ('Garden', 'Furniture', 'Chairs', 'Garden Chair', 5900, 'color'),
    ('Garden', 'Furniture', 'Tables', 'Garden Table', 14900, 'size'),
    ('Office', 'Writing', 'Pens', 'Pen', 390, 'color'),
    ('Office', 'Writing', 'Notebooks', 'Notebook', 690, 'color'),
    ('Office', 'Desk', 'Organizers', 'Desk Organizer', 1790, 'color'),
    ('Office', 'Desk', 'Desk Lamps', 'Desk Lamp', 4500, 'color'),
    ('Outdoor', 'Camping', 'Tents', 'Tent', 17900, 'size'),
    ('Outdoor', 'Camping', 'Sleeping Bags', 'Sleeping Bag', 8900, 'size'),
    ('Outdoor', 'Camping', 'Stoves', 'Camping Stove', 4900, 'color'),
    ('Outdoor', 'Cycling', 'Helmets', 'Bicycle Helmet', 6900, 'size'),
    ('Outdoor', 'Cycling', 'Lights', 'Bicycle Light', 2990, 'color'),
    ('Outdoor', 'Cycling', 'Locks', 'Bicycle Lock', 3990, 'size'),
    ('Outdoor', 'Bags', 'Backpacks', 'Backpack', 7490, 'color');


DO $$
DECLARE
    brands  text[] := '{Alder,Birkdal,Cask & Co,Dunmore,Eskil,Fennel,Garrick,
        Hollin,Ivers,Juniper,Kestrel,Lindholm,Marl,Norrvik,Oakley Lane,Pellet,
        Quarry,Rowan,Saltus,Thorn}';
    styles  text[] := '{Plain,Classic,Northern,Harbour,Meadow,Studio,Heritage,
        Compact,Everyday,Alpine,Coastal,Workshop}';
    stuff   text[] := '{Linden,Ember,Fjord,Copper,Cotton,Ash,Slate}';
    colors  text[] := '{white,black,moss,clay,ink}';
    sizes   text[] := '{S,M,L}';
    brand   uuid[];
    leaf    record;
    place   uuid;
    nth     int := 0;
    cents   int;
    code    text;
    parts   jsonb;
BEGIN
    FOR i IN 1 .. 20 LOOP
        brand[i] := pg_temp.brand('demo', brands[i]);
    END LOOP;

    FOR leaf IN SELECT * FROM sample_leaf ORDER BY n LOOP
        place := pg_temp.category('demo', pg_temp.category('demo',
            pg_temp.category('demo', NULL, leaf.top), leaf.mid), leaf.leaf);

        FOR i IN 1 .. 12 LOOP
            nth := nth + 1;
            code := format('%s-%s', upper(left(replace(leaf.thing, ' ', ''),
                                              6)), lpad(nth::text, 3, '0'));
            CONTINUE WHEN EXISTS (
                SELECT FROM catalog.variant v
                 WHERE v.tenant = 'demo' AND v.sku LIKE code || '-%');

            cents := leaf.cents + i * (leaf.cents / 10 / 10 * 10);
            SELECT jsonb_agg(jsonb_build_object(
                       'sku', code || '-' || upper(a.value),
                       'name', initcap(a.value),
                       'attributes', jsonb_build_object(leaf.axis, a.value),
                       'prices', jsonb_build_array(
                           jsonb_build_object('currency', 'EUR',
                               'amount', cents + (a.ord - 1) * 100),
                           jsonb_build_object('currency', 'USD',
                               'amount', (cents + (a.ord - 1) * 100)
                                         * 11 / 10)))
                       ORDER BY a.ord)
              INTO parts
              FROM unnest(CASE leaf.axis WHEN 'size' THEN sizes
                          ELSE colors[1 + i % 3 : 2 + i % 3] END)
                   WITH ORDINALITY a (value, ord);

            PERFORM catalog.product_create('demo', 'sample', NULL, NULL,
                jsonb_build_object(
                    'name', styles[i] || ' ' || leaf.thing,
                    'description', format('%s %s of the %s range: made to be '
                        'used every day and to be mended when it breaks.',
                        styles[i], lower(leaf.thing),
                        stuff[1 + (nth + i) % 7]),
                    'brandId', brand[1 + (nth * 7 + i) % 20],
                    'categoryId', place,
                    'gtin', pg_temp.ean(nth),
                    'attributes', jsonb_build_object(
                        'range', stuff[1 + (nth + i) % 7],
                        'weightGrams', 80 + nth * 7 % 900),
                    -- the last of each kind is being prepared
                    'status', CASE WHEN i = 12 THEN 'draft'
                              ELSE 'active' END,
                    'variants', parts,
                    'media', jsonb_build_array(
                        jsonb_build_object('altText',
                            styles[i] || ' ' || leaf.thing, 'url',
                            format('https://img.carmen.example/p/%s-1.jpg',
                                   lower(code))),
                        jsonb_build_object('altText', 'In use', 'url',
                            format('https://img.carmen.example/p/%s-2.jpg',
                                   lower(code))))));
        END LOOP;
    END LOOP;
END
$$;


-- those who log in

SELECT auth.role_seed('demo');
SELECT pg_temp.person('demo', '{"email": "admin@demo.example",
    "displayName": "Demo Administrator", "roles": ["admin"]}',
    '$2b$12$6qaGcJSHnLMSFBd8grX2ne2Q50gvz0oez1JUZCtwRB8PTuaHKTItm');
SELECT pg_temp.person('demo', '{"email": "customer@demo.example",
    "givenName": "Clara", "familyName": "Sample", "roles": ["customer"],
    "externalRef": "C0000", "locale": "de-DE",
    "timeZone": "Europe/Berlin"}',
    '$2b$12$tLleIyXn3b8GH1Cj8mGS/.tYlsNbN.6WkeBQR1cffxwC5rk0XtfMy');
SELECT pg_temp.person('demo', '{"email": "sales@demo.example",
    "displayName": "Demo Sales Desk", "roles": ["sales"]}',
    '$2b$12$SFFUADo58JT7pTW1em4XYO7miNzl1C7HRHUynI7DUrG56BCuwDnmG');
SELECT pg_temp.person('demo', '{"email": "service@demo.example",
    "displayName": "Demo Service Account", "roles": ["service"]}',
    '$2b$12$GdWJr4G2tgWxQxlPQAvEmuSTsuQQV./2oNEvdDSlCJ9wzmXMhd75u');

-- and those who do not

DO $$
DECLARE
    given  text[] := '{Ada,Ben,Carla,David,Elif,Farid,Greta,Hugo,Ines,Jonas}';
    family text[] := '{Abel,Brandt,Costa,Dietz,Engel}';
    zones  text[] := '{Europe/Berlin,Europe/Paris,America/New_York}';
BEGIN
    FOR i IN 0 .. 49 LOOP
        PERFORM pg_temp.person('demo', jsonb_build_object(
            'email', lower(given[1 + i % 10] || '.' || family[1 + i / 10])
                     || '@customers.example',
            'givenName', given[1 + i % 10],
            'familyName', family[1 + i / 10],
            'phone', '+49 30 ' || 9000000 + i,
            'externalRef', 'C' || lpad((i + 1)::text, 4, '0'),
            'locale', (ARRAY['de-DE', 'fr-FR', 'en-US'])[1 + i % 3],
            'timeZone', zones[1 + i % 3],
            'roles', '["customer"]'::jsonb), NULL);
    END LOOP;
END
$$;


-- the other tenant

SELECT set_config('carmen.tenant', 'other', false);
SELECT auth.role_seed('other');
SELECT pg_temp.person('other', '{"email": "admin@other.example",
    "displayName": "Other Administrator", "roles": ["admin"]}',
    '$2b$12$OLrLKjpzjmtmKvFRBoJIiOMnf.CKO.3W8MyQhXhCuR9BwI5df49.m');

DO $$
BEGIN
    FOR i IN 1 .. 5 LOOP
        -- SKUs and GTINs may be those of "demo": they are the tenant's own
        CONTINUE WHEN EXISTS (
            SELECT FROM catalog.variant v
             WHERE v.tenant = 'other' AND v.sku = 'MUG-00' || i || '-BLACK');
        PERFORM catalog.product_create('other', 'sample', NULL, NULL,
            jsonb_build_object('name', 'Other Mug ' || i,
                'brandId', pg_temp.brand('other', 'Alder'),
                'categoryId', pg_temp.category('other', NULL, 'Mugs'),
                'gtin', pg_temp.ean(i), 'status', 'active',
                'variants', jsonb_build_array(jsonb_build_object(
                    'sku', 'MUG-00' || i || '-BLACK', 'price',
                    jsonb_build_object('amount', 700 + i,
                                       'currency', 'EUR')))));
    END LOOP;
END
$$;

SELECT set_config('carmen.tenant', '', false);
