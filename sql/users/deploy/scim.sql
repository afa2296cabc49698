-- Deploy users:scim
-- Users and roles as SCIM knows them (RFC 7643, RFC 7644).
--
-- The module hands over what the client said as JSON: attribute names in the
-- spelling of the schema, filters and paths as trees (see
-- modules/users/carmen_scim_filter.c).  The functions here walk the trees;
-- nothing is put together as SQL.
--
-- Attributes that have a column live there; the rest is kept in user.scim.

BEGIN;

-- user_name where it is not the e-mail address.  No defaults: the row type is
-- in use, and nothing is written to the rows that are there.
ALTER TABLE users."user"
    ADD user_name     text,
    ADD user_name_key text COLLATE "C",
    ADD scim          jsonb CHECK (jsonb_typeof(scim) = 'object'),
    ADD CONSTRAINT user_user_name UNIQUE (tenant, user_name_key);

-- What a role has as a group, besides its members.
CREATE TABLE users.scim_group (
    tenant          text COLLATE "C" NOT NULL,
    role            text COLLATE "C" NOT NULL,
    display_name    text NOT NULL,
    display_key     text COLLATE "C" NOT NULL
                    GENERATED ALWAYS AS (lower(display_name
                                               COLLATE "und-x-icu")) STORED,
    external_id     text COLLATE "C",
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, role),
    FOREIGN KEY (tenant, role) REFERENCES auth.role ON DELETE CASCADE,
    CONSTRAINT scim_group_name UNIQUE (tenant, display_key),
    CONSTRAINT scim_group_external UNIQUE (tenant, external_id)
);
SELECT core.protect('users.scim_group');

CREATE TYPE users.scim_reply AS (
    status int, version text, location text, body text
);

