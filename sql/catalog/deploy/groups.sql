-- Deploy catalog:groups
-- What the routes of categories and brands call to write.

BEGIN;

CREATE FUNCTION catalog.category_text(c catalog.category) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN json_build_object(
    'categoryId', c.category_id, 'name', c.name,
    'parentCategoryId', c.parent_category_id, 'description', c.description,
    'status', c.status, 'version', c.version,
    'createdDate', core.ts(c.createts),
    'modifiedDate', core.ts(c.modifyts))::text;

CREATE FUNCTION catalog.category_check(a_tenant text, a_category uuid,
                                       a_parent uuid, a_name text)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF a_parent IS NOT NULL AND NOT EXISTS (
        SELECT FROM catalog.category c
         WHERE c.tenant = a_tenant AND c.category_id = a_parent)
    THEN
        PERFORM catalog.unknown('/parentCategoryId',
                                'There is no such category.');
    END IF;

    IF EXISTS (
        SELECT FROM catalog.category c
         WHERE c.tenant = a_tenant
           AND coalesce(c.parent_category_id,
                        '00000000-0000-0000-0000-000000000000')
               = coalesce(a_parent, '00000000-0000-0000-0000-000000000000')
           AND c.name_key = lower(a_name COLLATE "und-x-icu") COLLATE "C"
           AND c.category_id IS DISTINCT FROM a_category)
    THEN
        PERFORM core.refuse(409, 'duplicate-name',
            'Another category in this place has this name.',
            jsonb_build_object('name', a_name));
    END IF;
END
$$;

CREATE FUNCTION catalog.category_create(a_tenant text, a_actor text,
                                        a_key text, a_hash text, body jsonb)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    r core.reply := core.replay(a_tenant, a_actor, a_key, a_hash);
    c catalog.category;
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    PERFORM catalog.category_check(a_tenant, NULL,
        (body->>'parentCategoryId')::uuid, body->>'name');
    INSERT INTO catalog.category (tenant, parent_category_id, name,
                                  description, status)
    VALUES (a_tenant, (body->>'parentCategoryId')::uuid, body->>'name',
            body->>'description', coalesce(body->>'status', 'active'))
    RETURNING * INTO c;

    PERFORM core.emit(a_tenant, 'catalog', 'category.created',
                      c.category_id::text, c.version,
                      catalog.category_text(c)::jsonb);
    PERFORM core.log(a_tenant, a_actor, 'create', 'category',
                     c.category_id::text, body);
    RETURN core.remember(a_tenant, a_actor, a_key, a_hash,
        ROW(201, c.version, '/categories/' || c.category_id,
            catalog.category_text(c)));
END
$$;

CREATE FUNCTION catalog.category_take(a_tenant text, a_category uuid,
                                      a_match text) RETURNS catalog.category
LANGUAGE plpgsql AS $$
DECLARE
    c catalog.category;
BEGIN
    SELECT * INTO c FROM catalog.category x
     WHERE x.tenant = a_tenant AND x.category_id = a_category
       FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL);
    END IF;

    PERFORM catalog.expect(c.version, a_match);
    RETURN c;
END
$$;

CREATE FUNCTION catalog.category_update(a_tenant text, a_actor text,
                                        a_category uuid, a_match text,
                                        body jsonb) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    c      catalog.category := catalog.category_take(a_tenant, a_category,
                                                     a_match);
    parent uuid := CASE WHEN body ? 'parentCategoryId'
                        THEN (body->>'parentCategoryId')::uuid
                        ELSE c.parent_category_id END;
BEGIN
    IF parent = a_category THEN
        PERFORM core.invalid('/parentCategoryId', 'cycle',
            'A category cannot stand below itself.');
    END IF;
    PERFORM catalog.category_check(a_tenant, a_category, parent,
                                   coalesce(body->>'name', c.name));

    UPDATE catalog.category x SET
        name               = coalesce(body->>'name', x.name),
        parent_category_id = parent,
        description        = CASE WHEN body ? 'description'
                                  THEN body->>'description'
                                  ELSE x.description END,
        status             = coalesce(body->>'status', x.status)
     WHERE x.tenant = a_tenant AND x.category_id = a_category
    RETURNING x.* INTO c;

    PERFORM core.emit(a_tenant, 'catalog', 'category.updated',
                      c.category_id::text, c.version,
                      catalog.category_text(c)::jsonb);
    PERFORM core.log(a_tenant, a_actor, 'update', 'category',
                     a_category::text, body);
    RETURN ROW(200, c.version, NULL, catalog.category_text(c))::core.reply;
END
$$;

CREATE FUNCTION catalog.category_delete(a_tenant text, a_actor text,
                                        a_category uuid, a_match text)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    c catalog.category := catalog.category_take(a_tenant, a_category,
                                                a_match);
