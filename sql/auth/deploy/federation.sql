-- Deploy auth:federation
-- requires: passwords
-- requires: personal
-- Signing in with an account elsewhere: at a social provider or in a
-- directory.
--
-- An account elsewhere is a provider and its subject, nothing else: an e-mail
-- address changes hands.  It belongs to one user, and a user has one of each
-- provider.  When it is seen for the first time:
--
--   an address that the provider does not vouch for is not used at all;
--   a user with that address is joined only when the address was proved here,
--     too, or an administrator made the user and nobody has signed in yet:
--     else whoever registered somebody else's address would wait in it;
--   an address that nobody has makes a new user.
--
-- A user who was made so has a password that nobody knows: a bcrypt hash
-- with a salt of zeros, which no password is ever hashed with.

BEGIN;

CREATE TABLE auth.social_identity (
    tenant          text COLLATE "C" NOT NULL,
    provider        text COLLATE "C" NOT NULL
                    CHECK (provider ~ '^[a-z][a-z0-9-]{0,31}$'),
    subject         text COLLATE "C" NOT NULL
                    CHECK (subject <> '' AND octet_length(subject) <= 255),
    user_id         uuid NOT NULL,
    email           text,
    email_verified  boolean NOT NULL DEFAULT false,
    display_name    text,
    used_ts         timestamptz NOT NULL DEFAULT now(),
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, provider, subject),
    UNIQUE (tenant, user_id, provider),
    FOREIGN KEY (tenant, user_id) REFERENCES auth.credential
        ON DELETE CASCADE
);
SELECT core.protect('auth.social_identity');


-- A sign-in that is under way at a provider.  What the browser holds is known
-- here by its hash.
CREATE TABLE auth.social_state (
    tenant          text COLLATE "C" NOT NULL,
    state_hash      text COLLATE "C" NOT NULL
                    CHECK (state_hash ~ '^[0-9a-f]{64}$'),
    provider        text COLLATE "C" NOT NULL,
    binding_hash    text COLLATE "C" NOT NULL,
    nonce           text COLLATE "C" NOT NULL,
    verifier        text COLLATE "C" NOT NULL,
    user_id         uuid,
    expires_ts      timestamptz NOT NULL,
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, state_hash)
);
CREATE INDEX social_state_expires ON auth.social_state (tenant, expires_ts);
SELECT core.protect('auth.social_state');


