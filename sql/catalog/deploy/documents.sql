-- Deploy catalog:documents
-- What clients read of a product and a variant is kept ready in their rows.
-- Whoever writes to these tables, by whatever statement: the document, the
-- version, the terms and the events follow.

BEGIN;

-- A price that begins or ends changes a representation without a write.  Each
-- such time that has passed counts as one version, so that the ETag changes.
CREATE FUNCTION catalog.passed(boundaries timestamptz[], at timestamptz)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (SELECT count(*) FROM unnest(boundaries) b WHERE b <= at);
END
$$;

CREATE FUNCTION catalog.words(txt text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT coalesce(array_agg(DISTINCT w COLLATE "C"), '{}')
          FROM regexp_split_to_table(lower(txt COLLATE "und-x-icu"),
                                     '[^[:alnum:]]+') w
         WHERE w <> '');

-- The variant as JSON at a time.  "price" is the one of the channel
-- "default"; of several currencies the first by code.
CREATE FUNCTION catalog.variant_text(v catalog.variant, at timestamptz)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    current text;
    listed  text;
BEGIN
    SELECT (array_agg(format('{"amount":%s,"currency":"%s"}', p.amount,
                             p.currency) ORDER BY p.currency)
               FILTER (WHERE p.channel = 'default'))[1],
           string_agg(row_to_json(e)::text, ','
                      ORDER BY p.channel, p.currency)
      INTO current, listed
      FROM catalog.price p,
           LATERAL (SELECT p.price_id AS "priceId", p.channel AS "channel",
                           p.amount AS "amount", p.currency AS "currency",
                           core.ts(lower(p.validity)) AS "validFrom",
                           core.ts(upper(p.validity)) AS "validTo") e
     WHERE p.tenant = v.tenant AND p.variant_id = v.variant_id
       AND p.validity @> at;

    RETURN row_to_json(d)::text FROM (
        SELECT v.variant_id AS "variantId", v.product_id AS "productId",
               v.sku AS "sku", v.name AS "name",
               v.attributes AS "attributes", v.status AS "status",
               v.sort_order AS "sortOrder", current::json AS "price",
               ('[' || coalesce(listed, '') || ']')::json AS "prices",
               v.version + catalog.passed(v.boundaries, at) AS "version",
               core.ts(v.createts) AS "createdDate",
               core.ts(v.modifyts) AS "modifiedDate") d;
END
$$;

CREATE FUNCTION catalog.media_text(m catalog.media) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN row_to_json(d)::text FROM (
        SELECT m.media_id AS "mediaId", m.product_id AS "productId",
               m.type AS "type", m.url AS "url", m.alt_text AS "altText",
               m.sort_order AS "sortOrder", m.version AS "version") d;
END
$$;

CREATE FUNCTION catalog.product_text(p catalog.product, at timestamptz)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    variants text;
    media    text;
BEGIN
    SELECT string_agg(CASE WHEN v.due > at THEN v.document
                           ELSE catalog.variant_text(v, at) END, ','
                      ORDER BY v.sort_order, v.variant_id)
      INTO variants
      FROM catalog.variant v
     WHERE v.tenant = p.tenant AND v.product_id = p.product_id;

    SELECT string_agg(catalog.media_text(m), ','
                      ORDER BY m.sort_order, m.media_id)
      INTO media
      FROM catalog.media m
     WHERE m.tenant = p.tenant AND m.product_id = p.product_id;

    RETURN row_to_json(d)::text FROM (
        SELECT p.product_id AS "productId", p.name AS "name",
               p.description AS "description", p.brand_id AS "brandId",
               p.category_id AS "categoryId", p.status AS "status",
               p.gtin AS "gtin", p.attributes AS "attributes",
               ('[' || coalesce(variants, '') || ']')::json AS "variants",
               ('[' || coalesce(media, '') || ']')::json AS "media",
               p.version + catalog.passed(p.boundaries, at) AS "version",
               core.ts(p.createts) AS "createdDate",
               core.ts(p.modifyts) AS "modifiedDate") d;
END
$$;

CREATE FUNCTION catalog.product_terms(p catalog.product) RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN ARRAY(
        SELECT t COLLATE "C" FROM (
            SELECT '' AS t
            UNION SELECT 's:' || p.status
            UNION SELECT 'b:' || p.brand_id WHERE p.brand_id IS NOT NULL
            UNION SELECT 'g:' || lpad(p.gtin, 14, '0')
                   WHERE p.gtin IS NOT NULL
            UNION SELECT 'k:' || v.sku FROM catalog.variant v
                   WHERE v.tenant = p.tenant AND v.product_id = p.product_id
            UNION SELECT 'w:' || w FROM unnest(catalog.words(p.name)) w
            UNION (WITH RECURSIVE up AS (
                       SELECT c.category_id, c.parent_category_id
                         FROM catalog.category c
                        WHERE c.tenant = p.tenant
                          AND c.category_id = p.category_id
                       UNION ALL
                       SELECT c.category_id, c.parent_category_id
                         FROM up
                         JOIN catalog.category c
                           ON c.tenant = p.tenant
                          AND c.category_id = up.parent_category_id)
                   SELECT 'c:' || up.category_id FROM up)) s
         ORDER BY t COLLATE "C");
