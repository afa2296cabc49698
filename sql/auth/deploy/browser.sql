-- Deploy auth:browser
-- requires: sessions
-- Browsers that are signed in, and what their users allowed to clients.
--
-- A browser session is one sign-on for many clients.  Its cookie is random,
-- 256 bits, kept as its SHA-256, and changes with every proof that is given:
-- what a stranger may have known before is worth nothing after.  A session is
-- complete when all proofs that the user has set up were given; before that it
-- is good for nothing but giving them, and ends soon.
--
-- acr is aal1 after one factor and aal2 after two or a strong one; amr has the
-- names of RFC 8176.

BEGIN;

CREATE TABLE auth.browser_session (
    tenant             text COLLATE "C" NOT NULL,
    browser_session_id uuid NOT NULL DEFAULT core.uuid7(),
    token_hash         text COLLATE "C" NOT NULL
                       CHECK (token_hash ~ '^[0-9a-f]{64}$'),
    user_id            uuid NOT NULL,
    complete           boolean NOT NULL,
    acr                text COLLATE "C" NOT NULL,
    amr                text[] NOT NULL,
    auth_ts            timestamptz NOT NULL DEFAULT now(),
    address            text NOT NULL DEFAULT '',
    agent              text NOT NULL DEFAULT ''
                       CHECK (char_length(agent) <= 256),
    expires_ts         timestamptz NOT NULL,
    ended_ts           timestamptz,
    end_reason         text COLLATE "C"
                       CHECK (end_reason ~ '^[a-z][a-z-]{0,31}$'),
    enterprise_code    text NOT NULL DEFAULT 'DEFAULT',
    version            bigint NOT NULL DEFAULT 1,
    createts           timestamptz NOT NULL DEFAULT now(),
    modifyts           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, browser_session_id),
    UNIQUE (tenant, token_hash),
    FOREIGN KEY (tenant, user_id) REFERENCES auth.credential
        ON DELETE CASCADE,
    CHECK ((ended_ts IS NULL) = (end_reason IS NULL))
);
CREATE INDEX browser_session_of_user
    ON auth.browser_session (tenant, user_id, browser_session_id);
SELECT core.protect('auth.browser_session');


CREATE TABLE auth.consent (
    tenant          text COLLATE "C" NOT NULL,
    user_id         uuid NOT NULL,
    client_id       text COLLATE "C" NOT NULL CHECK (client_id <> ''),
    scopes          text[] NOT NULL,
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, user_id, client_id),
    FOREIGN KEY (tenant, user_id) REFERENCES auth.credential
        ON DELETE CASCADE
);
SELECT core.protect('auth.consent');


-- The second factors that a user has set up, by name, the preferred first.
-- A change that brings a factor replaces this.
CREATE FUNCTION auth.browser_factors(a_tenant text, a_user_id uuid)
RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN '{}'::text[];
END
$$;


-- The session of a cookie, when it is good, and what its user has allowed to
-- the client before.
CREATE FUNCTION auth.browser_find(a_tenant text, a_token_hash text,
                                  a_client_id text)
RETURNS TABLE (browser_session_id uuid, user_id uuid, login text,
               complete boolean, acr text, amr json, auth_time bigint,
               factors json, consent text)
LANGUAGE sql STABLE AS $$
    SELECT b.browser_session_id, b.user_id, c.login, b.complete, b.acr,
           to_json(b.amr), floor(extract(epoch FROM b.auth_ts))::bigint,
           to_json(auth.browser_factors(a_tenant, b.user_id)),
           (SELECT array_to_string(o.scopes, ' ')
              FROM auth.consent o
             WHERE o.tenant = a_tenant AND o.user_id = b.user_id
               AND o.client_id = a_client_id)
      FROM auth.browser_session b
      JOIN auth.credential c ON c.tenant = b.tenant AND c.user_id = b.user_id
     WHERE b.tenant = a_tenant AND b.token_hash = a_token_hash
       AND b.ended_ts IS NULL AND b.expires_ts > clock_timestamp()
       AND c.disabled_ts IS NULL
$$;


