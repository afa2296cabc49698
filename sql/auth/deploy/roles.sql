-- Deploy auth:roles
-- requires: keys
-- Roles and permissions as resources; what somebody may do, and why; the
-- audit searched.
--
-- A permission is the name of a scope: those of the routes, and any others
-- that a tenant's own programs ask for by auth.authz_check().

BEGIN;

CREATE TABLE auth.permission (
    tenant          text COLLATE "C" NOT NULL,
    permission      text COLLATE "C" NOT NULL
                    CHECK (permission ~ '^[a-z0-9_.:-]{1,64}$'),
    description     text NOT NULL DEFAULT '',
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, permission)
);
SELECT core.protect('auth.permission');

CREATE INDEX role_scope_scope ON auth.role_scope (tenant, scope);
CREATE INDEX audit_actor ON core.audit (tenant, employee_id, id);
CREATE INDEX audit_operation ON core.audit (tenant, operation, id);


-- Administrators read the audit.
CREATE OR REPLACE FUNCTION auth.role_seed(a_tenant text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM auth.role r WHERE r.tenant = a_tenant) THEN
        RETURN;
    END IF;

    INSERT INTO auth.role (tenant, role, description)
    SELECT a_tenant, d.role, d.description
      FROM auth.role_defaults() d
     ORDER BY d.role
    ON CONFLICT DO NOTHING;

    INSERT INTO auth.role_scope (tenant, role, scope)
    SELECT a_tenant, d.role, s.scope
      FROM auth.role_defaults() d,
           unnest(d.scopes || CASE WHEN d.role = 'admin'
                                   THEN '{audit:read}'::text[]
                                   ELSE '{}' END) s (scope)
     ORDER BY d.role, s.scope
    ON CONFLICT DO NOTHING;
END
$$;

INSERT INTO auth.role_scope (tenant, role, scope)
SELECT r.tenant, r.role, 'audit:read' FROM auth.role r WHERE r.role = 'admin'
ON CONFLICT DO NOTHING;


CREATE FUNCTION auth.role_text(r auth.role) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN json_build_object(
    'role', r.role, 'description', r.description,
    'permissions', (SELECT coalesce(json_agg(rs.scope ORDER BY rs.scope), '[]')
                      FROM auth.role_scope rs
                     WHERE rs.tenant = r.tenant AND rs.role = r.role),
    'version', r.version, 'createdDate', core.ts(r.createts),
    'modifiedDate', core.ts(r.modifyts))::text;

CREATE FUNCTION auth.permission_text(p auth.permission) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN json_build_object(
    'permission', p.permission, 'description', p.description,
    'version', p.version, 'createdDate', core.ts(p.createts),
    'modifiedDate', core.ts(p.modifyts))::text;


-- Makes the permissions of a role those of the list; 'admin' keeps what it
-- takes to give back what was taken.
CREATE FUNCTION auth.role_permit(a_tenant text, a_role text,
                                 a_permissions jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    given text[] := ARRAY(SELECT DISTINCT p
                            FROM jsonb_array_elements_text(a_permissions) p
                           ORDER BY p);
BEGIN
    IF a_role = 'admin' AND NOT given @> '{users:read,users:write}' THEN
        PERFORM core.invalid('/permissions', 'admin',
            'The role admin keeps users:read and users:write.');
    END IF;

    DELETE FROM auth.role_scope rs
     WHERE rs.tenant = a_tenant AND rs.role = a_role
       AND rs.scope <> ALL (given);
    INSERT INTO auth.role_scope (tenant, role, scope)
    SELECT a_tenant, a_role, p FROM unnest(given) p ORDER BY p
    ON CONFLICT DO NOTHING;
END
$$;

CREATE FUNCTION auth.role_create(a_tenant text, a_actor text, a_key text,
    a_hash text, body jsonb) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    r core.reply := core.replay(a_tenant, a_actor, a_key, a_hash);
    o auth.role;
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    PERFORM auth.role_seed(a_tenant);
    INSERT INTO auth.role (tenant, role, description)
    VALUES (a_tenant, body->>'role', coalesce(body->>'description', ''))
    ON CONFLICT DO NOTHING
    RETURNING * INTO o;
    IF NOT FOUND THEN
        PERFORM core.refuse(409, 'conflict', 'A role of that name is there.');
    END IF;

    PERFORM auth.role_permit(a_tenant, o.role, body->'permissions');
    PERFORM core.emit(a_tenant, 'auth', 'role.created',
        o.role || '@' || core.ts(o.createts), o.version,
        jsonb_build_object('role', o.role,
                           'permissions', body->'permissions'));
    PERFORM core.log(a_tenant, a_actor, 'auth.role.created', 'role', o.role,
        jsonb_build_object('permissions', body->'permissions'));
    RETURN core.remember(a_tenant, a_actor, a_key, a_hash,
        ROW (201, o.version, '/auth/roles/' || o.role, auth.role_text(o)));
END
$$;

CREATE FUNCTION auth.role_take(a_tenant text, a_role text, a_match text)
RETURNS auth.role
LANGUAGE plpgsql AS $$
DECLARE
    o auth.role;
BEGIN
    SELECT * INTO o FROM auth.role x
     WHERE x.tenant = a_tenant AND x.role = a_role
       FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL);
    END IF;
    IF a_match IS NOT NULL AND a_match <> '*' AND a_match <> o.version::text
    THEN
        PERFORM core.refuse(412, 'precondition-failed',
            'The role was changed meanwhile; read it again.');
    END IF;
    RETURN o;
