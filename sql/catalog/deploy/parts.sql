-- Deploy catalog:parts
-- What the routes of variants, prices and media call to write.

BEGIN;

CREATE FUNCTION catalog.variant_create(a_tenant text, a_actor text,
                                       a_key text, a_hash text,
                                       a_product uuid, body jsonb)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    r core.reply := core.replay(a_tenant, a_actor, a_key, a_hash);
    v catalog.variant;
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    PERFORM catalog.product_open(a_tenant, a_product, NULL);
    v := catalog.variant_add(a_tenant, a_product, body, '', (
        SELECT coalesce(max(x.sort_order), 0) + 1 FROM catalog.variant x
         WHERE x.tenant = a_tenant AND x.product_id = a_product));

    PERFORM core.log(a_tenant, a_actor, 'create', 'variant',
                     v.variant_id::text, body);
    RETURN core.remember(a_tenant, a_actor, a_key, a_hash,
        ROW(201, v.version, format('/products/%s/variants/%s', a_product,
                                   v.variant_id), v.document));
END
$$;

-- "price" in the body is a new price of the channel "default" from now on.
CREATE FUNCTION catalog.variant_update(a_tenant text, a_actor text,
                                       a_product uuid, a_variant uuid,
                                       a_match text, body jsonb)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    v catalog.variant;
BEGIN
    PERFORM catalog.product_open(a_tenant, a_product, NULL);
    PERFORM catalog.variant_take(a_tenant, a_product, a_variant, a_match);
    IF body ? 'sku' THEN
        PERFORM catalog.sku_check(a_tenant, a_variant, body->>'sku');
    END IF;

    IF body->'price' ? 'amount' THEN
        PERFORM catalog.price_add(a_tenant, a_variant,
            body->'price' || '{"supersede":true}', '/price');
    END IF;

    UPDATE catalog.variant x SET
        sku        = coalesce(body->>'sku', x.sku),
        name       = CASE WHEN body ? 'name' THEN body->>'name'
                          ELSE x.name END,
        attributes = coalesce(body->'attributes', x.attributes),
        status     = coalesce(body->>'status', x.status),
        sort_order = coalesce((body->>'sortOrder')::int, x.sort_order)
     WHERE x.tenant = a_tenant AND x.variant_id = a_variant
    RETURNING x.* INTO v;

    PERFORM core.log(a_tenant, a_actor, 'update', 'variant', a_variant::text,
                     body);
    RETURN ROW(200, v.version, NULL, v.document)::core.reply;
END
$$;

CREATE FUNCTION catalog.variant_delete(a_tenant text, a_actor text,
                                       a_product uuid, a_variant uuid,
                                       a_match text) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    v catalog.variant;
BEGIN
    PERFORM catalog.product_open(a_tenant, a_product, NULL);
    v := catalog.variant_take(a_tenant, a_product, a_variant, a_match);

    PERFORM catalog.variant_free(a_tenant, ARRAY[a_variant]);
    DELETE FROM catalog.variant x
     WHERE x.tenant = a_tenant AND x.variant_id = a_variant;

    PERFORM core.log(a_tenant, a_actor, 'delete', 'variant', a_variant::text,
                     jsonb_build_object('sku', v.sku));
    RETURN ROW(204, NULL, NULL, NULL)::core.reply;
END
$$;


CREATE FUNCTION catalog.price_text(p catalog.price) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN json_build_object(
    'priceId', p.price_id, 'variantId', p.variant_id, 'channel', p.channel,
    'amount', p.amount, 'currency', p.currency,
    'validFrom', core.ts(lower(p.validity)),
    'validTo', core.ts(upper(p.validity)), 'version', p.version)::text;

CREATE FUNCTION catalog.price_create(a_tenant text, a_actor text, a_key text,
                                     a_hash text, a_product uuid,
                                     a_variant uuid, body jsonb)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    r core.reply := core.replay(a_tenant, a_actor, a_key, a_hash);
    p catalog.price;
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    PERFORM catalog.product_open(a_tenant, a_product, NULL);
    PERFORM catalog.variant_take(a_tenant, a_product, a_variant, NULL);
    p := catalog.price_add(a_tenant, a_variant, body, '');

    PERFORM core.log(a_tenant, a_actor, 'create', 'price', p.price_id::text,
                     body);
    RETURN core.remember(a_tenant, a_actor, a_key, a_hash,
        ROW(201, p.version, format('/products/%s/variants/%s/prices/%s',
                                   a_product, a_variant, p.price_id),
            catalog.price_text(p)));
END
$$;

-- A price of a variant of a product, both locked.
CREATE FUNCTION catalog.price_take(a_tenant text, a_product uuid,
                                   a_variant uuid, a_price uuid, a_match text)
RETURNS catalog.price
LANGUAGE plpgsql AS $$
DECLARE
    p catalog.price;
