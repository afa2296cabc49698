-- Deploy catalog:products
-- What the routes of products, variants, prices and media call to write.
-- Every writer locks the product first, so that checks made under the lock
-- hold until the commit.

BEGIN;

-- 412 unless the version is the one the client has seen
CREATE FUNCTION catalog.expect(version bigint, match text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF match IS NOT NULL AND match <> '*' AND match <> version::text THEN
        PERFORM core.refuse(412, 'precondition-failed',
            'The resource was changed meanwhile; read it again.');
    END IF;
END
$$;

CREATE FUNCTION catalog.unknown(pointer text, detail text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM core.refuse(422, 'unknown-reference', detail,
        jsonb_build_object('errors', jsonb_build_array(jsonb_build_object(
            'pointer', pointer, 'code', 'unknown-reference',
            'detail', detail))));
END
$$;

-- The product, locked, of the version expected.
CREATE FUNCTION catalog.product_take(a_tenant text, a_product uuid,
                                     a_match text) RETURNS catalog.product
LANGUAGE plpgsql AS $$
DECLARE
    p catalog.product;
BEGIN
    SELECT * INTO p FROM catalog.product x
     WHERE x.tenant = a_tenant AND x.product_id = a_product
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL);
    END IF;

    PERFORM catalog.expect(
        p.version + catalog.passed(p.boundaries, clock_timestamp()), a_match);
    RETURN p;
END
$$;

-- The same, to change it: an archived product is closed.
CREATE FUNCTION catalog.product_open(a_tenant text, a_product uuid,
                                     a_match text) RETURNS catalog.product
LANGUAGE plpgsql AS $$
DECLARE
    p catalog.product := catalog.product_take(a_tenant, a_product, a_match);
BEGIN
    IF p.status = 'archived' THEN
        PERFORM core.refuse(409, 'product-archived',
            'An archived product cannot be changed.');
    END IF;
    RETURN p;
END
$$;

-- A variant of a product that is locked already.
CREATE FUNCTION catalog.variant_take(a_tenant text, a_product uuid,
                                     a_variant uuid, a_match text)
RETURNS catalog.variant
LANGUAGE plpgsql AS $$
DECLARE
    v catalog.variant;
BEGIN
    SELECT * INTO v FROM catalog.variant x
     WHERE x.tenant = a_tenant AND x.product_id = a_product
       AND x.variant_id = a_variant
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL);
    END IF;

    PERFORM catalog.expect(
        v.version + catalog.passed(v.boundaries, clock_timestamp()), a_match);
    RETURN v;
END
$$;

-- The references and the GTIN of a body.
CREATE FUNCTION catalog.product_check(a_tenant text, a_product uuid,
                                      body jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF body->>'brandId' IS NOT NULL AND NOT EXISTS (
        SELECT FROM catalog.brand b
         WHERE b.tenant = a_tenant AND b.brand_id = (body->>'brandId')::uuid)
    THEN
        PERFORM catalog.unknown('/brandId', 'There is no such brand.');
    END IF;

    IF body->>'categoryId' IS NOT NULL AND NOT EXISTS (
        SELECT FROM catalog.category c
         WHERE c.tenant = a_tenant
           AND c.category_id = (body->>'categoryId')::uuid)
    THEN
        PERFORM catalog.unknown('/categoryId', 'There is no such category.');
    END IF;

    IF body->>'gtin' IS NOT NULL THEN
        IF NOT catalog.gtin_valid(body->>'gtin') THEN
            PERFORM core.invalid('/gtin', 'check-digit',
                'This is no GTIN with a correct check digit.');
        END IF;
        IF EXISTS (
            SELECT FROM catalog.product p
             WHERE p.tenant = a_tenant
               AND p.gtin14 = lpad(body->>'gtin', 14, '0')
               AND p.product_id IS DISTINCT FROM a_product)
        THEN
            PERFORM core.refuse(409, 'duplicate-gtin',
                'Another product has this GTIN.',
                jsonb_build_object('gtin', body->>'gtin'));
        END IF;
    END IF;
END
$$;

CREATE FUNCTION catalog.sku_check(a_tenant text, a_variant uuid, a_sku text)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM catalog.variant v
         WHERE v.tenant = a_tenant AND v.sku = a_sku
           AND v.variant_id IS DISTINCT FROM a_variant)
    THEN
        PERFORM core.refuse(409, 'duplicate-sku',
            'Another variant has this SKU.', jsonb_build_object('sku', a_sku));
    END IF;
END
$$;