BEGIN
    BEGIN
        DELETE FROM catalog.category x
         WHERE x.tenant = a_tenant AND x.category_id = a_category;
    EXCEPTION WHEN foreign_key_violation THEN
        PERFORM core.refuse(409, 'category-in-use',
            'Products or other categories stand in this category.');
    END;

    PERFORM core.emit(a_tenant, 'catalog', 'category.deleted',
                      a_category::text, c.version + 1,
                      catalog.category_text(c)::jsonb);
    PERFORM core.log(a_tenant, a_actor, 'delete', 'category',
                     a_category::text, jsonb_build_object('name', c.name));
    RETURN ROW(204, NULL, NULL, NULL)::core.reply;
END
$$;


CREATE FUNCTION catalog.brand_text(b catalog.brand) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN json_build_object(
    'brandId', b.brand_id, 'name', b.name, 'description', b.description,
    'logo', b.logo, 'status', b.status, 'version', b.version,
    'createdDate', core.ts(b.createts),
    'modifiedDate', core.ts(b.modifyts))::text;

CREATE FUNCTION catalog.brand_check(a_tenant text, a_brand uuid, a_name text)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM catalog.brand b
         WHERE b.tenant = a_tenant
           AND b.name_key = lower(a_name COLLATE "und-x-icu") COLLATE "C"
           AND b.brand_id IS DISTINCT FROM a_brand)
    THEN
        PERFORM core.refuse(409, 'duplicate-name',
            'Another brand has this name.',
            jsonb_build_object('name', a_name));
    END IF;
END
$$;

CREATE FUNCTION catalog.brand_create(a_tenant text, a_actor text, a_key text,
                                     a_hash text, body jsonb)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    r core.reply := core.replay(a_tenant, a_actor, a_key, a_hash);
    b catalog.brand;
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    PERFORM catalog.brand_check(a_tenant, NULL, body->>'name');
    INSERT INTO catalog.brand (tenant, name, description, logo, status)
    VALUES (a_tenant, body->>'name', body->>'description', body->>'logo',
            coalesce(body->>'status', 'active'))
    RETURNING * INTO b;

    PERFORM core.emit(a_tenant, 'catalog', 'brand.created', b.brand_id::text,
                      b.version, catalog.brand_text(b)::jsonb);
    PERFORM core.log(a_tenant, a_actor, 'create', 'brand', b.brand_id::text,
                     body);
    RETURN core.remember(a_tenant, a_actor, a_key, a_hash,
        ROW(201, b.version, '/brands/' || b.brand_id,
            catalog.brand_text(b)));
END
$$;

CREATE FUNCTION catalog.brand_take(a_tenant text, a_brand uuid, a_match text)
RETURNS catalog.brand
LANGUAGE plpgsql AS $$
DECLARE
    b catalog.brand;
BEGIN
    SELECT * INTO b FROM catalog.brand x
     WHERE x.tenant = a_tenant AND x.brand_id = a_brand
       FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL);
    END IF;

    PERFORM catalog.expect(b.version, a_match);
    RETURN b;
END
$$;

CREATE FUNCTION catalog.brand_update(a_tenant text, a_actor text,
                                     a_brand uuid, a_match text, body jsonb)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    b catalog.brand := catalog.brand_take(a_tenant, a_brand, a_match);
BEGIN
    IF body ? 'name' THEN
        PERFORM catalog.brand_check(a_tenant, a_brand, body->>'name');
    END IF;

    UPDATE catalog.brand x SET
        name        = coalesce(body->>'name', x.name),
        description = CASE WHEN body ? 'description'
                           THEN body->>'description' ELSE x.description END,
        logo        = CASE WHEN body ? 'logo' THEN body->>'logo'
                           ELSE x.logo END,
        status      = coalesce(body->>'status', x.status)
     WHERE x.tenant = a_tenant AND x.brand_id = a_brand
    RETURNING x.* INTO b;

    PERFORM core.emit(a_tenant, 'catalog', 'brand.updated', b.brand_id::text,
                      b.version, catalog.brand_text(b)::jsonb);
    PERFORM core.log(a_tenant, a_actor, 'update', 'brand', a_brand::text,
                     body);
    RETURN ROW(200, b.version, NULL, catalog.brand_text(b))::core.reply;
END
$$;

CREATE FUNCTION catalog.brand_delete(a_tenant text, a_actor text,
                                     a_brand uuid, a_match text)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    b catalog.brand := catalog.brand_take(a_tenant, a_brand, a_match);
BEGIN
    BEGIN
        DELETE FROM catalog.brand x
         WHERE x.tenant = a_tenant AND x.brand_id = a_brand;
    EXCEPTION WHEN foreign_key_violation THEN
        PERFORM core.refuse(409, 'brand-in-use',
            'Products carry this brand.');
    END;

    PERFORM core.emit(a_tenant, 'catalog', 'brand.deleted', a_brand::text,
                      b.version + 1, catalog.brand_text(b)::jsonb);
    PERFORM core.log(a_tenant, a_actor, 'delete', 'brand', a_brand::text,
                     jsonb_build_object('name', b.name));
    RETURN ROW(204, NULL, NULL, NULL)::core.reply;
END
$$;

COMMIT;