CREATE FUNCTION users.scim_key_of(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN lower(name COLLATE "und-x-icu") COLLATE "C";


-- Filters.

-- The values at a path, of lists each element.
CREATE FUNCTION users.scim_values(doc jsonb, path jsonb) RETURNS jsonb[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    found jsonb[] := ARRAY[doc];
    below jsonb[];
    name  text;
    e     jsonb;
    x     jsonb;
BEGIN
    FOR name IN SELECT jsonb_array_elements_text(path) LOOP
        below := '{}';
        FOREACH e IN ARRAY found LOOP
            x := e -> name;
            IF jsonb_typeof(x) = 'array' THEN
                below := below || ARRAY(SELECT jsonb_array_elements(x));
            ELSIF jsonb_typeof(x) <> 'null' THEN
                below := array_append(below, x);
            END IF;
        END LOOP;
        found := below;
    END LOOP;
    RETURN found;
END
$$;

CREATE FUNCTION users.scim_time(given text) RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF given !~ ('^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?'
                 '(Z|[+-]\d\d:\d\d)?)?$')
    THEN
        PERFORM core.refuse(400, 'scim-invalid-filter',
            'A time is not of the form 2026-01-02T03:04:05Z.');
    END IF;
    RETURN given::timestamptz;
END
$$;

CREATE FUNCTION users.scim_compare(op text, x jsonb, want text, kind text,
                                   exact boolean) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    t text := x #>> '{}';
BEGIN
    IF kind = 'dateTime' AND op IN ('eq', 'gt', 'ge', 'lt', 'le') THEN
        RETURN CASE op
            WHEN 'eq' THEN t::timestamptz = users.scim_time(want)
            WHEN 'gt' THEN t::timestamptz > users.scim_time(want)
            WHEN 'ge' THEN t::timestamptz >= users.scim_time(want)
            WHEN 'lt' THEN t::timestamptz < users.scim_time(want)
            ELSE t::timestamptz <= users.scim_time(want) END;
    END IF;

    IF NOT exact THEN
        t := lower(t COLLATE "und-x-icu");
        want := lower(want COLLATE "und-x-icu");
    END IF;

    RETURN CASE op
        WHEN 'eq' THEN t = want
        WHEN 'co' THEN strpos(t, want) > 0
        WHEN 'sw' THEN starts_with(t, want)
        WHEN 'ew' THEN right(t, length(want)) = want
        WHEN 'gt' THEN t COLLATE "C" > want
        WHEN 'ge' THEN t COLLATE "C" >= want
        WHEN 'lt' THEN t COLLATE "C" < want
        WHEN 'le' THEN t COLLATE "C" <= want
        ELSE false END;
END
$$;

-- Whether a resource, or a value of an attribute, fits a filter.
CREATE FUNCTION users.scim_match(doc jsonb, f jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    op text := f->>'op';
    e  jsonb;
BEGIN
    CASE op
    WHEN 'and' THEN
        IF NOT users.scim_match(doc, f->'a') THEN
            RETURN false;
        END IF;
        RETURN users.scim_match(doc, f->'b');
    WHEN 'or' THEN
        IF users.scim_match(doc, f->'a') THEN
            RETURN true;
        END IF;
        RETURN users.scim_match(doc, f->'b');
    WHEN 'not' THEN
        RETURN NOT users.scim_match(doc, f->'a');
    WHEN 'absent' THEN
        RETURN NOT users.scim_match(doc, f || '{"op": "pr"}');
    WHEN 'ne' THEN
        RETURN NOT users.scim_match(doc, f || '{"op": "eq"}');
    ELSE
        FOREACH e IN ARRAY users.scim_values(doc, f->'path') LOOP
            IF (CASE op
                WHEN 'has' THEN users.scim_match(e, f->'a')
                WHEN 'pr' THEN e NOT IN ('""', '{}', '[]')
                ELSE users.scim_compare(op, e, f->>'value', f->>'type',
                                        (f->>'exact')::boolean) END)
            THEN
                RETURN true;
            END IF;
        END LOOP;
        RETURN false;
    END CASE;
END
$$;

-- The comparison that all results fit and an index knows, if there is one.
CREATE FUNCTION users.scim_index(f jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN CASE f->>'op'
        WHEN 'and' THEN coalesce(users.scim_index(f->'a'),
                                 users.scim_index(f->'b'))
        WHEN 'eq' THEN CASE WHEN f->'path' IN (
            '["id"]', '["userName"]', '["externalId"]') THEN f END
        END;
END
$$;

-- The users that may fit a filter: few when an index helps, else all.
CREATE FUNCTION users.scim_candidates(a_tenant text, f jsonb)
RETURNS SETOF users."user"
LANGUAGE plpgsql STABLE AS $$
DECLARE
    term  jsonb := users.scim_index(f);
    given text := term->>'value';
    key   text := users.scim_key_of(given);
    id    uuid := users.me(given);
BEGIN
    IF term IS NULL THEN
        RETURN QUERY SELECT u.* FROM users."user" u
            WHERE u.tenant = a_tenant AND u.status <> 'deleted';
        RETURN;
    END IF;

    RETURN QUERY SELECT u.* FROM users."user" u
        WHERE u.tenant = a_tenant AND u.status <> 'deleted'
          AND u.user_id = ANY (ARRAY(
            SELECT x.user_id FROM users."user" x
             WHERE x.tenant = a_tenant AND x.user_id = id
            UNION SELECT x.user_id FROM users."user" x
             WHERE x.tenant = a_tenant AND x.email_key = key
            UNION SELECT x.user_id FROM users."user" x
             WHERE x.tenant = a_tenant AND x.user_name_key = key
            UNION SELECT x.user_id FROM users."user" x
             WHERE x.tenant = a_tenant AND x.external_ref = given));
END
$$;


-- Resources as they are shown.

CREATE FUNCTION users.scim_user_name(u users."user") RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(u.user_name, u.email, u.user_id::text);

-- A list of addresses or numbers, in which that of the column must be.
CREATE FUNCTION users.scim_contacts(stored jsonb, main text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN main IS NULL THEN NULL
    WHEN EXISTS (SELECT FROM jsonb_array_elements(stored) e
                  WHERE lower(e->>'value') = lower(main)) THEN stored
    ELSE jsonb_build_array(jsonb_build_object('value', main, 'type', 'work',
                                              'primary', true))
         || coalesce((SELECT jsonb_agg(e - 'primary')
                        FROM jsonb_array_elements(stored) e), '[]') END;

-- base NULL: for a filter, which needs no addresses.
CREATE FUNCTION users.scim_user(u users."user", base text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    urn CONSTANT text :=
        'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
    extra  jsonb := coalesce(u.scim, '{}');
    name   jsonb := coalesce(extra->'name', '{}') || jsonb_strip_nulls(
        jsonb_build_object('givenName', u.given_name,
                           'familyName', u.family_name));
    ext    jsonb := coalesce(extra->urn, '{}') || jsonb_strip_nulls(
        jsonb_build_object('organization', u.company));
    member jsonb;
BEGIN
    IF base IS NULL THEN
        SELECT jsonb_agg(jsonb_build_object('value', r.role)) INTO member
          FROM unnest(u.roles) r (role);
    ELSE
        SELECT jsonb_agg(jsonb_build_object('value', r.role,
                   '$ref', base || '/Groups/' || r.role,
                   'display', coalesce(g.display_name, r.role),
                   'type', 'direct') ORDER BY r.role) INTO member
          FROM unnest(u.roles) r (role)
          LEFT JOIN users.scim_group g
                 ON g.tenant = u.tenant AND g.role = r.role;
    END IF;

    RETURN (extra - '{name,emails,phoneNumbers}'::text[])
        || jsonb_strip_nulls(jsonb_build_object(
        'schemas', CASE WHEN ext = '{}' THEN jsonb_build_array(
                'urn:ietf:params:scim:schemas:core:2.0:User')
            ELSE jsonb_build_array(
                'urn:ietf:params:scim:schemas:core:2.0:User', urn) END,
        'id', u.user_id, 'externalId', u.external_ref,
        'userName', users.scim_user_name(u),
        'name', nullif(name, '{}'), 'displayName', u.display_name,
        'locale', u.locale, 'timezone', u.time_zone,
        'active', u.status = 'active',
        'emails', users.scim_contacts(extra->'emails', u.email),
        'phoneNumbers', users.scim_contacts(extra->'phoneNumbers', u.phone),
        'groups', member, urn, nullif(ext, '{}'),
        'meta', jsonb_build_object('resourceType', 'User',
            'created', core.ts(u.createts),
            'lastModified', core.ts(u.modifyts),
            'version', 'W/"' || u.version || '"',
            'location', base || '/Users/' || u.user_id)));
END
$$;

-- A role; its version is what it shows, since members come and go elsewhere.
CREATE FUNCTION users.scim_group_doc(a_tenant text, a_role text, base text,
                                     with_members boolean) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    doc    jsonb;
    member jsonb;
BEGIN
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'schemas', jsonb_build_array(
            'urn:ietf:params:scim:schemas:core:2.0:Group'),
        'id', r.role, 'externalId', g.external_id,
        'displayName', coalesce(g.display_name, r.role),
        'meta', jsonb_build_object('resourceType', 'Group',
            'created', core.ts(r.createts),
            'lastModified', core.ts(greatest(r.modifyts, g.modifyts)),
            'location', base || '/Groups/' || r.role)))
      INTO doc
      FROM auth.role r
      LEFT JOIN users.scim_group g
             ON g.tenant = r.tenant AND g.role = r.role
     WHERE r.tenant = a_tenant AND r.role = a_role;

    IF doc IS NULL OR NOT with_members THEN
        RETURN doc;
    END IF;

    SELECT jsonb_agg(jsonb_build_object('value', u.user_id,
               '$ref', base || '/Users/' || u.user_id, 'type', 'User',
               'display', coalesce(u.display_name,
                   nullif(concat_ws(' ', u.given_name, u.family_name), ''),
                   users.scim_user_name(u))) ORDER BY u.user_id)
      INTO member
      FROM users."user" u
     WHERE u.tenant = a_tenant AND a_role = ANY (u.roles)
       AND u.status <> 'deleted';

    doc := doc || jsonb_strip_nulls(jsonb_build_object('members', member));
    RETURN jsonb_set(doc, '{meta,version}', to_jsonb('W/"' || md5(
        concat_ws(E'\n', doc->>'displayName', doc->>'externalId',
            (SELECT string_agg(m->>'value', ',')
               FROM jsonb_array_elements(member) m))) || '"'));
END
$$;

-- RFC 7644 section 3.9: the attributes that are asked for.
CREATE FUNCTION users.scim_project(doc jsonb, q jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    shown jsonb := jsonb_build_object('schemas', doc->'schemas',
                                      'id', doc->'id');
    path  text[];
    x     jsonb;
BEGIN
    FOR path IN SELECT ARRAY(SELECT jsonb_array_elements_text(p))
                  FROM jsonb_array_elements(q->'attributes') p
    LOOP
        x := doc -> path[1];
        CONTINUE WHEN x IS NULL;
        IF cardinality(path) > 1 THEN
            IF jsonb_typeof(x) = 'array' THEN
                SELECT coalesce(jsonb_agg(
                           coalesce(shown->path[1]->(i::int - 1), '{}')
                           || jsonb_strip_nulls(jsonb_build_object(path[2],
                                                  e->path[2])) ORDER BY i),
                           '[]')
                  INTO x
                  FROM jsonb_array_elements(x) WITH ORDINALITY y (e, i);
            ELSE
                x := coalesce(shown->path[1], '{}') || jsonb_strip_nulls(
                    jsonb_build_object(path[2], x->path[2]));
            END IF;
        END IF;
        shown := shown || jsonb_build_object(path[1], x);
    END LOOP;

    IF q ? 'attributes' THEN
        RETURN shown;
    END IF;

    FOR path IN SELECT ARRAY(SELECT jsonb_array_elements_text(p))
                  FROM jsonb_array_elements(q->'excluded') p
    LOOP
        CONTINUE WHEN path[1] IN ('id', 'schemas');
        IF cardinality(path) = 1 THEN
            doc := doc - path[1];
        ELSIF jsonb_typeof(doc->path[1]) = 'array' THEN
            doc := jsonb_set(doc, path[1:1], (
                SELECT coalesce(jsonb_agg(e - path[2]), '[]')
                  FROM jsonb_array_elements(doc->path[1]) e));
        ELSE
            doc := doc #- path;
        END IF;
    END LOOP;
    RETURN doc;
END
$$;

CREATE FUNCTION users.scim_get(a_tenant text, a_kind text, a_id text,
                               q jsonb, base text)
RETURNS SETOF users.scim_reply
LANGUAGE plpgsql STABLE AS $$
DECLARE
    doc jsonb;
BEGIN
    IF a_kind = 'User' THEN
        SELECT users.scim_user(u, base) INTO doc
          FROM users."user" u
         WHERE u.tenant = a_tenant AND u.user_id = users.me(a_id)
           AND u.status <> 'deleted';
    ELSE
        doc := users.scim_group_doc(a_tenant, a_id, base, true);
    END IF;

    IF doc IS NOT NULL THEN
        RETURN NEXT ROW(200, substring(doc #>> '{meta,version}' FROM '"(.*)"'),
            doc #>> '{meta,location}',
            users.scim_project(doc, q)::text)::users.scim_reply;
    END IF;
END
$$;

-- RFC 7644 section 3.4.2.
CREATE FUNCTION users.scim_list(a_tenant text, a_kind text, q jsonb,
                                base text) RETURNS users.scim_reply
LANGUAGE plpgsql STABLE AS $$
DECLARE
    f       jsonb := q->'filter';
    sort    jsonb := q->'sort';
    down    boolean := (q->>'descending')::boolean;
    start   int := (q->>'start')::int;
    wanted  int := (q->>'count')::int;
    members boolean;
    total   bigint;
    ids     text[];
    found   jsonb;
BEGIN
    IF a_kind = 'User' AND f IS NULL AND sort IS NULL THEN
        SELECT count(*) INTO total FROM users."user" u
         WHERE u.tenant = a_tenant AND u.status <> 'deleted';
        ids := ARRAY(SELECT u.user_id FROM users."user" u
                      WHERE u.tenant = a_tenant AND u.status <> 'deleted'
                      ORDER BY u.user_id OFFSET start - 1 LIMIT wanted);
    ELSIF a_kind = 'User' THEN
        ids := ARRAY(
            SELECT s.user_id
              FROM (SELECT u.user_id, CASE WHEN sort IS NOT NULL THEN
                           lower((users.scim_values(d.doc, sort))[1] #>> '{}'
                                 COLLATE "und-x-icu") END AS k
                      FROM users.scim_candidates(a_tenant, f) u,
                           LATERAL (SELECT users.scim_user(u, NULL) AS doc
                                    OFFSET 0) d
                     WHERE f IS NULL OR users.scim_match(d.doc, f)) s
             ORDER BY CASE WHEN NOT down THEN s.k END,
                      CASE WHEN down THEN s.k END DESC, s.user_id);
        total := cardinality(ids);
        ids := ids[start : start + wanted - 1];
    ELSE
        members := f::text LIKE '%"members"%'
                   OR sort::text LIKE '%"members"%';
        ids := ARRAY(
            SELECT s.role
              FROM (SELECT r.role, CASE WHEN sort IS NOT NULL THEN
                           lower((users.scim_values(d.doc, sort))[1] #>> '{}'
                                 COLLATE "und-x-icu") END AS k
                      FROM auth.role r,
                           LATERAL (SELECT users.scim_group_doc(a_tenant,
                                        r.role, base,
                                        coalesce(members, false)) AS doc
                                    OFFSET 0) d
                     WHERE r.tenant = a_tenant
                       AND (f IS NULL OR users.scim_match(d.doc, f))) s
             ORDER BY CASE WHEN NOT down THEN s.k END,
                      CASE WHEN down THEN s.k END DESC, s.role);
        total := cardinality(ids);
        ids := ids[start : start + wanted - 1];
    END IF;

    IF a_kind = 'User' THEN
        SELECT jsonb_agg(users.scim_project(users.scim_user(u, base), q)
                         ORDER BY i.n) INTO found
          FROM unnest(ids::uuid[]) WITH ORDINALITY i (id, n)
          JOIN users."user" u ON u.tenant = a_tenant AND u.user_id = i.id;
    ELSE
        -- members can be many: they are not looked for in vain
        members := CASE WHEN q ? 'attributes'
            THEN (q->'attributes')::text LIKE '%"members"%'
            ELSE NOT coalesce(q->'excluded' @> '[["members"]]', false) END;
        SELECT jsonb_agg(users.scim_project(users.scim_group_doc(a_tenant,
                   i.id, base, members), q) ORDER BY i.n) INTO found
          FROM unnest(ids) WITH ORDINALITY i (id, n);
    END IF;

    RETURN ROW(200, NULL, NULL, jsonb_build_object(
        'schemas', jsonb_build_array(
            'urn:ietf:params:scim:api:messages:2.0:ListResponse'),
        'totalResults', total, 'startIndex', start,
        'itemsPerPage', coalesce(jsonb_array_length(found), 0),
        'Resources', coalesce(found, '[]'))::text)::users.scim_reply;
END
$$;

COMMIT;