-- Adds a price.  "supersede" ends the one that is open, when the new begins.
-- Answers the price, or refuses it with the one that is in its way.
CREATE FUNCTION catalog.price_add(a_tenant text, a_variant uuid, item jsonb,
                                  pointer text, except_price uuid DEFAULT NULL)
RETURNS catalog.price
LANGUAGE plpgsql AS $$
DECLARE
    from_  timestamptz := coalesce((item->>'validFrom')::timestamptz, now());
    to_    timestamptz := (item->>'validTo')::timestamptz;
    chan   text := coalesce(item->>'channel', 'default');
    curr   char(3) := item->>'currency';
    other  catalog.price;
    result catalog.price;
BEGIN
    IF to_ <= from_ THEN
        PERFORM core.invalid(pointer || '/validTo', 'range',
            'A price ends after it begins.');
    END IF;

    IF (item->>'supersede')::boolean THEN
        UPDATE catalog.price p
           SET validity = tstzrange(lower(p.validity), from_)
         WHERE p.tenant = a_tenant AND p.variant_id = a_variant
           AND p.channel = chan AND p.currency = curr
           AND upper_inf(p.validity) AND lower(p.validity) < from_;
        DELETE FROM catalog.price p
         WHERE p.tenant = a_tenant AND p.variant_id = a_variant
           AND p.channel = chan AND p.currency = curr
           AND upper_inf(p.validity) AND lower(p.validity) = from_;
    END IF;

    SELECT * INTO other FROM catalog.price p
     WHERE p.tenant = a_tenant AND p.variant_id = a_variant
       AND p.channel = chan AND p.currency = curr
       AND p.validity && tstzrange(from_, to_)
       AND p.price_id IS DISTINCT FROM except_price
     LIMIT 1;
    IF FOUND THEN
        PERFORM core.refuse(409, 'price-overlap',
            'Another price of this channel and currency holds at a time of '
            'this one.', jsonb_build_object(
                'priceId', other.price_id,
                'validFrom', core.ts(lower(other.validity)),
                'validTo', core.ts(upper(other.validity))));
    END IF;

    IF except_price IS NOT NULL THEN
        UPDATE catalog.price p
           SET channel = chan, currency = curr,
               amount = (item->>'amount')::bigint,
               validity = tstzrange(from_, to_)
         WHERE p.tenant = a_tenant AND p.price_id = except_price
        RETURNING p.* INTO result;
    ELSE
        INSERT INTO catalog.price (tenant, variant_id, channel, currency,
                                   amount, validity)
        VALUES (a_tenant, a_variant, chan, curr, (item->>'amount')::bigint,
                tstzrange(from_, to_))
        RETURNING * INTO result;
    END IF;
    RETURN result;
END
$$;

-- Adds a variant with its prices; the prices first, so that the variant is
-- written once.
CREATE FUNCTION catalog.variant_add(a_tenant text, a_product uuid, item jsonb,
                                    pointer text, place int)
RETURNS catalog.variant
LANGUAGE plpgsql AS $$
DECLARE
    id     uuid := core.uuid7();
    priced bigint := 0;
    price  jsonb;
    nth    bigint;
    result catalog.variant;
BEGIN
    PERFORM catalog.sku_check(a_tenant, NULL, item->>'sku');
    SET CONSTRAINTS catalog.price_variant DEFERRED;

    IF item->'price' ? 'amount' THEN
        PERFORM catalog.price_add(a_tenant, id, item->'price',
                                  pointer || '/price');
        priced := 1;
    END IF;
    FOR price, nth IN
        SELECT * FROM jsonb_array_elements(item->'prices') WITH ORDINALITY
    LOOP
        PERFORM catalog.price_add(a_tenant, id, price,
                                  pointer || '/prices/' || nth - 1);
        priced := 1;
    END LOOP;

    INSERT INTO catalog.variant (tenant, variant_id, product_id, sku, name,
                                 attributes, status, sort_order,
                                 price_version)
    VALUES (a_tenant, id, a_product, item->>'sku', item->>'name',
            coalesce(item->'attributes', '{}'),
            coalesce(item->>'status', 'active'),
            coalesce((item->>'sortOrder')::int, place), priced)
    RETURNING * INTO result;

    SET CONSTRAINTS catalog.price_variant IMMEDIATE;
    RETURN result;
END
$$;

CREATE FUNCTION catalog.media_add(a_tenant text, a_product uuid, item jsonb,
                                  place int) RETURNS catalog.media
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    INSERT INTO catalog.media (tenant, product_id, type, url, alt_text,
                               sort_order)
    VALUES (a_tenant, a_product, coalesce(item->>'type', 'image'),
            item->>'url', item->>'altText',
            coalesce((item->>'sortOrder')::int, place))
    RETURNING *;
