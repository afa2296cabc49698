-- Deploy auth:sessions
-- requires: accounts
-- Sessions and their refresh tokens (RFC 6749 section 6, RFC 9700 section
-- 4.14.2).
--
-- A login begins a session.  Every refresh token of a session descends from
-- its first one: the session is the family.  A refresh token is spent by its
-- use, and its child takes its place.  A spent token that comes again is
-- either a client whose answer was lost, within the grace and before a child
-- was used, or a theft: then the session ends for both of them.
--
-- Refresh tokens are random, 256 bits, so a plain SHA-256 keeps them at rest.
--
-- The functions that a login or a refresh calls enter the tenant that the
-- client named, for their transaction only: nobody is identified yet.

BEGIN;

CREATE TABLE auth.session (
    tenant          text COLLATE "C" NOT NULL,
    session_id      uuid NOT NULL DEFAULT core.uuid7(),
    user_id         uuid NOT NULL,
    client_id       text COLLATE "C" NOT NULL CHECK (client_id <> ''),
    address         text NOT NULL DEFAULT '',
    expires_ts      timestamptz NOT NULL,
    used_ts         timestamptz NOT NULL DEFAULT now(),
    ended_ts        timestamptz,
    end_reason      text COLLATE "C"
                    CHECK (end_reason IN ('logout', 'reuse', 'disabled')),
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, session_id),
    FOREIGN KEY (tenant, user_id) REFERENCES auth.credential
        ON DELETE CASCADE,
    CHECK ((ended_ts IS NULL) = (end_reason IS NULL))
);
CREATE INDEX session_of_user ON auth.session (tenant, user_id, session_id);
SELECT core.protect('auth.session');


CREATE TABLE auth.refresh_token (
    tenant          text COLLATE "C" NOT NULL,
    token_hash      text COLLATE "C" NOT NULL
                    CHECK (token_hash ~ '^[0-9a-f]{64}$'),
    session_id      uuid NOT NULL,
    parent          text COLLATE "C",
    rotated_ts      timestamptz,
    rotated_agent   text COLLATE "C",
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, token_hash),
    FOREIGN KEY (tenant, session_id) REFERENCES auth.session
        ON DELETE CASCADE,
    CHECK ((rotated_ts IS NULL) = (rotated_agent IS NULL))
);
CREATE INDEX refresh_token_session
    ON auth.refresh_token (tenant, session_id, parent);
SELECT core.protect('auth.refresh_token');