END
$$;


-- Variants.  This trigger comes behind "touch", by its name.

CREATE FUNCTION catalog.variant_written() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := clock_timestamp();
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.version := NEW.version + catalog.passed(OLD.boundaries, at);
    END IF;

    SELECT coalesce(array_agg(DISTINCT b ORDER BY b), '{}'),
           coalesce(min(b), 'infinity')
      INTO NEW.boundaries, NEW.due
      FROM catalog.price p,
           LATERAL (VALUES (lower(p.validity)), (upper(p.validity))) s (b)
     WHERE p.tenant = NEW.tenant AND p.variant_id = NEW.variant_id
       AND b > at;

    NEW.document := catalog.variant_text(NEW, at);
    RETURN NEW;
END
$$;
CREATE TRIGGER write_document BEFORE INSERT OR UPDATE ON catalog.variant
    FOR EACH ROW EXECUTE FUNCTION catalog.variant_written();


-- The parts of a product change: so does the product.

CREATE FUNCTION catalog.parts_written() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    part record;
BEGIN
    -- by key, and in the order of the keys, as all locks are taken
    FOR part IN
        SELECT DISTINCT c.tenant, c.product_id FROM changed c ORDER BY 1, 2
    LOOP
        UPDATE catalog.product p SET modifyts = now()
         WHERE p.tenant = part.tenant AND p.product_id = part.product_id;
    END LOOP;
    RETURN NULL;
END
$$;
CREATE TRIGGER variant_inserted AFTER INSERT ON catalog.variant
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION catalog.parts_written();
CREATE TRIGGER variant_updated AFTER UPDATE ON catalog.variant
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION catalog.parts_written();
CREATE TRIGGER variant_deleted AFTER DELETE ON catalog.variant
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION catalog.parts_written();
CREATE TRIGGER media_inserted AFTER INSERT ON catalog.media
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION catalog.parts_written();
CREATE TRIGGER media_updated AFTER UPDATE ON catalog.media
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION catalog.parts_written();
CREATE TRIGGER media_deleted AFTER DELETE ON catalog.media
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION catalog.parts_written();


-- Prices change: so does the variant, and with it the product.

CREATE FUNCTION catalog.price_event(v catalog.variant) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM core.emit(v.tenant, 'catalog', 'price.changed',
        v.variant_id::text, v.price_version, jsonb_build_object(
            'variantId', v.variant_id, 'productId', v.product_id,
            'sku', v.sku, 'prices', (
                SELECT coalesce(jsonb_agg(jsonb_build_object(
                           'priceId', p.price_id, 'channel', p.channel,
                           'amount', p.amount, 'currency', p.currency,
                           'validFrom', core.ts(lower(p.validity)),
                           'validTo', core.ts(upper(p.validity)))
                           ORDER BY p.channel, p.currency, p.validity), '[]')
                  FROM catalog.price p
                 WHERE p.tenant = v.tenant AND p.variant_id = v.variant_id
                   AND coalesce(upper(p.validity), 'infinity') > now())));
END
$$;

CREATE FUNCTION catalog.prices_written() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    priced  record;
    written catalog.variant;
BEGIN
    FOR priced IN
        SELECT DISTINCT c.tenant, c.variant_id FROM changed c ORDER BY 1, 2
    LOOP
        UPDATE catalog.variant v SET price_version = v.price_version + 1
         WHERE v.tenant = priced.tenant AND v.variant_id = priced.variant_id
        RETURNING v.* INTO written;
        IF FOUND THEN
            PERFORM catalog.price_event(written);
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
CREATE TRIGGER price_inserted AFTER INSERT ON catalog.price
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION catalog.prices_written();
CREATE TRIGGER price_updated AFTER UPDATE ON catalog.price
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION catalog.prices_written();
CREATE TRIGGER price_deleted AFTER DELETE ON catalog.price
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION catalog.prices_written();

-- a variant that is created behind its prices announces them
CREATE FUNCTION catalog.variant_created() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM catalog.price_event(NEW);
    RETURN NULL;
END
$$;
CREATE TRIGGER announce AFTER INSERT ON catalog.variant
    FOR EACH ROW WHEN (NEW.price_version > 0)
    EXECUTE FUNCTION catalog.variant_created();


-- Products.