END;

-- draft -> active <-> inactive -> archived; a locked product, and what it is
-- then
CREATE FUNCTION catalog.product_move(p catalog.product, target text)
RETURNS catalog.product
LANGUAGE plpgsql AS $$
DECLARE
    allowed text[] := CASE p.status
        WHEN 'draft' THEN '{active}' WHEN 'active' THEN '{inactive}'
        WHEN 'inactive' THEN '{active,archived}' ELSE '{}' END;
    result  catalog.product;
BEGIN
    IF target <> ALL (allowed) THEN
        PERFORM core.illegal(p.status, allowed);
    END IF;

    IF target = 'active' AND NOT EXISTS (
        SELECT FROM catalog.variant v
          JOIN catalog.price x USING (tenant, variant_id)
         WHERE v.tenant = p.tenant AND v.product_id = p.product_id
           AND v.status = 'active' AND x.validity @> clock_timestamp())
    THEN
        PERFORM core.refuse(409, 'product-not-priced',
            'A product is sold by a variant that is active and has a price.');
    END IF;

    UPDATE catalog.product x SET status = target
     WHERE x.tenant = p.tenant AND x.product_id = p.product_id
    RETURNING x.* INTO result;
    RETURN result;
END
$$;

-- Creates a product: parts first, so that it is written once.
CREATE FUNCTION catalog.product_add(a_tenant text, a_actor text, body jsonb)
RETURNS catalog.product
LANGUAGE plpgsql AS $$
DECLARE
    id   uuid := core.uuid7();
    item jsonb;
    nth  bigint;
    p    catalog.product;
BEGIN
    PERFORM catalog.product_check(a_tenant, NULL, body);
    SET CONSTRAINTS catalog.variant_product, catalog.media_product DEFERRED;

    FOR item, nth IN
        SELECT * FROM jsonb_array_elements(body->'variants') WITH ORDINALITY
    LOOP
        PERFORM catalog.variant_add(a_tenant, id, item,
                                    '/variants/' || nth - 1, nth::int);
    END LOOP;
    FOR item, nth IN
        SELECT * FROM jsonb_array_elements(body->'media') WITH ORDINALITY
    LOOP
        PERFORM catalog.media_add(a_tenant, id, item, nth::int);
    END LOOP;

    INSERT INTO catalog.product (tenant, product_id, name, description,
                                 brand_id, category_id, attributes, gtin)
    VALUES (a_tenant, id, body->>'name', body->>'description',
            (body->>'brandId')::uuid, (body->>'categoryId')::uuid,
            coalesce(body->'attributes', '{}'), body->>'gtin')
    RETURNING * INTO p;

    SET CONSTRAINTS catalog.variant_product, catalog.media_product IMMEDIATE;

    IF body->>'status' = 'active' THEN
        p := catalog.product_move(p, 'active');
    END IF;

    PERFORM core.log(a_tenant, a_actor, 'create', 'product', id::text,
                     jsonb_build_object('name', p.name, 'status', p.status));
    RETURN p;
END
$$;

CREATE FUNCTION catalog.product_create(a_tenant text, a_actor text,
                                       a_key text, a_hash text, body jsonb)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    r core.reply := core.replay(a_tenant, a_actor, a_key, a_hash);
    p catalog.product;
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    p := catalog.product_add(a_tenant, a_actor, body);
    RETURN core.remember(a_tenant, a_actor, a_key, a_hash,
        ROW(201, p.version, '/products/' || p.product_id, p.document));
END
$$;

-- Each item on its own: one that is refused leaves the others.
CREATE FUNCTION catalog.product_bulk(a_tenant text, a_actor text, a_key text,
                                     a_hash text, body jsonb)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    r      core.reply := core.replay(a_tenant, a_actor, a_key, a_hash);
    p      catalog.product;
    item   jsonb;
    nth    bigint;
    items  text[] := '{}';
    made   int := 0;
    state  text;
    name   text;
    said   text;
    more   text;
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    FOR item, nth IN
        SELECT * FROM jsonb_array_elements(body->'items') WITH ORDINALITY
    LOOP
        BEGIN
            p := catalog.product_add(a_tenant, a_actor, item);
            made := made + 1;
            items := items || format(
                '{"index":%s,"status":201,"productId":"%s","version":%s}',
                nth - 1, p.product_id, p.version);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE,
                name = MESSAGE_TEXT, said = PG_EXCEPTION_DETAIL,
                more = PG_EXCEPTION_HINT;
            IF state !~ '^CA4' THEN
                RAISE;
            END IF;
            items := items || jsonb_strip_nulls(jsonb_build_object(
                'index', nth - 1, 'status', substr(state, 3)::int,
                'problem', coalesce(nullif(more, '')::jsonb, '{}')
                    || jsonb_build_object('type', '/problems/' || name,
                                          'detail', said)))::text;
        END;
    END LOOP;

    RETURN core.remember(a_tenant, a_actor, a_key, a_hash,
        ROW(200, NULL, NULL, format(
            '{"created":%s,"refused":%s,"items":[%s]}', made,
            cardinality(items) - made, array_to_string(items, ','))));
