-- Deploy users:scim_write
-- requires: scim

BEGIN;

-- What is unassigned: null and empty are the same (RFC 7643 section 2.5).
CREATE FUNCTION users.scim_clean(doc jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}')
          FROM jsonb_each(jsonb_strip_nulls(doc)) e
         WHERE e.value NOT IN ('""', '[]', '{}'));

CREATE FUNCTION users.scim_put(doc jsonb, path text[], given jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    x jsonb := doc -> path[1];
BEGIN
    IF cardinality(path) > 1 THEN
        given := users.scim_put(CASE jsonb_typeof(x) WHEN 'object' THEN x
                                ELSE '{}' END, path[2:], given);
    END IF;
    RETURN doc || jsonb_build_object(path[1], given);
END
$$;

-- One value of a list is the primary one: the newest that says so.
CREATE FUNCTION users.scim_primary(list jsonb, added jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN added @> '[{"primary": true}]'
            THEN coalesce((SELECT jsonb_agg(e - 'primary')
                             FROM jsonb_array_elements(list) e), '[]')
            ELSE list END || added;

-- RFC 7644 section 3.5.2: an operation on values of a list.
CREATE FUNCTION users.scim_apply_each(doc jsonb, o jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    path  text[] := ARRAY(SELECT jsonb_array_elements_text(o->'path'));
    f     jsonb := o->'filter';
    sub   text := o->>'sub';
    given jsonb := o->'value';
    op    text := CASE WHEN jsonb_typeof(o->'value') = 'null' THEN 'remove'
                       ELSE o->>'op' END;
    kept  jsonb := '[]';
    met   boolean := false;
    e     jsonb;
BEGIN
    FOR e IN SELECT x FROM jsonb_array_elements(
        CASE jsonb_typeof(doc #> path) WHEN 'array' THEN doc #> path
        ELSE '[]' END) x
    LOOP
        IF f IS NOT NULL AND NOT users.scim_match(e, f) THEN
            IF sub IS DISTINCT FROM 'primary' OR given <> 'true' THEN
                kept := kept || jsonb_build_array(e);
            ELSE
                kept := kept || jsonb_build_array(e - 'primary');
            END IF;
            CONTINUE;
        END IF;
        met := true;
        IF op = 'remove' THEN
            kept := kept || CASE WHEN sub IS NULL THEN '[]'
                            ELSE jsonb_build_array(e - sub) END;
        ELSIF sub IS NOT NULL THEN
            kept := kept || jsonb_build_array(
                e || jsonb_build_object(sub, given));
        ELSE
            kept := kept || jsonb_build_array(
                CASE op WHEN 'add' THEN e || given ELSE given END);
        END IF;
    END LOOP;

    IF NOT met AND op <> 'remove' THEN
        -- "emails[type eq "work"].value" says what the new one is like
        IF f IS NULL THEN
            e := '{}';
        ELSIF op = 'add' AND f->>'op' = 'eq' AND f->>'type' <> 'dateTime'
              AND jsonb_array_length(f->'path') = 1
        THEN
            e := jsonb_build_object(f #>> '{path,0}',
                CASE f->>'type' WHEN 'boolean'
                     THEN to_jsonb((f->>'value')::boolean)
                     ELSE f->'value' END);
        ELSE
            PERFORM core.refuse(400, 'scim-no-target',
                'The filter of a path matches no value.');
        END IF;
        kept := kept || jsonb_build_array(e || CASE WHEN sub IS NULL
            THEN given ELSE jsonb_build_object(sub, given) END);
    END IF;

    RETURN users.scim_put(doc, path, kept);
END
$$;

CREATE FUNCTION users.scim_apply(doc jsonb, o jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    path  text[] := ARRAY(SELECT jsonb_array_elements_text(o->'path'));
    given jsonb := o->'value';
    was   jsonb;
BEGIN
    IF o ? 'filter' OR o ? 'sub' THEN
        RETURN users.scim_apply_each(doc, o);
    END IF;

    was := doc #> path;

    IF o->>'op' = 'remove' AND jsonb_typeof(was) = 'array'
       AND jsonb_typeof(given) = 'array'
    THEN
        -- no word of it in the standard, but some clients name the values
        RETURN users.scim_put(doc, path, (
            SELECT coalesce(jsonb_agg(e), '[]')
              FROM jsonb_array_elements(was) e
             WHERE NOT given @> jsonb_build_array(
                       jsonb_build_object('value', e->'value'))));
    END IF;

    IF o->>'op' = 'remove' OR given IS NULL
       OR jsonb_typeof(given) = 'null'
    THEN
        RETURN doc #- path;
    END IF;

    IF (o->>'multi')::boolean AND o->>'op' = 'add'
       AND jsonb_typeof(was) = 'array'
    THEN
        RETURN users.scim_put(doc, path, users.scim_primary(was, (
            SELECT coalesce(jsonb_agg(v), '[]')
              FROM jsonb_array_elements(given) v
             WHERE NOT was @> jsonb_build_array(v))));
    END IF;

    IF jsonb_typeof(given) = 'object' AND jsonb_typeof(was) = 'object' THEN
        given := was || given;
    END IF;

    RETURN users.scim_put(doc, path, given);
END
$$;

CREATE FUNCTION users.scim_patch(doc jsonb, ops jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    o jsonb;
BEGIN
    FOR o IN SELECT jsonb_array_elements(ops) LOOP
        doc := users.scim_apply(doc, o);
    END LOOP;
    RETURN doc;
END
$$;


-- Users.

-- The value of a list that goes to the column: the primary, else the first.
CREATE FUNCTION users.scim_main(list jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT e->>'value'
          FROM jsonb_array_elements(list) WITH ORDINALITY x (e, n)
         WHERE e->>'value' <> ''
         ORDER BY (e->'primary' = 'true') IS TRUE DESC, n
         LIMIT 1);

CREATE FUNCTION users.scim_refuse(detail text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM core.refuse(400, 'scim-invalid-value', detail);
END
$$;

CREATE FUNCTION users.scim_check(u users."user", name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    key  text := users.scim_key_of(name);
    list text;
BEGIN
    IF u.email IS NOT NULL
       AND (u.email !~ '^[^@\s]+@[^@\s]+$' OR length(u.email) > 254)
    THEN
        PERFORM users.scim_refuse('An e-mail address is none.');
    END IF;
    IF length(u.phone) NOT BETWEEN 3 AND 40 THEN
        PERFORM users.scim_refuse('A phone number has 3 to 40 characters.');
    END IF;
    IF u.locale !~ '^[A-Za-z0-9-]{2,35}$' THEN
        PERFORM users.scim_refuse('A locale looks like "de-DE".');
    END IF;
    FOREACH list IN ARRAY '{emails,phoneNumbers,addresses,photos}'::text[]
    LOOP
        IF (SELECT count(*) FROM jsonb_array_elements(u.scim->list) e
             WHERE e->'primary' = 'true') > 1
        THEN
            PERFORM users.scim_refuse('Only one value is the primary one.');
        END IF;
    END LOOP;

    IF EXISTS (SELECT FROM users."user" x
                WHERE x.tenant = u.tenant AND x.user_id <> u.user_id
                  AND (x.email_key = key OR x.user_name_key = key
                       OR x.user_name_key = users.scim_key_of(u.email)))
    THEN
        PERFORM core.refuse(409, 'scim-uniqueness',
            'Another user has this userName.');
    END IF;

    PERFORM users.check_body(u.tenant, u.user_id, jsonb_build_object(
        'email', u.email, 'timeZone', u.time_zone,
        'externalRef', u.external_ref));
END
$$;

-- Puts what a resource says into the row.
CREATE FUNCTION users.scim_fill(u users."user", doc jsonb)
RETURNS users."user"
LANGUAGE plpgsql AS $$
DECLARE
    urn CONSTANT text :=
        'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
    name text := doc->>'userName';
BEGIN
    IF coalesce(btrim(name), '') = '' THEN
        PERFORM users.scim_refuse('A user has a userName.');
    END IF;
    doc := users.scim_clean(doc);

    u.email := users.scim_main(doc->'emails');
    IF u.email IS NULL AND name ~ '^[^@\s]+@[^@\s]+$' THEN
        u.email := name;
    END IF;
    u.user_name := CASE WHEN users.scim_key_of(name)
        IS DISTINCT FROM users.scim_key_of(u.email) THEN name END;
    u.user_name_key := users.scim_key_of(u.user_name);
    u.external_ref := doc->>'externalId';
    u.given_name := doc #>> '{name,givenName}';
    u.family_name := doc #>> '{name,familyName}';
    u.display_name := doc->>'displayName';
    u.company := doc->urn->>'organization';
    u.phone := users.scim_main(doc->'phoneNumbers');
    u.locale := translate(doc->>'locale', '_', '-');
    u.time_zone := doc->>'timezone';
    u.status := CASE doc->>'active' WHEN 'true' THEN 'active'
        WHEN 'false' THEN 'suspended' ELSE coalesce(u.status, 'active') END;
    u.scim := users.scim_clean(
        doc - '{schemas,id,meta,groups,password,userName,externalId,
                displayName,active,locale,timezone}'::text[]
        || jsonb_build_object('name',
               (doc->'name') - '{givenName,familyName}'::text[],
               urn, users.scim_clean((doc->urn) - 'organization')));
    RETURN u;
END
$$;

CREATE FUNCTION users.scim_create_user(a_tenant text, a_actor text,
    doc jsonb, a_password_hash text) RETURNS users."user"
LANGUAGE plpgsql AS $$
DECLARE
    u    users."user";
    name text := doc->>'userName';
BEGIN
    u.tenant := a_tenant;
    u.user_id := core.uuid7();
    u := users.scim_fill(u, doc);
    PERFORM users.scim_check(u, name);

    INSERT INTO users."user" AS x (tenant, user_id, email, user_name,
        user_name_key, given_name, family_name, display_name, company, phone,
        external_ref, status, locale, time_zone, scim)
    VALUES (a_tenant, u.user_id, u.email, u.user_name, u.user_name_key,
        u.given_name, u.family_name, u.display_name, u.company, u.phone,
        u.external_ref, u.status, u.locale, u.time_zone, u.scim)
    RETURNING x.* INTO u;

    IF a_password_hash IS NOT NULL THEN
        PERFORM auth.credential_create(a_tenant, u.user_id, name,
                                       a_password_hash, '{}');
        IF u.status = 'suspended' THEN
            PERFORM auth.credential_disable(a_tenant, u.user_id);
        END IF;
    END IF;

    PERFORM users.announce(u, 'created');
    PERFORM core.log(a_tenant, a_actor, 'create', 'user', u.user_id::text,
        jsonb_build_object('via', 'scim',
                           'password', a_password_hash IS NOT NULL));
    RETURN u;
END
$$;

CREATE FUNCTION users.scim_change_user(a_tenant text, a_actor text,
    a_verb text, a_user uuid, a_match text, a_body jsonb)
RETURNS users."user"
LANGUAGE plpgsql AS $$
DECLARE
    was users."user" := users.take(a_tenant, a_user, a_match);
    u   users."user";
    doc jsonb;
BEGIN
    doc := CASE a_verb WHEN 'patch'
        THEN users.scim_patch(users.scim_user(was, NULL), a_body)
        ELSE a_body END;

    u := users.scim_fill(was, doc);
    IF u IS NOT DISTINCT FROM was THEN
        RETURN was;
    END IF;
    PERFORM users.scim_check(u, doc->>'userName');

    IF u.status = 'suspended' AND was.status = 'active'
       AND a_user = users.me(a_actor)
    THEN
        PERFORM core.refuse(409, 'own-account',
            'An administrator cannot suspend himself.');
    END IF;

    UPDATE users."user" x SET
        email = u.email, user_name = u.user_name,
        user_name_key = u.user_name_key, given_name = u.given_name,
        family_name = u.family_name, display_name = u.display_name,
        company = u.company, phone = u.phone, external_ref = u.external_ref,
        status = u.status, locale = u.locale, time_zone = u.time_zone,
        scim = u.scim
     WHERE x.tenant = a_tenant AND x.user_id = a_user
    RETURNING x.* INTO u;

    IF users.has_credential(a_tenant, a_user) THEN
        IF users.scim_user_name(u) <> users.scim_user_name(was) THEN
            PERFORM auth.credential_rename(a_tenant, a_user,
                                           users.scim_user_name(u));
        END IF;
        IF u.status = 'suspended' AND was.status = 'active' THEN
            PERFORM auth.credential_disable(a_tenant, a_user);
        ELSIF u.status = 'active' AND was.status = 'suspended' THEN
            PERFORM auth.credential_enable(a_tenant, a_user);
        END IF;
    END IF;

    PERFORM users.announce(u, CASE WHEN u.status = was.status THEN 'updated'
        WHEN u.status = 'active' THEN 'activated' ELSE 'suspended' END);
    PERFORM core.log(a_tenant, a_actor, 'update', 'user', a_user::text,
        jsonb_build_object('via', 'scim', 'status', u.status, 'members',
            CASE a_verb WHEN 'patch'
            THEN (SELECT jsonb_agg(DISTINCT o #> '{path,0}')
                    FROM jsonb_array_elements(a_body) o)
            ELSE (SELECT jsonb_agg(k) FROM jsonb_object_keys(a_body) k)
            END));
    RETURN u;
END
$$;


-- Groups.

-- Gives a role to some users and takes it from others.
CREATE FUNCTION users.scim_members(a_tenant text, a_actor text, a_role text,
    added uuid[], removed uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    u users."user";
    n int := 0;
BEGIN
    FOR u IN SELECT x.* FROM users."user" x
              WHERE x.tenant = a_tenant AND x.status <> 'deleted'
                AND x.user_id = ANY (added || removed)
              ORDER BY x.user_id
                FOR UPDATE
    LOOP
        n := n + 1;
        UPDATE users."user" x
           SET roles = CASE WHEN u.user_id = ANY (added)
               THEN ARRAY(SELECT DISTINCT r.role COLLATE "C"
                            FROM unnest(x.roles || a_role) r (role)
                           ORDER BY 1)
               ELSE array_remove(x.roles, a_role) END
         WHERE x.tenant = a_tenant AND x.user_id = u.user_id
        RETURNING x.* INTO u;

        IF users.has_credential(a_tenant, u.user_id) THEN
            PERFORM auth.roles_set(a_tenant, u.user_id, u.roles);
        END IF;
        PERFORM users.announce(u, 'updated');
        PERFORM core.log(a_tenant, a_actor, 'update', 'user',
            u.user_id::text, jsonb_build_object('via', 'scim',
                'members', '["roles"]'::jsonb, 'roles', u.roles));
    END LOOP;

    IF n <> cardinality(added) + cardinality(removed) THEN
        PERFORM users.scim_refuse('A member is no user of this tenant.');
    END IF;
END
$$;

-- A role for a name: "Sales, Europe" becomes sales-europe.
CREATE FUNCTION users.scim_role_of(name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    slug text := btrim(regexp_replace(lower(name COLLATE "C"),
                                      '[^a-z0-9]+', '-', 'g'), '-');
BEGIN
    IF slug !~ '^[a-z]' THEN
        slug := rtrim('group-' || slug, '-') || '-'
                || substring(md5(name) FOR 6);
    END IF;
    RETURN rtrim(left(slug, 63), '-');
END
$$;

CREATE FUNCTION users.scim_set_group(a_tenant text, a_actor text,
    a_role text, was jsonb, doc jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    name   text := btrim(doc->>'displayName');
    wanted uuid[];
    have   uuid[];
BEGIN
    IF coalesce(name, '') = '' THEN
        PERFORM users.scim_refuse('A group has a displayName.');
    END IF;

    IF EXISTS (SELECT FROM auth.role r
                 LEFT JOIN users.scim_group g
                        ON g.tenant = r.tenant AND g.role = r.role
                WHERE r.tenant = a_tenant AND r.role <> a_role
                  AND (g.external_id = doc->>'externalId'
                       OR coalesce(g.display_key, r.role)
                          = users.scim_key_of(name)))
    THEN
        PERFORM core.refuse(409, 'scim-uniqueness',
            'Another group has this displayName or externalId.');
    END IF;

    INSERT INTO users.scim_group AS g (tenant, role, display_name,
                                       external_id)
    VALUES (a_tenant, a_role, name, doc->>'externalId')
    ON CONFLICT (tenant, role) DO UPDATE
       SET display_name = excluded.display_name,
           external_id = excluded.external_id
     WHERE (g.display_name, g.external_id) IS DISTINCT FROM
           (excluded.display_name, excluded.external_id);

    wanted := ARRAY(SELECT DISTINCT users.me(m->>'value')
                      FROM jsonb_array_elements(doc->'members') m);
    have := ARRAY(SELECT (m->>'value')::uuid
                    FROM jsonb_array_elements(was->'members') m);

    IF array_position(wanted, NULL) IS NOT NULL THEN
        PERFORM users.scim_refuse('A member is no user of this tenant.');
    END IF;

    PERFORM users.scim_members(a_tenant, a_actor, a_role,
        ARRAY(SELECT unnest(wanted) EXCEPT SELECT unnest(have)),
        ARRAY(SELECT unnest(have) EXCEPT SELECT unnest(wanted)));

    PERFORM core.log(a_tenant, a_actor,
        CASE WHEN was IS NULL THEN 'create' ELSE 'update' END, 'role', a_role,
        jsonb_build_object('via', 'scim', 'displayName', name));
END
$$;

CREATE FUNCTION users.scim_take_group(a_tenant text, a_role text,
                                      a_match text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    doc jsonb;
BEGIN
    PERFORM FROM auth.role r
      WHERE r.tenant = a_tenant AND r.role = a_role
        FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL);
    END IF;

    doc := users.scim_group_doc(a_tenant, a_role, '', true);
    IF doc #>> '{meta,version}' <> 'W/"' || a_match || '"' THEN
        PERFORM core.refuse(412, 'precondition-failed',
            'The group was changed meanwhile; read it again.');
    END IF;
    RETURN doc;
END
$$;

CREATE FUNCTION users.scim_delete_group(a_tenant text, a_actor text,
    a_role text, a_match text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    was jsonb := users.scim_take_group(a_tenant, a_role, a_match);
BEGIN
    IF EXISTS (SELECT FROM auth.role_defaults() d WHERE d.role = a_role) THEN
        PERFORM core.refuse(403, 'forbidden',
            'A role that Carmen brings along cannot be deleted.');
    END IF;

    PERFORM users.scim_members(a_tenant, a_actor, a_role, '{}',
        ARRAY(SELECT (m->>'value')::uuid
                FROM jsonb_array_elements(was->'members') m));
    DELETE FROM auth.user_role ur
     WHERE ur.tenant = a_tenant AND ur.role = a_role;
    DELETE FROM auth.role r
     WHERE r.tenant = a_tenant AND r.role = a_role;
    PERFORM core.log(a_tenant, a_actor, 'delete', 'role', a_role,
                     '{"via": "scim"}');
END
$$;


CREATE FUNCTION users.scim_write(a_tenant text, a_actor text, a_kind text,
    a_verb text, a_id text, a_match text, q jsonb, base text, a_body jsonb,
    a_password_hash text) RETURNS users.scim_reply
LANGUAGE plpgsql AS $$
DECLARE
    u   users."user";
    was jsonb;
    r   users.scim_reply;
BEGIN
    PERFORM auth.role_seed(a_tenant);

    IF a_kind = 'User' AND a_verb = 'delete' THEN
        PERFORM users.delete_user(a_tenant, a_actor, users.me(a_id), a_match);
        RETURN ROW(204, NULL, NULL, NULL)::users.scim_reply;
    ELSIF a_kind = 'User' AND a_verb = 'create' THEN
        u := users.scim_create_user(a_tenant, a_actor, a_body,
                                    a_password_hash);
        a_id := u.user_id;
    ELSIF a_kind = 'User' THEN
        u := users.scim_change_user(a_tenant, a_actor, a_verb,
            users.me(a_id), a_match, a_body);
    ELSIF a_verb = 'delete' THEN
        PERFORM users.scim_delete_group(a_tenant, a_actor, a_id, a_match);
        RETURN ROW(204, NULL, NULL, NULL)::users.scim_reply;
    ELSIF a_verb = 'create' THEN
        a_id := users.scim_role_of(coalesce(a_body->>'displayName', ''));
        IF EXISTS (SELECT FROM auth.role x
                    WHERE x.tenant = a_tenant AND x.role = a_id)
        THEN
            PERFORM core.refuse(409, 'scim-uniqueness',
                'Another group has this displayName.');
        END IF;
        INSERT INTO auth.role (tenant, role) VALUES (a_tenant, a_id);
        PERFORM users.scim_set_group(a_tenant, a_actor, a_id, NULL, a_body);
    ELSE
        was := users.scim_take_group(a_tenant, a_id, a_match);
        PERFORM users.scim_set_group(a_tenant, a_actor, a_id, was,
            CASE a_verb WHEN 'patch' THEN users.scim_patch(was, a_body)
                        ELSE a_body END);
    END IF;

    SELECT * INTO r FROM users.scim_get(a_tenant, a_kind, a_id, q, base);
    IF a_verb = 'create' THEN
        r.status := 201;
    END IF;
    RETURN r;
END
$$;

-- The person is forgotten; the number stays, for orders that name it.
CREATE OR REPLACE FUNCTION users.delete_user(a_tenant text, a_actor text,
    a_user uuid, a_match text) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    u users."user" := users.take(a_tenant, a_user, a_match);
BEGIN
    IF a_user = users.me(a_actor) THEN
        PERFORM core.refuse(409, 'own-account',
            'An administrator cannot delete himself.');
    END IF;

    UPDATE users."user" x SET
        status = 'deleted', email = NULL, given_name = NULL,
        family_name = NULL, display_name = NULL, company = NULL,
        phone = NULL, external_ref = NULL, roles = '{}', locale = NULL,
        time_zone = NULL, profile = '{}', preferences = '{}',
        user_name = NULL, user_name_key = NULL, scim = '{}'
     WHERE x.tenant = a_tenant AND x.user_id = a_user
    RETURNING x.* INTO u;

    IF users.has_credential(a_tenant, a_user) THEN
        PERFORM auth.credential_rename(a_tenant, a_user,
                                       'deleted:' || a_user);
        PERFORM auth.credential_disable(a_tenant, a_user);
        PERFORM auth.roles_set(a_tenant, a_user, '{}');
    END IF;

    PERFORM users.announce(u, 'deleted');
    PERFORM core.log(a_tenant, a_actor, 'delete', 'user', a_user::text);
    RETURN ROW(204, NULL, NULL, NULL)::core.reply;
END
$$;

COMMIT;
