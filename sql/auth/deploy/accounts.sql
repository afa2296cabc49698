-- Deploy auth:accounts
-- requires: core:foundation
-- Who may log in, and what a role allows.
--
-- The users domain owns the person; this schema owns what the person proves
-- and what the proof is worth.  What other domains call, each within the
-- caller's transaction and tenant:
--
--   auth.credential_create(tenant, user_id, login, password_hash, roles)
--       a login name (an e-mail address; kept in lower case) and a bcrypt
--       hash made with carmen_password_run(); 409 conflict when the login
--       name is taken, 422 unknown-reference for a role that is not there
--   auth.credential_rename(tenant, user_id, login)
--       another login name; 404, 409
--   auth.credential_disable(tenant, user_id)
--       no login and no refresh from now on; ends all sessions; 404
--   auth.credential_enable(tenant, user_id)
--       lifts it; 404
--   auth.roles_set(tenant, user_id, roles)
--       the roles of a user, all of them; 404, 422
--   auth.roles_of(tenant, user_id)     their names, sorted
--   auth.scopes_of(tenant, user_id)    what they add up to, sorted
--
-- A change of roles shows in the next access token.  None of these audits or
-- emits: the caller knows who does it and why.

BEGIN;

CREATE SCHEMA auth;
GRANT USAGE ON SCHEMA auth TO carmen_app;


CREATE TABLE auth.role (
    tenant          text COLLATE "C" NOT NULL,
    role            text COLLATE "C" NOT NULL
                    CHECK (role ~ '^[a-z][a-z0-9-]{0,62}$'),
    description     text NOT NULL DEFAULT '',
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, role)
);
SELECT core.protect('auth.role');


-- RFC 6749 section 3.3: what a scope may be made of, without the odd ones.
CREATE TABLE auth.role_scope (
    tenant          text COLLATE "C" NOT NULL,
    role            text COLLATE "C" NOT NULL,
    scope           text COLLATE "C" NOT NULL
                    CHECK (scope ~ '^[a-z0-9_.:-]{1,64}$'),
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, role, scope),
    FOREIGN KEY (tenant, role) REFERENCES auth.role ON DELETE CASCADE
);
SELECT core.protect('auth.role_scope');


CREATE TABLE auth.credential (
    tenant          text COLLATE "C" NOT NULL
                    CHECK (tenant ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    user_id         uuid NOT NULL,
    login           text COLLATE "C" NOT NULL
                    CHECK (login <> '' AND octet_length(login) <= 320),
    password_hash   text COLLATE "C" NOT NULL
                    CHECK (password_hash ~ '^\$2[aby]\$[0-9]{2}\$.{53}$'),
    password_ts     timestamptz NOT NULL DEFAULT now(),
    disabled_ts     timestamptz,
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, user_id),
    UNIQUE (tenant, login)
);
SELECT core.protect('auth.credential');


CREATE TABLE auth.user_role (
    tenant          text COLLATE "C" NOT NULL,
    user_id         uuid NOT NULL,
    role            text COLLATE "C" NOT NULL,
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, user_id, role),
    FOREIGN KEY (tenant, user_id) REFERENCES auth.credential
        ON DELETE CASCADE,
    FOREIGN KEY (tenant, role) REFERENCES auth.role
);
CREATE INDEX user_role_role ON auth.user_role (tenant, role);
SELECT core.protect('auth.user_role');


-- What a new tenant starts with.
CREATE FUNCTION auth.role_defaults()
RETURNS TABLE (role text, description text, scopes text[])
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    VALUES
    ('admin', 'Everything.', ARRAY[
        'users:self', 'users:read', 'users:write',
        'catalog:read', 'catalog:write',
        'inventory:read', 'inventory:write', 'inventory:reserve',
        'orders:read', 'orders:write', 'orders:manage', 'orders:price']),
    ('service', 'A program: everything but changing users.', ARRAY[
        'users:self', 'users:read',
        'catalog:read', 'catalog:write',
        'inventory:read', 'inventory:write', 'inventory:reserve',
        'orders:read', 'orders:write', 'orders:manage', 'orders:price']),
    ('read-only', 'Looks and does not touch.', ARRAY[
        'users:read', 'catalog:read', 'inventory:read', 'orders:read']),
    ('customer', 'Buys.', ARRAY[
        'users:self', 'catalog:read', 'inventory:read', 'inventory:reserve',
        'orders:read', 'orders:write']),
    ('sales', 'Sells: orders of all customers, at prices of its own.', ARRAY[
        'users:self', 'catalog:read', 'inventory:read', 'inventory:reserve',
        'orders:read', 'orders:write', 'orders:manage', 'orders:price']);