END
$$;

CREATE FUNCTION catalog.product_update(a_tenant text, a_actor text,
                                       a_product uuid, a_match text,
                                       body jsonb) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    p catalog.product := catalog.product_open(a_tenant, a_product, a_match);
BEGIN
    PERFORM catalog.product_check(a_tenant, a_product, body);

    UPDATE catalog.product x SET
        name        = coalesce(body->>'name', x.name),
        description = CASE WHEN body ? 'description'
                           THEN body->>'description' ELSE x.description END,
        brand_id    = CASE WHEN body ? 'brandId'
                           THEN (body->>'brandId')::uuid ELSE x.brand_id END,
        category_id = CASE WHEN body ? 'categoryId'
                           THEN (body->>'categoryId')::uuid
                           ELSE x.category_id END,
        attributes  = coalesce(body->'attributes', x.attributes),
        gtin        = CASE WHEN body ? 'gtin' THEN body->>'gtin'
                           ELSE x.gtin END
     WHERE x.tenant = a_tenant AND x.product_id = a_product
    RETURNING x.* INTO p;

    PERFORM core.log(a_tenant, a_actor, 'update', 'product', a_product::text,
                     body);
    RETURN ROW(200, p.version, NULL, p.document)::core.reply;
END
$$;

-- The verbs.  A product that is there already is answered as it is.
CREATE FUNCTION catalog.product_become(a_tenant text, a_actor text,
                                       a_key text, a_hash text,
                                       a_product uuid, target text)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    r    core.reply := core.replay(a_tenant, a_actor, a_key, a_hash);
    p    catalog.product;
    was  text;
    at   timestamptz;
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    p := catalog.product_take(a_tenant, a_product, NULL);

    IF p.status = target THEN
        at := clock_timestamp();
        r := ROW(200, p.version + catalog.passed(p.boundaries, at), NULL,
                 CASE WHEN p.due > at THEN p.document
                      ELSE catalog.product_text(p, at) END);
    ELSE
        was := p.status;
        p := catalog.product_move(p, target);
        PERFORM core.log(a_tenant, a_actor, 'status', 'product',
            a_product::text, jsonb_build_object('from', was, 'to', target));
        r := ROW(200, p.version, NULL, p.document);
    END IF;

    RETURN core.remember(a_tenant, a_actor, a_key, a_hash, r);
END
$$;

-- What an open order names stays.  Orders may live in another database; then
-- they keep what they need of a variant themselves.
CREATE FUNCTION catalog.variant_free(a_tenant text, variants uuid[])
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass('orders.order_line') IS NULL THEN
        RETURN;
    END IF;

    IF EXISTS (
        SELECT FROM orders.order_line l
          JOIN orders."order" o USING (tenant, order_id)
         WHERE l.tenant = a_tenant AND l.variant_id = ANY (variants)
           AND o.status NOT IN ('delivered', 'closed', 'cancelled'))
    THEN
        PERFORM core.refuse(409, 'product-in-use',
            'Open orders name it; take it off sale instead.');
    END IF;
END
$$;

CREATE FUNCTION catalog.product_delete(a_tenant text, a_actor text,
                                       a_product uuid, a_match text)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    p catalog.product := catalog.product_take(a_tenant, a_product, a_match);
BEGIN
    IF p.status <> 'draft' THEN
        PERFORM catalog.variant_free(a_tenant, ARRAY(
            SELECT v.variant_id FROM catalog.variant v
             WHERE v.tenant = a_tenant AND v.product_id = a_product));
    END IF;

    DELETE FROM catalog.product x
     WHERE x.tenant = a_tenant AND x.product_id = a_product;

    PERFORM core.log(a_tenant, a_actor, 'delete', 'product', a_product::text,
                     jsonb_build_object('name', p.name, 'status', p.status));
    RETURN ROW(204, NULL, NULL, NULL)::core.reply;
END
$$;

COMMIT;