END
$$;

CREATE FUNCTION auth.role_replace(a_tenant text, a_actor text, a_role text,
    a_match text, body jsonb) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    o auth.role := auth.role_take(a_tenant, a_role, a_match);
BEGIN
    UPDATE auth.role x SET description = coalesce(body->>'description', '')
     WHERE x.tenant = a_tenant AND x.role = a_role
    RETURNING * INTO o;
    PERFORM auth.role_permit(a_tenant, a_role, body->'permissions');

    PERFORM core.emit(a_tenant, 'auth', 'role.updated',
        o.role || '@' || core.ts(o.createts), o.version,
        jsonb_build_object('role', o.role,
                           'permissions', body->'permissions'));
    PERFORM core.log(a_tenant, a_actor, 'auth.role.updated', 'role', a_role,
        jsonb_build_object('permissions', body->'permissions'));
    RETURN ROW (200, o.version, NULL, auth.role_text(o))::core.reply;
END
$$;

CREATE FUNCTION auth.role_delete(a_tenant text, a_actor text, a_role text,
    a_match text) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    o auth.role := auth.role_take(a_tenant, a_role, a_match);
BEGIN
    IF a_role = 'admin' OR EXISTS (
        SELECT FROM auth.user_role ur
         WHERE ur.tenant = a_tenant AND ur.role = a_role)
    THEN
        PERFORM core.refuse(409, 'conflict',
            'A role that somebody has, or that is admin, stays.');
    END IF;

    DELETE FROM auth.role x WHERE x.tenant = a_tenant AND x.role = a_role;
    PERFORM core.emit(a_tenant, 'auth', 'role.deleted',
        o.role || '@' || core.ts(o.createts), o.version + 1,
        jsonb_build_object('role', o.role));
    PERFORM core.log(a_tenant, a_actor, 'auth.role.deleted', 'role', a_role);
    RETURN ROW (204, NULL, NULL, NULL)::core.reply;
END
$$;


CREATE FUNCTION auth.permission_create(a_tenant text, a_actor text,
    a_key text, a_hash text, body jsonb) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    r core.reply := core.replay(a_tenant, a_actor, a_key, a_hash);
    p auth.permission;
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    INSERT INTO auth.permission (tenant, permission, description)
    VALUES (a_tenant, body->>'permission', coalesce(body->>'description', ''))
    ON CONFLICT DO NOTHING
    RETURNING * INTO p;
    IF NOT FOUND THEN
        PERFORM core.refuse(409, 'conflict',
            'A permission of that name is there.');
    END IF;

    PERFORM core.log(a_tenant, a_actor, 'auth.permission.created',
        'permission', p.permission);
    RETURN core.remember(a_tenant, a_actor, a_key, a_hash,
        ROW (201, p.version, '/auth/permissions/' || p.permission,
             auth.permission_text(p)));
END
$$;

CREATE FUNCTION auth.permission_take(a_tenant text, a_permission text,
                                     a_match text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v bigint;
BEGIN
    SELECT x.version INTO v FROM auth.permission x
     WHERE x.tenant = a_tenant AND x.permission = a_permission
       FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL);
    END IF;
    IF a_match IS NOT NULL AND a_match <> '*' AND a_match <> v::text THEN
        PERFORM core.refuse(412, 'precondition-failed',
            'The permission was changed meanwhile; read it again.');
    END IF;
END
$$;