-- Ends a session that is not over; says whether it did.
CREATE FUNCTION auth.browser_end(a_tenant text, a_browser_session_id uuid,
                                 a_reason text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_user_id uuid;
BEGIN
    UPDATE auth.browser_session b
       SET ended_ts = clock_timestamp(), end_reason = a_reason
     WHERE b.tenant = a_tenant
       AND b.browser_session_id = a_browser_session_id
       AND b.ended_ts IS NULL
    RETURNING b.user_id INTO v_user_id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    PERFORM core.emit(a_tenant, 'auth', 'browser.ended',
        a_browser_session_id::text, 2,
        jsonb_build_object('browserSessionId', a_browser_session_id,
                           'userId', v_user_id, 'reason', a_reason));
    PERFORM core.log(a_tenant, v_user_id::text, 'auth.browser.ended',
        'browser-session', a_browser_session_id::text,
        jsonb_build_object('userId', v_user_id, 'reason', a_reason));
    RETURN true;
END
$$;


-- A first proof was given.  For a password a_checked_hash is what it fitted;
-- no row when that is no longer the password, or the user was disabled
-- meanwhile.  The same user in the same browser goes on with the session that
-- is there; another user's ends.  A strong proof needs no second one.
CREATE FUNCTION auth.browser_start(a_tenant text, a_user_id uuid,
    a_checked_hash text, a_new_hash text, a_token_hash text, a_old_hash text,
    a_lifetime interval, a_address text, a_agent text, a_amr text,
    a_strong boolean)
RETURNS TABLE (browser_session_id uuid, complete boolean)
LANGUAGE plpgsql AS $$
DECLARE
    v_old      auth.browser_session;
    v_complete boolean;
    v_id       uuid;
    v_amr      text[] := string_to_array(a_amr, ' ');
BEGIN
    PERFORM FROM auth.credential c
      WHERE c.tenant = a_tenant AND c.user_id = a_user_id
        AND (a_checked_hash IS NULL OR c.password_hash = a_checked_hash)
        AND c.disabled_ts IS NULL
        FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    IF a_new_hash IS NOT NULL THEN
        UPDATE auth.credential c SET password_hash = a_new_hash
         WHERE c.tenant = a_tenant AND c.user_id = a_user_id;
    END IF;

    v_complete := a_strong
        OR auth.browser_factors(a_tenant, a_user_id) = '{}';

    SELECT * INTO v_old
      FROM auth.browser_session b
     WHERE b.tenant = a_tenant AND b.token_hash = a_old_hash
       AND b.ended_ts IS NULL AND b.expires_ts > clock_timestamp()
       FOR UPDATE;

    IF v_old.user_id = a_user_id AND v_old.complete THEN
        UPDATE auth.browser_session b
           SET token_hash = a_token_hash, complete = v_complete,
               acr = CASE WHEN a_strong THEN 'aal2' ELSE 'aal1' END,
               amr = v_amr, auth_ts = clock_timestamp(),
               address = a_address
         WHERE b.tenant = a_tenant
           AND b.browser_session_id = v_old.browser_session_id;

        v_id := v_old.browser_session_id;

        PERFORM core.log(a_tenant, a_user_id::text,
            'auth.browser.confirmed', 'browser-session', v_id::text,
            jsonb_build_object('address', a_address, 'amr', v_amr));

    ELSE
        IF v_old.browser_session_id IS NOT NULL THEN
            PERFORM auth.browser_end(a_tenant, v_old.browser_session_id,
                                     'replaced');
        END IF;

        -- The user's old sessions go as new ones come.
        DELETE FROM auth.browser_session b
         WHERE b.tenant = a_tenant
           AND b.browser_session_id IN (
               SELECT o.browser_session_id
                 FROM auth.browser_session o
                WHERE o.tenant = a_tenant AND o.user_id = a_user_id
                  AND o.expires_ts < now() - interval '1 day'
                ORDER BY o.browser_session_id
                LIMIT 20);

        INSERT INTO auth.browser_session AS b (tenant, token_hash, user_id,
            complete, acr, amr, auth_ts, address, agent, expires_ts)
        VALUES (a_tenant, a_token_hash, a_user_id, v_complete,
            CASE WHEN a_strong THEN 'aal2' ELSE 'aal1' END, v_amr,
            clock_timestamp(), a_address, left(a_agent, 256),
            clock_timestamp() + CASE WHEN v_complete THEN a_lifetime
                ELSE least(a_lifetime, interval '10 minutes') END)
        RETURNING b.browser_session_id INTO v_id;

        PERFORM core.emit(a_tenant, 'auth', 'browser.started', v_id::text, 1,
            jsonb_build_object('browserSessionId', v_id,
                               'userId', a_user_id));
        PERFORM core.log(a_tenant, a_user_id::text, 'auth.browser.started',
            'browser-session', v_id::text,
            jsonb_build_object('address', a_address, 'amr', v_amr,
                               'complete', v_complete));
    END IF;

    RETURN QUERY SELECT v_id, v_complete;
END
$$;


-- A second proof was given: the session is complete, under another cookie.
-- No row when the session is gone.
CREATE FUNCTION auth.browser_step(a_tenant text, a_old_hash text,
    a_token_hash text, a_lifetime interval, a_amr text)
RETURNS TABLE (browser_session_id uuid)
LANGUAGE plpgsql AS $$
DECLARE
    v_session auth.browser_session;
    v_amr     text[];
BEGIN
    SELECT * INTO v_session
      FROM auth.browser_session b
     WHERE b.tenant = a_tenant AND b.token_hash = a_old_hash
       AND b.ended_ts IS NULL AND b.expires_ts > clock_timestamp()
       FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    SELECT array_agg(DISTINCT x.x ORDER BY x.x) INTO v_amr
      FROM unnest(v_session.amr || string_to_array(a_amr, ' ')
                  || ARRAY['mfa']) x (x);

    UPDATE auth.browser_session b
       SET token_hash = a_token_hash, complete = true, acr = 'aal2',
           amr = v_amr, auth_ts = clock_timestamp(),
           expires_ts = CASE WHEN v_session.complete THEN b.expires_ts
                             ELSE clock_timestamp() + a_lifetime END
     WHERE b.tenant = a_tenant
       AND b.browser_session_id = v_session.browser_session_id;

    PERFORM core.log(a_tenant, v_session.user_id::text,
        'auth.browser.confirmed', 'browser-session',
        v_session.browser_session_id::text,
        jsonb_build_object('address', v_session.address, 'amr', v_amr));

    RETURN QUERY SELECT v_session.browser_session_id;
END
$$;


-- Ends the session of a cookie, if it has one.
CREATE FUNCTION auth.browser_logout(a_tenant text, a_token_hash text)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM auth.browser_end(a_tenant, b.browser_session_id, 'logout')
       FROM auth.browser_session b
      WHERE b.tenant = a_tenant AND b.token_hash = a_token_hash
        AND b.ended_ts IS NULL;
END
$$;


-- What a user allows to a client, added to what was allowed before.
CREATE FUNCTION auth.consent_give(a_tenant text, a_user_id uuid,
                                  a_client_id text, a_scope text)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_scopes text[] := string_to_array(a_scope, ' ');
BEGIN
    INSERT INTO auth.consent AS o (tenant, user_id, client_id, scopes)
    VALUES (a_tenant, a_user_id, a_client_id, v_scopes)
    ON CONFLICT (tenant, user_id, client_id) DO UPDATE
       SET scopes = ARRAY(SELECT DISTINCT s.s
                            FROM unnest(o.scopes || v_scopes) s (s)
                           ORDER BY s.s);

    PERFORM core.log(a_tenant, a_user_id::text, 'auth.consent.given',
        'client', a_client_id, jsonb_build_object('scopes', v_scopes));
END
$$;


-- A disabled user is signed out of the browsers as well.
CREATE FUNCTION auth.browser_disabled() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM auth.browser_end(NEW.tenant, s.browser_session_id, 'disabled')
       FROM (SELECT b.browser_session_id
               FROM auth.browser_session b
              WHERE b.tenant = NEW.tenant AND b.user_id = NEW.user_id
                AND b.ended_ts IS NULL
              ORDER BY b.browser_session_id
                FOR UPDATE) s;
    RETURN NULL;
END
$$;
CREATE TRIGGER browser_disabled AFTER UPDATE OF disabled_ts
    ON auth.credential FOR EACH ROW
    WHEN (OLD.disabled_ts IS NULL AND NEW.disabled_ts IS NOT NULL)
    EXECUTE FUNCTION auth.browser_disabled();

COMMIT;