BEGIN
    PERFORM catalog.product_open(a_tenant, a_product, NULL);
    PERFORM catalog.variant_take(a_tenant, a_product, a_variant, NULL);

    SELECT * INTO p FROM catalog.price x
     WHERE x.tenant = a_tenant AND x.price_id = a_price
       AND x.variant_id = a_variant;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL);
    END IF;

    PERFORM catalog.expect(p.version, a_match);
    RETURN p;
END
$$;

-- Replaces a price; a beginning that is not given stays.
CREATE FUNCTION catalog.price_replace(a_tenant text, a_actor text,
                                      a_product uuid, a_variant uuid,
                                      a_price uuid, a_match text, body jsonb)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    p catalog.price := catalog.price_take(a_tenant, a_product, a_variant,
                                          a_price, a_match);
BEGIN
    p := catalog.price_add(a_tenant, a_variant,
        jsonb_build_object('validFrom', lower(p.validity)) || body, '',
        a_price);

    PERFORM core.log(a_tenant, a_actor, 'update', 'price', a_price::text,
                     body);
    RETURN ROW(200, p.version, NULL, catalog.price_text(p))::core.reply;
END
$$;

CREATE FUNCTION catalog.price_delete(a_tenant text, a_actor text,
                                     a_product uuid, a_variant uuid,
                                     a_price uuid, a_match text)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    p catalog.price := catalog.price_take(a_tenant, a_product, a_variant,
                                          a_price, a_match);
BEGIN
    DELETE FROM catalog.price x
     WHERE x.tenant = a_tenant AND x.price_id = a_price;
    PERFORM core.log(a_tenant, a_actor, 'delete', 'price', a_price::text,
                     jsonb_build_object('amount', p.amount,
                                        'currency', p.currency));
    RETURN ROW(204, NULL, NULL, NULL)::core.reply;
END
$$;


CREATE FUNCTION catalog.media_create(a_tenant text, a_actor text, a_key text,
                                     a_hash text, a_product uuid, body jsonb)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    r core.reply := core.replay(a_tenant, a_actor, a_key, a_hash);
    m catalog.media;
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    PERFORM catalog.product_open(a_tenant, a_product, NULL);
    m := catalog.media_add(a_tenant, a_product, body, (
        SELECT coalesce(max(x.sort_order), 0) + 1 FROM catalog.media x
         WHERE x.tenant = a_tenant AND x.product_id = a_product));

    PERFORM core.log(a_tenant, a_actor, 'create', 'media', m.media_id::text,
                     body);
    RETURN core.remember(a_tenant, a_actor, a_key, a_hash,
        ROW(201, m.version, format('/products/%s/media/%s', a_product,
                                   m.media_id), catalog.media_text(m)));
END
$$;

CREATE FUNCTION catalog.media_take(a_tenant text, a_product uuid,
                                   a_media uuid, a_match text)
RETURNS catalog.media
LANGUAGE plpgsql AS $$
DECLARE
    m catalog.media;
BEGIN
    PERFORM catalog.product_open(a_tenant, a_product, NULL);
    SELECT * INTO m FROM catalog.media x
     WHERE x.tenant = a_tenant AND x.product_id = a_product
       AND x.media_id = a_media;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL);
    END IF;

    PERFORM catalog.expect(m.version, a_match);
    RETURN m;
END
$$;

CREATE FUNCTION catalog.media_update(a_tenant text, a_actor text,
                                     a_product uuid, a_media uuid,
                                     a_match text, body jsonb)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    m catalog.media := catalog.media_take(a_tenant, a_product, a_media,
                                          a_match);
BEGIN
    UPDATE catalog.media x SET
        type       = coalesce(body->>'type', x.type),
        url        = coalesce(body->>'url', x.url),
        alt_text   = CASE WHEN body ? 'altText' THEN body->>'altText'
                          ELSE x.alt_text END,
        sort_order = coalesce((body->>'sortOrder')::int, x.sort_order)
     WHERE x.tenant = a_tenant AND x.media_id = a_media
    RETURNING x.* INTO m;

    PERFORM core.log(a_tenant, a_actor, 'update', 'media', a_media::text,
                     body);
    RETURN ROW(200, m.version, NULL, catalog.media_text(m))::core.reply;
END
$$;

CREATE FUNCTION catalog.media_delete(a_tenant text, a_actor text,
                                     a_product uuid, a_media uuid,
                                     a_match text) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    m catalog.media := catalog.media_take(a_tenant, a_product, a_media,
                                          a_match);
BEGIN
    DELETE FROM catalog.media x
     WHERE x.tenant = a_tenant AND x.media_id = a_media;
    PERFORM core.log(a_tenant, a_actor, 'delete', 'media', a_media::text,
                     jsonb_build_object('url', m.url));
    RETURN ROW(204, NULL, NULL, NULL)::core.reply;
END
$$;

COMMIT;