CREATE FUNCTION catalog.product_written() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := clock_timestamp();
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.version := NEW.version + catalog.passed(OLD.boundaries, at);
    END IF;

    SELECT coalesce(array_agg(DISTINCT b ORDER BY b), '{}'),
           coalesce(min(b), 'infinity')
      INTO NEW.boundaries, NEW.due
      FROM catalog.variant v, unnest(v.boundaries) b
     WHERE v.tenant = NEW.tenant AND v.product_id = NEW.product_id
       AND b > at;

    NEW.document := catalog.product_text(NEW, at);
    NEW.terms := catalog.product_terms(NEW);
    RETURN NEW;
END
$$;
CREATE TRIGGER write_document BEFORE INSERT OR UPDATE ON catalog.product
    FOR EACH ROW EXECUTE FUNCTION catalog.product_written();

CREATE FUNCTION catalog.product_announce() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    p     catalog.product := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    event text;
    first bigint := 1;
    last  bigint := p.version;
BEGIN
    event := CASE
        WHEN TG_OP = 'INSERT' THEN 'created'
        WHEN TG_OP = 'DELETE' THEN 'deleted'
        WHEN NEW.status = OLD.status THEN 'updated'
        WHEN NEW.status = 'active' AND OLD.status = 'draft' THEN 'published'
        WHEN NEW.status = 'active' THEN 'activated'
        WHEN NEW.status = 'inactive' THEN 'deactivated'
        WHEN NEW.status = 'archived' THEN 'archived'
        ELSE 'updated' END;

    IF TG_OP <> 'INSERT' THEN
        first := OLD.version + 1;
    END IF;
    IF TG_OP = 'DELETE' THEN
        last := OLD.version
                + catalog.passed(OLD.boundaries, clock_timestamp()) + 1;
    END IF;

    -- the versions before the last are prices that began or ended by
    -- themselves
    FOR n IN first .. last LOOP
        PERFORM core.emit(p.tenant, 'catalog',
            'product.' || CASE WHEN n = last THEN event ELSE 'updated' END,
            p.product_id::text, n, jsonb_build_object(
                'productId', p.product_id, 'name', p.name,
                'status', p.status, 'brandId', p.brand_id,
                'categoryId', p.category_id, 'version', n));
    END LOOP;

    IF TG_OP = 'INSERT'
       OR TG_OP = 'UPDATE' AND (OLD.terms, OLD.name_key, OLD.createts)
                               IS DISTINCT FROM
                               (NEW.terms, NEW.name_key, NEW.createts)
    THEN
        DELETE FROM catalog.product_term t
         WHERE t.tenant = p.tenant AND t.product_id = p.product_id;
        INSERT INTO catalog.product_term (tenant, term, name_key, createts,
                                          product_id)
        SELECT p.tenant, t, p.name_key, p.createts, p.product_id
          FROM unnest(p.terms) t;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER announce AFTER INSERT OR UPDATE OR DELETE ON catalog.product
    FOR EACH ROW EXECUTE FUNCTION catalog.product_announce();


-- The tree of categories: no cycle, and the products of a category are found
-- under all that stand above it.

CREATE FUNCTION catalog.category_placed() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    above uuid := NEW.parent_category_id;
BEGIN
    IF above IS NULL THEN
        RETURN NEW;
    END IF;

    -- two moves at once could each be free of cycles, and not both
    PERFORM pg_advisory_xact_lock(hashtextextended(
        'catalog.category' || E'\n' || NEW.tenant, 7));

    WHILE above IS NOT NULL LOOP
        IF above = NEW.category_id THEN
            PERFORM core.invalid('/parentCategoryId', 'cycle',
                'A category cannot stand below itself.');
        END IF;
        SELECT c.parent_category_id INTO above
          FROM catalog.category c
         WHERE c.tenant = NEW.tenant AND c.category_id = above;
    END LOOP;
    RETURN NEW;
END
$$;
CREATE TRIGGER placed
    BEFORE INSERT OR UPDATE OF parent_category_id ON catalog.category
    FOR EACH ROW EXECUTE FUNCTION catalog.category_placed();

CREATE FUNCTION catalog.category_moved() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE catalog.product p SET modifyts = now()
     WHERE p.tenant = NEW.tenant AND p.category_id IN (
        WITH RECURSIVE down AS (
            SELECT NEW.category_id AS category_id
            UNION ALL
            SELECT c.category_id FROM down
              JOIN catalog.category c ON c.tenant = NEW.tenant
               AND c.parent_category_id = down.category_id)
        SELECT down.category_id FROM down);
    RETURN NULL;
END
$$;
CREATE TRIGGER moved
    AFTER UPDATE OF parent_category_id ON catalog.category
    FOR EACH ROW
    WHEN (OLD.parent_category_id IS DISTINCT FROM NEW.parent_category_id)
    EXECUTE FUNCTION catalog.category_moved();

COMMIT;