-- Ends a session that is not over; says whether it did.
CREATE FUNCTION auth.session_end(a_tenant text, a_session_id uuid,
    a_reason text, a_actor text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_user_id uuid;
BEGIN
    UPDATE auth.session s
       SET ended_ts = clock_timestamp(), end_reason = a_reason
     WHERE s.tenant = a_tenant AND s.session_id = a_session_id
       AND s.ended_ts IS NULL
    RETURNING s.user_id INTO v_user_id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    PERFORM core.emit(a_tenant, 'auth', 'session.ended',
        a_session_id::text, 2,
        jsonb_build_object('sessionId', a_session_id, 'userId', v_user_id,
                           'reason', a_reason));
    PERFORM core.log(a_tenant, a_actor, 'auth.session.ended', 'session',
        a_session_id::text,
        jsonb_build_object('userId', v_user_id, 'reason', a_reason));
    RETURN true;
END
$$;


-- What the password is checked against; no row for an unknown login name.
CREATE FUNCTION auth.login_find(a_tenant text, a_login text)
RETURNS TABLE (user_id uuid, password_hash text, disabled boolean)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('carmen.tenant', a_tenant, true);

    RETURN QUERY
    SELECT c.user_id, c.password_hash, c.disabled_ts IS NOT NULL
      FROM auth.credential c
     WHERE c.tenant = a_tenant AND c.login = lower(a_login COLLATE "C");
END
$$;


-- The record of a refused login.  What was typed as the login name is not
-- kept when it is unknown: it may well be a password.
CREATE FUNCTION auth.login_failed(a_tenant text, a_user_id uuid,
                                  a_address text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('carmen.tenant', a_tenant, true);
    PERFORM core.log(a_tenant, a_user_id::text, 'auth.login.failed', 'user',
        coalesce(a_user_id::text, 'unknown'),
        jsonb_build_object('address', a_address));
END
$$;


-- Begins a session, for a user whose password fitted a_checked_hash; no row
-- when that is no longer the password, or the user was disabled meanwhile.
-- a_new_hash, when it is not NULL, is the same password hashed at today's
-- cost.
CREATE FUNCTION auth.session_start(a_tenant text, a_user_id uuid,
    a_checked_hash text, a_new_hash text, a_client_id text,
    a_token_hash text, a_lifetime interval, a_address text)
RETURNS TABLE (session_id uuid, scope text, roles json)
LANGUAGE plpgsql AS $$
DECLARE
    v_session_id uuid;
BEGIN
    PERFORM set_config('carmen.tenant', a_tenant, true);

    PERFORM FROM auth.credential c
      WHERE c.tenant = a_tenant AND c.user_id = a_user_id
        AND c.password_hash = a_checked_hash AND c.disabled_ts IS NULL
        FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    IF a_new_hash IS NOT NULL THEN
        UPDATE auth.credential c SET password_hash = a_new_hash
         WHERE c.tenant = a_tenant AND c.user_id = a_user_id;
    END IF;

    -- The user's old sessions go as new ones come.
    DELETE FROM auth.session s
     WHERE s.tenant = a_tenant
       AND s.session_id IN (SELECT o.session_id
                              FROM auth.session o
                             WHERE o.tenant = a_tenant
                               AND o.user_id = a_user_id
                               AND o.expires_ts < now() - interval '1 day'
                             ORDER BY o.session_id
                             LIMIT 20);

    INSERT INTO auth.session AS s (tenant, user_id, client_id, address,
                                   expires_ts)
    VALUES (a_tenant, a_user_id, a_client_id, a_address, now() + a_lifetime)
    RETURNING s.session_id INTO v_session_id;

    INSERT INTO auth.refresh_token (tenant, token_hash, session_id)
    VALUES (a_tenant, a_token_hash, v_session_id);

    PERFORM core.emit(a_tenant, 'auth', 'session.started',
        v_session_id::text, 1,
        jsonb_build_object('sessionId', v_session_id, 'userId', a_user_id,
                           'clientId', a_client_id));
    PERFORM core.log(a_tenant, a_user_id::text, 'auth.login.succeeded',
        'session', v_session_id::text,
        jsonb_build_object('address', a_address, 'clientId', a_client_id,
                           'rehashed', a_new_hash IS NOT NULL));

    RETURN QUERY
    SELECT v_session_id,
           array_to_string(auth.scopes_of(a_tenant, a_user_id), ' '),
           to_json(auth.roles_of(a_tenant, a_user_id));
END
$$;


-- Spends a refresh token.  outcome: rotated, repeated (within the grace),
-- reused (the session has been ended for it), ended, expired, unknown.
-- The refusals are outcomes, not errors: ending the session must last.
CREATE FUNCTION auth.session_refresh(a_tenant text, a_token_hash text,
    a_new_hash text, a_client_id text, a_agent text, a_grace interval,
    OUT outcome text, OUT user_id uuid, OUT session_id uuid, OUT scope text,
    OUT roles json, OUT expires_in bigint)
LANGUAGE plpgsql AS $$
DECLARE
    v_token   auth.refresh_token;
    v_session auth.session;
BEGIN
    PERFORM set_config('carmen.tenant', a_tenant, true);

    SELECT * INTO v_token
      FROM auth.refresh_token t
     WHERE t.tenant = a_tenant AND t.token_hash = a_token_hash
       FOR UPDATE;
    IF NOT FOUND THEN
        outcome := 'unknown';
        RETURN;
    END IF;

    SELECT * INTO v_session
      FROM auth.session s
     WHERE s.tenant = a_tenant AND s.session_id = v_token.session_id
       FOR UPDATE;

    outcome := CASE
        WHEN v_session.client_id <> a_client_id         THEN 'unknown'
        WHEN v_session.ended_ts IS NOT NULL             THEN 'ended'
        WHEN v_session.expires_ts <= clock_timestamp()  THEN 'expired'
        WHEN v_token.rotated_ts IS NULL                 THEN 'rotated'
        WHEN v_token.rotated_agent = a_agent
             AND v_token.rotated_ts + a_grace > clock_timestamp()
             AND NOT EXISTS (SELECT FROM auth.refresh_token c
                              WHERE c.tenant = a_tenant
                                AND c.session_id = v_token.session_id
                                AND c.parent = a_token_hash
                                AND c.rotated_ts IS NOT NULL)
                                                        THEN 'repeated'
        ELSE 'reused' END;

    IF outcome IN ('unknown', 'ended', 'expired') THEN
        RETURN;
    END IF;

    IF outcome = 'reused' THEN
        PERFORM auth.session_end(a_tenant, v_session.session_id, 'reuse',
                                 v_session.user_id::text);
        RETURN;
    END IF;

    PERFORM FROM auth.credential c
      WHERE c.tenant = a_tenant AND c.user_id = v_session.user_id
        AND c.disabled_ts IS NULL;
    IF NOT FOUND THEN
        PERFORM auth.session_end(a_tenant, v_session.session_id, 'disabled',
                                 v_session.user_id::text);
        outcome := 'ended';
        RETURN;
    END IF;

    IF outcome = 'rotated' THEN
        UPDATE auth.refresh_token t
           SET rotated_ts = clock_timestamp(), rotated_agent = a_agent
         WHERE t.tenant = a_tenant AND t.token_hash = a_token_hash;
    END IF;

    INSERT INTO auth.refresh_token (tenant, token_hash, session_id, parent)
    VALUES (a_tenant, a_new_hash, v_session.session_id, a_token_hash);

    UPDATE auth.session s SET used_ts = clock_timestamp()
     WHERE s.tenant = a_tenant AND s.session_id = v_session.session_id;

    PERFORM core.log(a_tenant, v_session.user_id::text,
        'auth.session.refreshed', 'session', v_session.session_id::text,
        jsonb_build_object('outcome', outcome));

    user_id := v_session.user_id;
    session_id := v_session.session_id;
    scope := array_to_string(auth.scopes_of(a_tenant, user_id), ' ');
    roles := to_json(auth.roles_of(a_tenant, user_id));
    expires_in := ceil(extract(epoch FROM v_session.expires_ts
                                          - clock_timestamp()));
END
$$;


-- Ends the caller's session.  A session that is over, or that is not the
-- caller's, is left alone without a word.
CREATE FUNCTION auth.logout(a_tenant text, a_actor text, a_session text)
RETURNS core.reply
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM auth.session_end(a_tenant, s.session_id, 'logout', a_actor)
       FROM auth.session s
      WHERE s.tenant = a_tenant
        AND s.session_id = CASE
            WHEN a_session ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
            THEN a_session::uuid END
        AND s.user_id::text = a_actor;
    RETURN ROW (0, NULL, NULL, NULL)::core.reply;
END
$$;


CREATE OR REPLACE FUNCTION auth.credential_disable(a_tenant text,
                                                   a_user_id uuid)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE auth.credential c
       SET disabled_ts = coalesce(c.disabled_ts, now())
     WHERE c.tenant = a_tenant AND c.user_id = a_user_id;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL, NULL);
    END IF;

    PERFORM auth.session_end(a_tenant, s.session_id, 'disabled',
                             a_user_id::text)
       FROM (SELECT o.session_id
               FROM auth.session o
              WHERE o.tenant = a_tenant AND o.user_id = a_user_id
                AND o.ended_ts IS NULL
              ORDER BY o.session_id
                FOR UPDATE) s;
END
$$;

COMMIT;