END;

CREATE FUNCTION auth.role_seed(a_tenant text) RETURNS void
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
      FROM auth.role_defaults() d, unnest(d.scopes) s (scope)
     ORDER BY d.role, s.scope
    ON CONFLICT DO NOTHING;
END
$$;


CREATE FUNCTION auth.roles_of(a_tenant text, a_user_id uuid) RETURNS text[]
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT coalesce(array_agg(ur.role ORDER BY ur.role), '{}')
      FROM auth.user_role ur
     WHERE ur.tenant = a_tenant AND ur.user_id = a_user_id;
END;

CREATE FUNCTION auth.scopes_of(a_tenant text, a_user_id uuid) RETURNS text[]
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT coalesce(array_agg(DISTINCT rs.scope ORDER BY rs.scope), '{}')
      FROM auth.user_role ur
      JOIN auth.role_scope rs ON rs.tenant = ur.tenant AND rs.role = ur.role
     WHERE ur.tenant = a_tenant AND ur.user_id = a_user_id;
END;


CREATE FUNCTION auth.roles_set(a_tenant text, a_user_id uuid, a_roles text[])
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    missing text;
BEGIN
    PERFORM FROM auth.credential c
      WHERE c.tenant = a_tenant AND c.user_id = a_user_id
        FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL, NULL);
    END IF;

    SELECT n.role INTO missing
      FROM unnest(a_roles) n (role)
     WHERE NOT EXISTS (SELECT FROM auth.role r
                        WHERE r.tenant = a_tenant AND r.role = n.role)
     LIMIT 1;
    IF FOUND THEN
        PERFORM core.refuse(422, 'unknown-reference',
            'A role of that name is not there.',
            jsonb_build_object('role', missing));
    END IF;

    DELETE FROM auth.user_role ur
     WHERE ur.tenant = a_tenant AND ur.user_id = a_user_id
       AND ur.role <> ALL (a_roles);

    INSERT INTO auth.user_role (tenant, user_id, role)
    SELECT DISTINCT a_tenant, a_user_id, n.role
      FROM unnest(a_roles) n (role)
     ORDER BY n.role
    ON CONFLICT DO NOTHING;
END
$$;


CREATE FUNCTION auth.credential_create(a_tenant text, a_user_id uuid,
    a_login text, a_password_hash text, a_roles text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM auth.role_seed(a_tenant);

    INSERT INTO auth.credential (tenant, user_id, login, password_hash)
    VALUES (a_tenant, a_user_id, lower(a_login COLLATE "C"), a_password_hash)
    ON CONFLICT (tenant, login) DO NOTHING;
    IF NOT FOUND THEN
        PERFORM core.refuse(409, 'conflict', 'This login name is taken.');
    END IF;

    PERFORM auth.roles_set(a_tenant, a_user_id, a_roles);
END
$$;


CREATE FUNCTION auth.credential_rename(a_tenant text, a_user_id uuid,
                                       a_login text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE auth.credential c SET login = lower(a_login COLLATE "C")
     WHERE c.tenant = a_tenant AND c.user_id = a_user_id;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL, NULL);
    END IF;
EXCEPTION
    WHEN unique_violation THEN
        PERFORM core.refuse(409, 'conflict', 'This login name is taken.');
END
$$;


CREATE FUNCTION auth.credential_enable(a_tenant text, a_user_id uuid)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE auth.credential c SET disabled_ts = NULL
     WHERE c.tenant = a_tenant AND c.user_id = a_user_id;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL, NULL);
    END IF;
END
$$;


-- The change "sessions" replaces it by one that ends the sessions as well.
CREATE FUNCTION auth.credential_disable(a_tenant text, a_user_id uuid)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE auth.credential c
       SET disabled_ts = coalesce(c.disabled_ts, now())
     WHERE c.tenant = a_tenant AND c.user_id = a_user_id;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL, NULL);
    END IF;
END
$$;

COMMIT;