CREATE FUNCTION auth.social_begin(a_tenant text, a_state_hash text,
    a_provider text, a_binding_hash text, a_nonce text, a_verifier text,
    a_user_id uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('carmen.tenant', a_tenant, true);

    DELETE FROM auth.social_state s
     WHERE s.tenant = a_tenant
       AND s.state_hash IN (SELECT o.state_hash
                              FROM auth.social_state o
                             WHERE o.tenant = a_tenant
                               AND o.expires_ts < now()
                             ORDER BY o.expires_ts
                             LIMIT 20
                               FOR UPDATE SKIP LOCKED);

    INSERT INTO auth.social_state (tenant, state_hash, provider,
        binding_hash, nonce, verifier, user_id, expires_ts)
    VALUES (a_tenant, a_state_hash, a_provider, a_binding_hash, a_nonce,
            a_verifier, a_user_id, now() + interval '10 minutes');
END
$$;


-- For one use: whoever asks, it is gone after.
CREATE FUNCTION auth.social_take(a_tenant text, a_state_hash text,
    a_provider text, a_binding_hash text)
RETURNS TABLE (nonce text, verifier text, user_id uuid)
LANGUAGE plpgsql AS $$
DECLARE
    v_state auth.social_state;
BEGIN
    PERFORM set_config('carmen.tenant', a_tenant, true);

    DELETE FROM auth.social_state s
     WHERE s.tenant = a_tenant AND s.state_hash = a_state_hash
    RETURNING * INTO v_state;

    IF FOUND AND v_state.provider = a_provider
       AND v_state.binding_hash = a_binding_hash
       AND v_state.expires_ts > clock_timestamp()
    THEN
        RETURN QUERY SELECT v_state.nonce, v_state.verifier, v_state.user_id;
    END IF;
END
$$;


-- A hash of no password.
CREATE FUNCTION auth.no_password() RETURNS text
LANGUAGE sql VOLATILE
RETURN '$2b$12$......................'
    || left(translate(encode(sha256(uuid_send(gen_random_uuid())
                                    || uuid_send(gen_random_uuid())),
                             'base64'), '+=', './'), 31);

CREATE FUNCTION auth.has_password(c auth.credential) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN NOT starts_with(c.password_hash, '$2b$12$......................');


-- Whether the user has proved to have the address that is the login name.
CREATE FUNCTION auth.login_proved(c auth.credential) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT (c).verified_login IS NOT DISTINCT FROM (c).login
        OR EXISTS (SELECT FROM auth.social_identity i
                    WHERE i.tenant = (c).tenant AND i.user_id = (c).user_id
                      AND i.email_verified
                      AND lower(i.email COLLATE "C") = (c).login);
END;


-- The roles of the mapping are given and taken; all others stay.  The roles
-- of a person stand in users, too, where there is such a domain.
CREATE FUNCTION auth.federation_roles(a_tenant text, a_user_id uuid,
    a_held text[], a_managed text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_old text[] := auth.roles_of(a_tenant, a_user_id);
    v_new text[];
BEGIN
    SELECT coalesce(array_agg(DISTINCT n.role ORDER BY n.role), '{}')
      INTO v_new
      FROM (SELECT unnest(v_old) AS role EXCEPT SELECT unnest(a_managed)
            UNION SELECT unnest(a_held)) n
     WHERE EXISTS (SELECT FROM auth.role r
                    WHERE r.tenant = a_tenant AND r.role = n.role);
    IF v_new = v_old THEN
        RETURN;
    END IF;

    IF to_regclass('users."user"') IS NOT NULL THEN
        PERFORM FROM users."user" u
          WHERE u.tenant = a_tenant AND u.user_id = a_user_id;
        IF FOUND THEN
            PERFORM users.update_user(a_tenant, a_user_id::text, a_user_id,
                NULL, jsonb_build_object('roles', v_new));
            RETURN;
        END IF;
    END IF;

    PERFORM auth.roles_set(a_tenant, a_user_id, v_new);
END
$$;


-- A user for a_login; "person" as users.create_user() takes it.
CREATE FUNCTION auth.federation_create(a_tenant text, a_login text,
    a_email text, person jsonb, a_roles text[]) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    v_user_id uuid := core.uuid7();
    v_reply   core.reply;
BEGIN
    PERFORM auth.role_seed(a_tenant);

    IF to_regclass('users."user"') IS NOT NULL THEN
        SELECT u.user_id INTO v_user_id
          FROM users."user" u
         WHERE u.tenant = a_tenant AND u.status = 'active'
           AND u.email_key = lower(a_email COLLATE "und-x-icu") COLLATE "C";
        IF NOT FOUND THEN
            v_reply := users.create_user(a_tenant, NULL, NULL, NULL,
                jsonb_strip_nulls(person || jsonb_build_object(
                    'email', a_email, 'roles', a_roles)), NULL, true);
            v_user_id := substr(v_reply.location, length('/users/') + 1);
        ELSE
            SELECT u.roles INTO a_roles FROM users."user" u
             WHERE u.tenant = a_tenant AND u.user_id = v_user_id;
        END IF;
    END IF;

    PERFORM auth.credential_create(a_tenant, v_user_id, a_login,
                                   auth.no_password(), a_roles);
    IF a_email IS NOT NULL THEN
        UPDATE auth.credential c SET verified_login = c.login
         WHERE c.tenant = a_tenant AND c.user_id = v_user_id;
    END IF;
    RETURN v_user_id;
END
$$;


CREATE FUNCTION auth.federation_tie(a_tenant text, a_user_id uuid,
    a_provider text, a_subject text, a_email text, a_verified boolean,
    a_name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO auth.social_identity (tenant, provider, subject, user_id,
        email, email_verified, display_name)
    VALUES (a_tenant, a_provider, a_subject, a_user_id, a_email,
            a_verified AND a_email IS NOT NULL, a_name);

    PERFORM core.log(a_tenant, a_user_id::text, 'auth.identity.linked',
        'user', a_user_id::text, jsonb_build_object('provider', a_provider));
EXCEPTION
    WHEN unique_violation THEN
        PERFORM core.refuse(409, 'identity-conflict', NULL);
END
$$;


-- The user that an account elsewhere signs in, found or made, and a session;
-- a challenge instead, with methods, for a user with a second factor.
-- outcome: signed-in; disabled; exists: an account of that address is there,
-- and its owner must link it.
CREATE FUNCTION auth.federation_login(a_tenant text, a_provider text,
    a_subject text, a_email text, a_verified boolean, a_name text,
    a_given text, a_family text, a_held text[], a_managed text[],
    a_client_id text, a_token_hash text, a_lifetime interval,
    a_address text, OUT outcome text, OUT user_id uuid, OUT session_id uuid,
    OUT scope text, OUT roles json, OUT methods json)
LANGUAGE plpgsql AS $$
DECLARE
    v_cred  auth.credential;
    v_login text;
    v_made  boolean := false;
BEGIN
    PERFORM set_config('carmen.tenant', a_tenant, true);

    -- Two callbacks of one newcomer come one after the other.
    PERFORM pg_advisory_xact_lock(hashtextextended(
        a_tenant || ' ' || a_provider || ' ' || a_subject, 20261120));

    SELECT i.user_id INTO user_id
      FROM auth.social_identity i
     WHERE i.tenant = a_tenant AND i.provider = a_provider
       AND i.subject = a_subject;

    IF NOT FOUND THEN
        v_login := CASE WHEN a_verified THEN lower(a_email COLLATE "C") END;

        SELECT * INTO v_cred
          FROM auth.credential c
         WHERE c.tenant = a_tenant AND c.login = v_login
           FOR UPDATE;

        IF FOUND THEN
            IF NOT auth.login_proved(v_cred)
               OR EXISTS (SELECT FROM auth.social_identity i
                           WHERE i.tenant = a_tenant
                             AND i.user_id = v_cred.user_id
                             AND i.provider = a_provider)
            THEN
                outcome := 'exists';
                PERFORM core.log(a_tenant, v_cred.user_id::text,
                    'auth.login.failed', 'user', v_cred.user_id::text,
                    jsonb_build_object('address', a_address,
                        'provider', a_provider, 'reason', 'exists'));
                user_id := NULL;
                RETURN;
            END IF;
            user_id := v_cred.user_id;
        ELSE
            v_made := true;
            user_id := auth.federation_create(a_tenant,
                coalesce(v_login, a_provider || ':' || a_subject),
                CASE WHEN a_verified THEN a_email END,
                jsonb_build_object('displayName', a_name,
                    'givenName', a_given, 'familyName', a_family),
                '{customer}');
        END IF;

        PERFORM auth.federation_tie(a_tenant, user_id, a_provider, a_subject,
                                    a_email, a_verified, a_name);
    ELSE
        UPDATE auth.social_identity i
           SET used_ts = now(), display_name = coalesce(a_name,
                                                        i.display_name),
               email = coalesce(a_email, i.email),
               email_verified = CASE WHEN a_email IS NULL
                                     THEN i.email_verified
                                     ELSE a_verified END
         WHERE i.tenant = a_tenant AND i.provider = a_provider
           AND i.subject = a_subject;
    END IF;

    SELECT * INTO v_cred
      FROM auth.credential c
     WHERE c.tenant = a_tenant
       AND c.user_id = federation_login.user_id;

    IF v_cred.disabled_ts IS NOT NULL THEN
        outcome := 'disabled';
        PERFORM core.log(a_tenant, user_id::text, 'auth.login.failed',
            'user', user_id::text, jsonb_build_object('address', a_address,
                'provider', a_provider, 'reason', 'disabled'));
        user_id := NULL;
        RETURN;
    END IF;

    PERFORM auth.federation_roles(a_tenant, user_id, a_held, a_managed);

    outcome := CASE WHEN v_made THEN 'created' ELSE 'signed-in' END;
    SELECT s.session_id, s.scope, s.roles, s.methods
      INTO session_id, scope, roles, methods
      FROM auth.mfa_login(a_tenant, user_id, v_cred.password_hash, NULL,
               a_client_id, a_token_hash, a_lifetime, a_address) s;
    UPDATE auth.session s SET amr = '{fed}'
     WHERE s.tenant = a_tenant
       AND s.session_id = federation_login.session_id;
END
$$;


CREATE FUNCTION auth.social_text(i auth.social_identity) RETURNS json
LANGUAGE sql STABLE
RETURN json_build_object('provider', i.provider, 'email', i.email,
    'emailVerified', i.email_verified, 'displayName', i.display_name,
    'linkedDate', core.ts(i.createts), 'usedDate', core.ts(i.used_ts));


-- Ties an account elsewhere to the user who asked for it.
CREATE FUNCTION auth.social_link(a_tenant text, a_user_id uuid,
    a_provider text, a_subject text, a_email text, a_verified boolean,
    a_name text) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    v_there auth.social_identity;
BEGIN
    PERFORM set_config('carmen.tenant', a_tenant, true);

    PERFORM FROM auth.credential c
      WHERE c.tenant = a_tenant AND c.user_id = a_user_id
        AND c.disabled_ts IS NULL
        FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL);
    END IF;

    SELECT * INTO v_there
      FROM auth.social_identity i
     WHERE i.tenant = a_tenant AND i.provider = a_provider
       AND i.subject = a_subject;

    IF NOT FOUND THEN
        PERFORM auth.federation_tie(a_tenant, a_user_id, a_provider,
            a_subject, a_email, a_verified, a_name);
        SELECT * INTO v_there
          FROM auth.social_identity i
         WHERE i.tenant = a_tenant AND i.provider = a_provider
           AND i.subject = a_subject;
    ELSIF v_there.user_id <> a_user_id THEN
        PERFORM core.refuse(409, 'identity-conflict', NULL);
    END IF;

    RETURN ROW (200, NULL, NULL, auth.social_text(v_there)::text)::core.reply;
END
$$;


CREATE FUNCTION auth.social_unlink(a_tenant text, a_actor text,
                                   a_provider text) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    v_user_id uuid := CASE
        WHEN a_actor ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        THEN a_actor::uuid END;
    v_cred auth.credential;
BEGIN
    SELECT * INTO v_cred
      FROM auth.credential c
     WHERE c.tenant = a_tenant AND c.user_id = v_user_id
       FOR UPDATE;

    PERFORM FROM auth.social_identity i
      WHERE i.tenant = a_tenant AND i.user_id = v_user_id
        AND i.provider = a_provider;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL);
    END IF;

    IF NOT auth.has_password(v_cred)
       AND (SELECT count(*) FROM auth.social_identity i
             WHERE i.tenant = a_tenant AND i.user_id = v_user_id) = 1
    THEN
        PERFORM core.refuse(409, 'last-sign-in', NULL);
    END IF;

    DELETE FROM auth.social_identity i
     WHERE i.tenant = a_tenant AND i.user_id = v_user_id
       AND i.provider = a_provider;

    PERFORM core.log(a_tenant, a_actor, 'auth.identity.unlinked', 'user',
        a_actor, jsonb_build_object('provider', a_provider));
    RETURN ROW (204, NULL, NULL, NULL)::core.reply;
END
$$;


CREATE FUNCTION auth.social_list(a_tenant text, a_actor text)
RETURNS TABLE (body text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT json_build_object('items', coalesce(
               json_agg(auth.social_text(i) ORDER BY i.provider), '[]'))::text
      FROM auth.social_identity i
     WHERE i.tenant = a_tenant
       AND i.user_id = CASE
           WHEN a_actor ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
           THEN a_actor::uuid END;
END;


CREATE FUNCTION auth.social_export(a_tenant text, a_user uuid) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(json_agg(auth.social_text(i)
                                     ORDER BY i.provider), '[]')
              FROM auth.social_identity i
             WHERE i.tenant = a_tenant AND i.user_id = a_user);
END
$$;

CREATE FUNCTION auth.social_erase(a_tenant text, a_user uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM auth.social_identity i
     WHERE i.tenant = a_tenant AND i.user_id = a_user;
END
$$;

SELECT core.personal_add('federation', 'auth.social_export(text,uuid)',
                         'auth.social_erase(text,uuid)');

COMMIT;