CREATE FUNCTION auth.permission_replace(a_tenant text, a_actor text,
    a_permission text, a_match text, body jsonb) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    p auth.permission;
BEGIN
    PERFORM auth.permission_take(a_tenant, a_permission, a_match);
    UPDATE auth.permission x SET description = body->>'description'
     WHERE x.tenant = a_tenant AND x.permission = a_permission
    RETURNING * INTO p;
    PERFORM core.log(a_tenant, a_actor, 'auth.permission.updated',
        'permission', a_permission);
    RETURN ROW (200, p.version, NULL, auth.permission_text(p))::core.reply;
END
$$;

CREATE FUNCTION auth.permission_delete(a_tenant text, a_actor text,
    a_permission text, a_match text) RETURNS core.reply
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM auth.permission_take(a_tenant, a_permission, a_match);
    IF EXISTS (SELECT FROM auth.role_scope rs
                WHERE rs.tenant = a_tenant AND rs.scope = a_permission)
    THEN
        PERFORM core.refuse(409, 'conflict', 'A role has this permission.');
    END IF;
    DELETE FROM auth.permission x
     WHERE x.tenant = a_tenant AND x.permission = a_permission;
    PERFORM core.log(a_tenant, a_actor, 'auth.permission.deleted',
        'permission', a_permission);
    RETURN ROW (204, NULL, NULL, NULL)::core.reply;
END
$$;


-- What a subject may do, and why.  Without a subject it is the caller, and
-- the token's scopes (a_granted) count; of others the roles do, as in their
-- next token, and the caller must be trusted with users.
CREATE FUNCTION auth.authz(a_tenant text, a_actor text, a_granted text,
    a_trusted boolean, a_subject text, a_permission text)
RETURNS json
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_own      boolean := a_subject IS NULL OR a_subject = a_actor;
    v_user     uuid := auth.user_of(coalesce(a_subject, a_actor));
    v_active   boolean;
    v_roles    json;
    v_by_role  boolean;
    v_in_token boolean;
BEGIN
    IF NOT v_own AND NOT a_trusted THEN
        PERFORM core.refuse(403, 'forbidden',
            'What others may do is for those who hold users:read.');
    END IF;

    SELECT c.disabled_ts IS NULL INTO v_active
      FROM auth.credential c
     WHERE c.tenant = a_tenant AND c.user_id = v_user;

    SELECT coalesce(json_agg(rs.role ORDER BY rs.role), '[]'), count(*) > 0
      INTO v_roles, v_by_role
      FROM auth.user_role ur
      JOIN auth.role_scope rs ON rs.tenant = ur.tenant AND rs.role = ur.role
     WHERE ur.tenant = a_tenant AND ur.user_id = v_user
       AND rs.scope = a_permission;

    IF v_own THEN
        v_in_token := a_permission = ANY (string_to_array(a_granted, ' '));
    END IF;

    RETURN json_build_object(
        'subject', coalesce(a_subject, a_actor), 'permission', a_permission,
        'allowed', CASE WHEN v_own THEN v_in_token
                        ELSE coalesce(v_active, false) AND v_by_role END,
        'status', CASE WHEN v_active IS NULL THEN 'unknown'
                       WHEN v_active THEN 'active' ELSE 'disabled' END,
        'roles', v_roles, 'inToken', v_in_token,
        'reason', CASE
            WHEN v_in_token THEN 'The token of this request has the scope.'
            WHEN v_own AND v_by_role THEN
                'A role allows it, but the token of this request lacks the '
                'scope: get a new token, or ask for the scope.'
            WHEN v_own THEN
                'Neither the token of this request nor a role allows it.'
            WHEN v_active IS NULL THEN 'There is no such user who can log in.'
            WHEN NOT v_active THEN 'The user is disabled.'
            WHEN v_by_role THEN 'A role of the user allows it.'
            ELSE 'No role of the user allows it.' END);
END
$$;


-- The first UUID of version 7 that could have been made then.
CREATE FUNCTION auth.uuid7_from(t timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (lpad(to_hex(greatest((extract(epoch FROM t) * 1000)::bigint, 0)), 12,
             '0') || '70008000000000000000')::uuid;

CREATE FUNCTION auth.audit_text(a core.audit) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN json_build_object(
    'auditId', a.id, 'operation', a.operation, 'actor', a.employee_id,
    'referenceType', a.reference_type, 'referenceValue', a.reference_value,
    'changes', a.changes, 'createdDate', core.ts(a.createts))::text;

COMMIT;
