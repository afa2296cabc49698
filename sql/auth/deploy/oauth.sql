-- Deploy auth:oauth
-- requires: sessions
-- What OAuth and OpenID Connect keep: clients, pushed requests, codes and
-- devices.
--
-- Codes, device codes, request URIs and secrets are random, 256 bits, so a
-- plain SHA-256 keeps them at rest.  Each is good once.  What is refused is
-- an outcome, not an error: a code that was tried by the wrong one is spent,
-- and that must last.
--
-- A code or a device that is redeemed begins a session at the client, the
-- family of its refresh tokens as with a login; the scope that was granted
-- stays with it.  A code that comes twice ends the session it began.

BEGIN;

CREATE TABLE auth.client (
    tenant          text COLLATE "C" NOT NULL
                    CHECK (tenant ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    client_id       text COLLATE "C" NOT NULL DEFAULT core.uuid7()::text
                    CHECK (client_id ~ '^[A-Za-z0-9._~-]{1,128}$'
                           AND client_id <> 'carmen'),
    name            text NOT NULL CHECK (name <> ''),
    auth_method     text COLLATE "C" NOT NULL DEFAULT 'client_secret_basic'
                    CHECK (auth_method IN ('none', 'client_secret_basic',
                        'client_secret_post', 'private_key_jwt',
                        'tls_client_auth', 'self_signed_tls_client_auth')),
    secret_hash     text COLLATE "C" CHECK (secret_hash ~ '^[0-9a-f]{64}$'),
    jwks            jsonb CHECK (jsonb_typeof(jwks -> 'keys') = 'array'),
    tls_subject     text COLLATE "C",
    grants          text[] COLLATE "C" NOT NULL
                    DEFAULT '{authorization_code}'
                    CHECK (grants <@ ARRAY['authorization_code',
                        'refresh_token', 'client_credentials',
                        'urn:ietf:params:oauth:grant-type:device_code']
                        COLLATE "C"),
    scopes          text[] COLLATE "C" NOT NULL DEFAULT '{}',
    redirect_uris   text[] COLLATE "C" NOT NULL DEFAULT '{}',
    logout_uris     text[] COLLATE "C" NOT NULL DEFAULT '{}',
    backchannel_uri text COLLATE "C",
    dpop_bound      boolean NOT NULL DEFAULT false,
    tls_bound       boolean NOT NULL DEFAULT false,
    par_required    boolean NOT NULL DEFAULT false,
    trusted         boolean NOT NULL DEFAULT false,
    metadata        jsonb NOT NULL DEFAULT '{}'
                    CHECK (jsonb_typeof(metadata) = 'object'),
    registration_hash text COLLATE "C"
                    CHECK (registration_hash ~ '^[0-9a-f]{64}$'),
    disabled_ts     timestamptz,
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, client_id),
    CHECK ((auth_method LIKE 'client_secret%') = (secret_hash IS NOT NULL)),
    CHECK (auth_method NOT IN ('private_key_jwt',
                               'self_signed_tls_client_auth')
           OR jwks IS NOT NULL),
    CHECK (auth_method <> 'tls_client_auth' OR tls_subject IS NOT NULL),
    -- RFC 6749 section 4.4: only those who can prove who they are
    CHECK (auth_method <> 'none'
           OR NOT 'client_credentials' = ANY (grants))
);
SELECT core.protect('auth.client');


ALTER TABLE auth.session
    ADD scope           text,
    ADD browser_session uuid,
    ADD jkt             text COLLATE "C",
    ADD x5t             text COLLATE "C",
    ADD COLUMN IF NOT EXISTS amr text[] COLLATE "C" NOT NULL DEFAULT '{pwd}',
    ADD COLUMN IF NOT EXISTS acr text COLLATE "C" NOT NULL DEFAULT 'aal1',
    ADD COLUMN IF NOT EXISTS auth_ts timestamptz NOT NULL DEFAULT now();
CREATE INDEX session_of_browser
    ON auth.session (tenant, browser_session, session_id)
    WHERE browser_session IS NOT NULL;


CREATE TABLE auth.oauth_request (
    tenant          text COLLATE "C" NOT NULL,
    request_hash    text COLLATE "C" NOT NULL
                    CHECK (request_hash ~ '^[0-9a-f]{64}$'),
    client_id       text COLLATE "C" NOT NULL,
    parameters      jsonb NOT NULL,
    expires_ts      timestamptz NOT NULL,
    used_ts         timestamptz,
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, request_hash),
    FOREIGN KEY (tenant, client_id) REFERENCES auth.client ON DELETE CASCADE
);
CREATE INDEX oauth_request_expires
    ON auth.oauth_request (tenant, expires_ts);
CREATE INDEX oauth_request_client ON auth.oauth_request (tenant, client_id);
SELECT core.protect('auth.oauth_request');


CREATE TABLE auth.oauth_code (
    tenant          text COLLATE "C" NOT NULL,
    code_hash       text COLLATE "C" NOT NULL
                    CHECK (code_hash ~ '^[0-9a-f]{64}$'),
    client_id       text COLLATE "C" NOT NULL,
    redirect_uri    text COLLATE "C" NOT NULL,
    challenge       text COLLATE "C" NOT NULL
                    CHECK (challenge ~ '^[A-Za-z0-9_-]{43}$'),
    nonce           text,
    jkt             text COLLATE "C",
    scope           text NOT NULL,
    user_id         uuid NOT NULL,
    browser_session uuid,
    auth_time       timestamptz NOT NULL,
    acr             text,
    amr             jsonb,
    expires_ts      timestamptz NOT NULL,
    used_ts         timestamptz,
    session_id      uuid,
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, code_hash),
    FOREIGN KEY (tenant, client_id) REFERENCES auth.client ON DELETE CASCADE,
    FOREIGN KEY (tenant, user_id) REFERENCES auth.credential
        ON DELETE CASCADE
);
CREATE INDEX oauth_code_expires ON auth.oauth_code (tenant, expires_ts);
CREATE INDEX oauth_code_client ON auth.oauth_code (tenant, client_id);
CREATE INDEX oauth_code_user ON auth.oauth_code (tenant, user_id);
SELECT core.protect('auth.oauth_code');


CREATE TABLE auth.oauth_device (
    tenant          text COLLATE "C" NOT NULL,
    device_hash     text COLLATE "C" NOT NULL
                    CHECK (device_hash ~ '^[0-9a-f]{64}$'),
    user_code       text COLLATE "C" NOT NULL
                    CHECK (user_code ~ '^[BCDFGHJKLMNPQRSTVWXZ]{8}$'),
    client_id       text COLLATE "C" NOT NULL,
    scope           text NOT NULL,
    state           text COLLATE "C" NOT NULL DEFAULT 'waiting'
                    CHECK (state IN ('waiting', 'allowed', 'denied', 'done')),
    user_id         uuid,
    browser_session uuid,
    auth_time       timestamptz,
    acr             text,
    amr             jsonb,
    wait            int NOT NULL DEFAULT 5,
    polled_ts       timestamptz,
    expires_ts      timestamptz NOT NULL,
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, device_hash),
    UNIQUE (tenant, user_code),
    FOREIGN KEY (tenant, client_id) REFERENCES auth.client ON DELETE CASCADE,
    FOREIGN KEY (tenant, user_id) REFERENCES auth.credential
        ON DELETE CASCADE,
    CHECK (state <> 'allowed' OR user_id IS NOT NULL)
);
CREATE INDEX oauth_device_expires ON auth.oauth_device (tenant, expires_ts);
CREATE INDEX oauth_device_client ON auth.oauth_device (tenant, client_id);
CREATE INDEX oauth_device_user ON auth.oauth_device (tenant, user_id);
SELECT core.protect('auth.oauth_device');


-- Administrators register clients.
CREATE OR REPLACE FUNCTION auth.role_defaults()
RETURNS TABLE (role text, description text, scopes text[])
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    VALUES
    ('admin', 'Everything.', ARRAY[
        'users:self', 'users:read', 'users:write', 'clients:write',
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

INSERT INTO auth.role_scope (tenant, role, scope)
SELECT r.tenant, r.role, 'clients:write' FROM auth.role r
 WHERE r.role = 'admin'
ON CONFLICT DO NOTHING;


-- Scopes that say something about the user, and are nobody's right.
CREATE FUNCTION auth.oauth_openid_scopes() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY['openid', 'profile', 'email', 'phone', 'offline_access'];


-- Words of a that are also in b, in the order of a.
CREATE FUNCTION auth.oauth_narrow(a text, b text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT coalesce(string_agg(w.word, ' ' ORDER BY w.place), '')
          FROM (SELECT s.word, min(s.n) AS place
                  FROM string_to_table(a, ' ') WITH ORDINALITY s (word, n)
                 WHERE s.word <> '' AND s.word = ANY (b)
                 GROUP BY s.word) w);


-- What a session allows today: what was granted, as far as the user's roles
-- still reach.
CREATE FUNCTION auth.oauth_scope(a_tenant text, a_user_id uuid,
                                 a_granted text) RETURNS text
LANGUAGE sql STABLE
RETURN auth.oauth_narrow(a_granted,
    auth.scopes_of(a_tenant, a_user_id) || auth.oauth_openid_scopes());


-- A client as the server reads it; no row when it is not there or disabled.
CREATE FUNCTION auth.oauth_client_find(a_tenant text, a_client_id text)
RETURNS TABLE (client json)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT json_build_object(
        'client_id', c.client_id,
        'name', c.name,
        'auth_method', c.auth_method,
        'secret_hash', c.secret_hash,
        'jwks', c.jwks,
        'tls_subject', c.tls_subject,
        'grants', c.grants,
        'scopes', c.scopes,
        'redirect_uris', c.redirect_uris,
        'logout_uris', c.logout_uris,
        'backchannel_uri', c.backchannel_uri,
        'dpop_bound', c.dpop_bound,
        'tls_bound', c.tls_bound,
        'par_required', c.par_required,
        'trusted', c.trusted,
        'metadata', c.metadata,
        'registration_hash', c.registration_hash)
      FROM auth.client c
     WHERE c.tenant = a_tenant AND c.client_id = a_client_id
       AND c.disabled_ts IS NULL;
END;


CREATE FUNCTION auth.oauth_request_push(a_tenant text, a_hash text,
    a_client_id text, a_parameters jsonb, a_lifetime interval)
RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM auth.oauth_request q
     WHERE q.tenant = a_tenant
       AND q.request_hash IN (SELECT o.request_hash
                                FROM auth.oauth_request o
                               WHERE o.tenant = a_tenant
                                 AND o.expires_ts < now() - interval '1 hour'
                               LIMIT 20 FOR UPDATE SKIP LOCKED);

    INSERT INTO auth.oauth_request (tenant, request_hash, client_id,
                                    parameters, expires_ts)
    VALUES (a_tenant, a_hash, a_client_id, a_parameters, now() + a_lifetime);
    RETURN true;
END
$$;


-- A pushed request, once, and its client; no row when there is none.
CREATE FUNCTION auth.oauth_request_take(a_tenant text, a_hash text,
    a_client_id text) RETURNS TABLE (parameters jsonb)
LANGUAGE sql
BEGIN ATOMIC
    UPDATE auth.oauth_request q SET used_ts = clock_timestamp()
     WHERE q.tenant = a_tenant AND q.request_hash = a_hash
       AND q.client_id = a_client_id AND q.used_ts IS NULL
       AND q.expires_ts > clock_timestamp()
    RETURNING q.parameters;
END;


CREATE FUNCTION auth.oauth_code_issue(a_tenant text, a_hash text,
    a_client_id text, a_redirect_uri text, a_challenge text, a_nonce text,
    a_jkt text, a_scope text, a_user_id uuid, a_browser_session uuid,
    a_auth_time timestamptz, a_acr text, a_amr jsonb, a_lifetime interval)
RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    -- A spent code is remembered for as long as it may come again.
    DELETE FROM auth.oauth_code c
     WHERE c.tenant = a_tenant
       AND c.code_hash IN (SELECT o.code_hash
                             FROM auth.oauth_code o
                            WHERE o.tenant = a_tenant
                              AND o.expires_ts < now() - interval '1 day'
                            LIMIT 20 FOR UPDATE SKIP LOCKED);

    INSERT INTO auth.oauth_code (tenant, code_hash, client_id, redirect_uri,
        challenge, nonce, jkt, scope, user_id, browser_session, auth_time,
        acr, amr, expires_ts)
    VALUES (a_tenant, a_hash, a_client_id, a_redirect_uri, a_challenge,
        a_nonce, a_jkt, a_scope, a_user_id, a_browser_session, a_auth_time,
        a_acr, a_amr, now() + a_lifetime);

    PERFORM core.log(a_tenant, a_user_id::text, 'auth.oauth.allowed',
        'client', a_client_id, jsonb_build_object('scope', a_scope));
    RETURN true;
END
$$;


-- The session at a client, with its first refresh token if a hash is given.
CREATE FUNCTION auth.oauth_session(a_tenant text, a_user_id uuid,
    a_client_id text, a_scope text, a_browser_session uuid,
    a_auth_time timestamptz, a_acr text, a_amr jsonb, a_jkt text, a_x5t text,
    a_refresh_hash text, a_lifetime interval, a_address text)
RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    v_session_id uuid;
BEGIN
    INSERT INTO auth.session AS s (tenant, user_id, client_id, address,
        expires_ts, scope, browser_session, auth_ts, acr, amr, jkt, x5t)
    VALUES (a_tenant, a_user_id, a_client_id, a_address, now() + a_lifetime,
        a_scope, a_browser_session, coalesce(a_auth_time, now()),
        coalesce(a_acr, 'aal1'),
        coalesce((SELECT array_agg(m.name)
                    FROM jsonb_array_elements_text(a_amr) m (name)),
                 '{pwd}'),
        a_jkt, a_x5t)
    RETURNING s.session_id INTO v_session_id;

    IF a_refresh_hash IS NOT NULL THEN
        INSERT INTO auth.refresh_token (tenant, token_hash, session_id)
        VALUES (a_tenant, a_refresh_hash, v_session_id);
    END IF;

    PERFORM core.emit(a_tenant, 'auth', 'session.started',
        v_session_id::text, 1,
        jsonb_build_object('sessionId', v_session_id, 'userId', a_user_id,
                           'clientId', a_client_id));
    PERFORM core.log(a_tenant, a_user_id::text, 'auth.session.started',
        'session', v_session_id::text,
        jsonb_build_object('address', a_address, 'clientId', a_client_id));
    RETURN v_session_id;
END
$$;


-- Redeems a code.  outcome: redeemed, unknown, replayed, mismatched,
-- expired, disabled.  The nearer the guess, the surer the end of the code.
CREATE FUNCTION auth.oauth_code_redeem(a_tenant text, a_hash text,
    a_client_id text, a_redirect_uri text, a_challenge text, a_jkt text,
    a_x5t text, a_refresh_hash text, a_lifetime interval, a_address text,
    OUT outcome text, OUT user_id uuid, OUT session_id uuid, OUT scope text,
    OUT roles json, OUT nonce text, OUT auth_time bigint, OUT acr text,
    OUT amr json, OUT refresh boolean, OUT expires_in bigint)
LANGUAGE plpgsql AS $$
DECLARE
    v_code auth.oauth_code;
BEGIN
    SELECT * INTO v_code
      FROM auth.oauth_code c
     WHERE c.tenant = a_tenant AND c.code_hash = a_hash
       FOR UPDATE;
    IF NOT FOUND THEN
        outcome := 'unknown';
        RETURN;
    END IF;

    IF v_code.used_ts IS NOT NULL THEN
        outcome := 'replayed';
        PERFORM auth.session_end(a_tenant, v_code.session_id, 'reuse',
                                 v_code.user_id::text);
        PERFORM core.log(a_tenant, v_code.user_id::text,
            'auth.oauth.refused', 'client', a_client_id,
            jsonb_build_object('outcome', outcome));
        RETURN;
    END IF;

    outcome := CASE
        WHEN v_code.client_id <> a_client_id
             OR v_code.redirect_uri IS DISTINCT FROM a_redirect_uri
             OR v_code.challenge IS DISTINCT FROM a_challenge
             OR (v_code.jkt IS NOT NULL
                 AND v_code.jkt IS DISTINCT FROM a_jkt) THEN 'mismatched'
        WHEN v_code.expires_ts <= clock_timestamp() THEN 'expired'
        ELSE 'redeemed' END;

    IF outcome = 'redeemed' AND NOT EXISTS (
        SELECT FROM auth.credential c
         WHERE c.tenant = a_tenant AND c.user_id = v_code.user_id
           AND c.disabled_ts IS NULL)
    THEN
        outcome := 'disabled';
    END IF;

    IF outcome = 'redeemed' THEN
        SELECT 'refresh_token' = ANY (c.grants) INTO refresh
          FROM auth.client c
         WHERE c.tenant = a_tenant AND c.client_id = a_client_id;

        user_id := v_code.user_id;
        session_id := auth.oauth_session(a_tenant, user_id, a_client_id,
            v_code.scope, v_code.browser_session, v_code.auth_time,
            v_code.acr, v_code.amr, a_jkt, a_x5t,
            CASE WHEN refresh THEN a_refresh_hash END, a_lifetime, a_address);
        scope := auth.oauth_scope(a_tenant, user_id, v_code.scope);
        roles := to_json(auth.roles_of(a_tenant, user_id));
        nonce := v_code.nonce;
        auth_time := extract(epoch FROM v_code.auth_time)::bigint;
        acr := v_code.acr;
        amr := v_code.amr;
        expires_in := extract(epoch FROM a_lifetime)::bigint;
    ELSE
        PERFORM core.log(a_tenant, v_code.user_id::text,
            'auth.oauth.refused', 'client', a_client_id,
            jsonb_build_object('outcome', outcome));
    END IF;

    UPDATE auth.oauth_code c
       SET used_ts = clock_timestamp(),
           session_id = oauth_code_redeem.session_id
     WHERE c.tenant = a_tenant AND c.code_hash = a_hash;
END
$$;


-- auth.session_refresh() for a client: outcome also unbound (the refresh
-- token of a public client with another key than its own).
CREATE FUNCTION auth.oauth_refresh(a_tenant text, a_hash text,
    a_new_hash text, a_client_id text, a_agent text, a_grace interval,
    a_scope text, a_jkt text, a_x5t text,
    OUT outcome text, OUT user_id uuid, OUT session_id uuid, OUT scope text,
    OUT roles json, OUT auth_time bigint, OUT acr text, OUT amr json,
    OUT expires_in bigint)
LANGUAGE plpgsql AS $$
DECLARE
    v_session auth.session;
    v_public  boolean;
    v_asked   text;
BEGIN
    SELECT s.* INTO v_session
      FROM auth.refresh_token t
      JOIN auth.session s ON s.tenant = t.tenant
                         AND s.session_id = t.session_id
     WHERE t.tenant = a_tenant AND t.token_hash = a_hash;

    IF NOT FOUND OR v_session.client_id <> a_client_id
       OR v_session.scope IS NULL
    THEN
        outcome := 'unknown';
        RETURN;
    END IF;

    SELECT c.auth_method = 'none' INTO v_public
      FROM auth.client c
     WHERE c.tenant = a_tenant AND c.client_id = a_client_id;

    IF v_session.x5t IS DISTINCT FROM a_x5t AND v_session.x5t IS NOT NULL
       OR v_public AND v_session.jkt IS NOT NULL
          AND v_session.jkt IS DISTINCT FROM a_jkt
    THEN
        outcome := 'unbound';
        RETURN;
    END IF;

    -- RFC 6749 section 6: less than was granted, never more
    v_asked := coalesce(a_scope, v_session.scope);
    IF NOT string_to_array(v_asked, ' ')
           <@ string_to_array(v_session.scope, ' ')
    THEN
        outcome := 'scope';
        RETURN;
    END IF;

    SELECT r.outcome, r.user_id, r.session_id, r.roles, r.expires_in
      INTO outcome, user_id, session_id, roles, expires_in
      FROM auth.session_refresh(a_tenant, a_hash, a_new_hash, a_client_id,
                                a_agent, a_grace) r;
    IF user_id IS NULL THEN
        RETURN;
    END IF;

    scope := auth.oauth_scope(a_tenant, user_id, v_asked);
    auth_time := extract(epoch FROM v_session.auth_ts)::bigint;
    acr := v_session.acr;
    amr := to_json(v_session.amr);
END
$$;


CREATE FUNCTION auth.oauth_device_begin(a_tenant text, a_hash text,
    a_user_code text, a_client_id text, a_scope text, a_lifetime interval)
RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM auth.oauth_device d
     WHERE d.tenant = a_tenant
       AND d.device_hash IN (SELECT o.device_hash
                               FROM auth.oauth_device o
                              WHERE o.tenant = a_tenant
                                AND o.expires_ts < now() - interval '1 hour'
                              LIMIT 20 FOR UPDATE SKIP LOCKED);

    INSERT INTO auth.oauth_device (tenant, device_hash, user_code, client_id,
                                   scope, expires_ts)
    VALUES (a_tenant, a_hash, a_user_code, a_client_id, a_scope,
            now() + a_lifetime)
    ON CONFLICT (tenant, user_code) DO NOTHING;
    RETURN FOUND;
END
$$;


-- A user code as a person types it.
CREATE FUNCTION auth.oauth_user_code(a_typed text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN regexp_replace(upper(a_typed COLLATE "C"), '[^A-Z]', '', 'g');


CREATE FUNCTION auth.oauth_device_find(a_tenant text, a_typed text)
RETURNS TABLE (user_code text, client_id text, client_name text,
               logo_uri text, scope text, trusted boolean)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT left(d.user_code, 4) || '-' || right(d.user_code, 4),
           d.client_id, c.name, c.metadata ->> 'logo_uri', d.scope, c.trusted
      FROM auth.oauth_device d
      JOIN auth.client c ON c.tenant = d.tenant AND c.client_id = d.client_id
                        AND c.disabled_ts IS NULL
     WHERE d.tenant = a_tenant
       AND d.user_code = auth.oauth_user_code(a_typed)
       AND d.state = 'waiting' AND d.expires_ts > now();
END;


-- What the person said; a_scope NULL denies.
CREATE FUNCTION auth.oauth_device_decide(a_tenant text, a_typed text,
    a_user_id uuid, a_browser_session uuid, a_scope text, a_acr text,
    a_amr jsonb, a_auth_time timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_client_id text;
BEGIN
    UPDATE auth.oauth_device d
       SET state = CASE WHEN a_scope IS NULL THEN 'denied'
                        ELSE 'allowed' END,
           user_id = a_user_id, browser_session = a_browser_session,
           scope = CASE WHEN a_scope IS NULL THEN d.scope
                   ELSE auth.oauth_narrow(d.scope,
                            string_to_array(a_scope, ' ')) END,
           acr = a_acr, amr = a_amr, auth_time = a_auth_time
     WHERE d.tenant = a_tenant
       AND d.user_code = auth.oauth_user_code(a_typed)
       AND d.state = 'waiting' AND d.expires_ts > clock_timestamp()
    RETURNING d.client_id INTO v_client_id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    PERFORM core.log(a_tenant, a_user_id::text,
        CASE WHEN a_scope IS NULL THEN 'auth.oauth.denied'
             ELSE 'auth.oauth.allowed' END,
        'client', v_client_id, jsonb_build_object('device', true));
    RETURN true;
END
$$;


-- A poll of the device.  outcome: redeemed, unknown, waiting, slow, denied,
-- late, disabled.
CREATE FUNCTION auth.oauth_device_redeem(a_tenant text, a_hash text,
    a_client_id text, a_jkt text, a_x5t text, a_refresh_hash text,
    a_lifetime interval, a_address text,
    OUT outcome text, OUT user_id uuid, OUT session_id uuid, OUT scope text,
    OUT roles json, OUT auth_time bigint, OUT acr text, OUT amr json,
    OUT refresh boolean, OUT expires_in bigint)
LANGUAGE plpgsql AS $$
DECLARE
    v_device auth.oauth_device;
BEGIN
    SELECT * INTO v_device
      FROM auth.oauth_device d
     WHERE d.tenant = a_tenant AND d.device_hash = a_hash
       AND d.client_id = a_client_id
       FOR UPDATE;

    outcome := CASE
        WHEN NOT FOUND OR v_device.state = 'done' THEN 'unknown'
        WHEN v_device.expires_ts <= clock_timestamp() THEN 'late'
        WHEN v_device.state = 'denied' THEN 'denied'
        WHEN v_device.state = 'allowed' THEN 'redeemed'
        WHEN v_device.polled_ts + make_interval(secs => v_device.wait - 1)
             > clock_timestamp() THEN 'slow'
        ELSE 'waiting' END;

    IF outcome IN ('waiting', 'slow') THEN
        UPDATE auth.oauth_device d
           SET polled_ts = clock_timestamp(),
               wait = d.wait + CASE outcome WHEN 'slow' THEN 5 ELSE 0 END
         WHERE d.tenant = a_tenant AND d.device_hash = a_hash;
        RETURN;
    END IF;

    IF outcome = 'redeemed' AND NOT EXISTS (
        SELECT FROM auth.credential c
         WHERE c.tenant = a_tenant AND c.user_id = v_device.user_id
           AND c.disabled_ts IS NULL)
    THEN
        outcome := 'disabled';
    END IF;

    IF outcome <> 'redeemed' THEN
        RETURN;
    END IF;

    SELECT 'refresh_token' = ANY (c.grants) INTO refresh
      FROM auth.client c
     WHERE c.tenant = a_tenant AND c.client_id = a_client_id;

    UPDATE auth.oauth_device d SET state = 'done'
     WHERE d.tenant = a_tenant AND d.device_hash = a_hash;

    user_id := v_device.user_id;
    session_id := auth.oauth_session(a_tenant, user_id, a_client_id,
        v_device.scope, v_device.browser_session, v_device.auth_time,
        v_device.acr, v_device.amr, a_jkt, a_x5t,
        CASE WHEN refresh THEN a_refresh_hash END, a_lifetime, a_address);
    scope := auth.oauth_scope(a_tenant, user_id, v_device.scope);
    roles := to_json(auth.roles_of(a_tenant, user_id));
    auth_time := extract(epoch FROM v_device.auth_time)::bigint;
    acr := v_device.acr;
    amr := v_device.amr;
    expires_in := extract(epoch FROM a_lifetime)::bigint;
END
$$;


-- Whether a session is open; a text that is no session's id is of none.
CREATE FUNCTION auth.oauth_session_open(a_tenant text, a_session text,
    a_subject text) RETURNS boolean
LANGUAGE sql STABLE
RETURN EXISTS (
    SELECT FROM auth.session s
      JOIN auth.credential c ON c.tenant = s.tenant AND c.user_id = s.user_id
     WHERE s.tenant = a_tenant
       AND s.session_id = CASE
            WHEN a_session ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
            THEN a_session::uuid END
       AND s.user_id::text = a_subject
       AND s.ended_ts IS NULL AND s.expires_ts > now()
       AND c.disabled_ts IS NULL);


-- A refresh token, as RFC 7662 tells of it, to the client that has it.
CREATE FUNCTION auth.oauth_refresh_look(a_tenant text, a_hash text,
    a_client_id text)
RETURNS TABLE (sub uuid, sid uuid, scope text, iat bigint, exp bigint)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT s.user_id, s.session_id, s.scope,
           extract(epoch FROM t.createts)::bigint,
           extract(epoch FROM s.expires_ts)::bigint
      FROM auth.refresh_token t
      JOIN auth.session s ON s.tenant = t.tenant
                         AND s.session_id = t.session_id
     WHERE t.tenant = a_tenant AND t.token_hash = a_hash
       AND s.client_id = a_client_id AND t.rotated_ts IS NULL
       AND s.ended_ts IS NULL AND s.expires_ts > now();
END;


-- RFC 7009: ends the session of a refresh token, or of an access token, if
-- it is the client's.
CREATE FUNCTION auth.oauth_revoke(a_tenant text, a_hash text,
    a_session text, a_client_id text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM auth.session_end(a_tenant, s.session_id, 'logout',
                             s.user_id::text)
       FROM auth.session s
      WHERE s.tenant = a_tenant AND s.client_id = a_client_id
        AND s.session_id = coalesce(
            (SELECT t.session_id
               FROM auth.refresh_token t
              WHERE t.tenant = a_tenant AND t.token_hash = a_hash),
            CASE WHEN a_session
                      ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                 THEN a_session::uuid END);
    RETURN FOUND;
END
$$;


-- What OpenID Connect Core section 5.1 tells of a user, by the scope.  The
-- person is the users domain's; without it there is the login name.
CREATE FUNCTION auth.oauth_userinfo(a_tenant text, a_user_id uuid,
    a_scope text) RETURNS json
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_scope  text[] := string_to_array(a_scope, ' ');
    v_login  text;
    v_person jsonb := '{}';
BEGIN
    SELECT c.login INTO v_login
      FROM auth.credential c
     WHERE c.tenant = a_tenant AND c.user_id = a_user_id;

    IF to_regclass('users."user"') IS NOT NULL THEN
        SELECT jsonb_build_object('given_name', u.given_name,
                   'family_name', u.family_name,
                   'name', coalesce(u.display_name, nullif(concat_ws(' ',
                               u.given_name, u.family_name), '')),
                   'locale', u.locale, 'zoneinfo', u.time_zone,
                   'phone', u.phone, 'email', u.email,
                   'updated_at', extract(epoch FROM u.modifyts)::bigint)
          INTO v_person
          FROM users."user" u
         WHERE u.tenant = a_tenant AND u.user_id = a_user_id;
        v_person := coalesce(v_person, '{}');
    END IF;

    RETURN json_strip_nulls(json_build_object(
        'sub', a_user_id,
        'preferred_username',
            CASE WHEN 'profile' = ANY (v_scope) THEN v_login END,
        'name',
            CASE WHEN 'profile' = ANY (v_scope) THEN v_person ->> 'name' END,
        'given_name', CASE WHEN 'profile' = ANY (v_scope)
                           THEN v_person ->> 'given_name' END,
        'family_name', CASE WHEN 'profile' = ANY (v_scope)
                            THEN v_person ->> 'family_name' END,
        'locale', CASE WHEN 'profile' = ANY (v_scope)
                       THEN v_person ->> 'locale' END,
        'zoneinfo', CASE WHEN 'profile' = ANY (v_scope)
                         THEN v_person ->> 'zoneinfo' END,
        'updated_at', CASE WHEN 'profile' = ANY (v_scope)
                           THEN (v_person ->> 'updated_at')::bigint END,
        'email', CASE WHEN 'email' = ANY (v_scope)
                      THEN coalesce(v_person ->> 'email', v_login) END,
        'phone_number', CASE WHEN 'phone' = ANY (v_scope)
                             THEN v_person ->> 'phone' END));
END
$$;


-- Dynamic registration (RFC 7591, 7592).  a_client is what the server has
-- checked: the columns by name.
CREATE FUNCTION auth.oauth_client_save(a_tenant text, a_client_id text,
    a_client jsonb, a_secret_hash text, a_registration_hash text,
    a_actor text, OUT client_id text, OUT issued_at bigint)
LANGUAGE plpgsql AS $$
DECLARE
    v_row auth.client;
BEGIN
    v_row := jsonb_populate_record(NULL::auth.client, a_client);

    IF a_client_id IS NULL THEN
        INSERT INTO auth.client AS c (tenant, name, auth_method, secret_hash,
            jwks, tls_subject, grants, scopes, redirect_uris, logout_uris,
            backchannel_uri, dpop_bound, tls_bound, par_required, metadata,
            registration_hash)
        VALUES (a_tenant, v_row.name, v_row.auth_method, a_secret_hash,
            v_row.jwks, v_row.tls_subject, v_row.grants, v_row.scopes,
            v_row.redirect_uris, v_row.logout_uris, v_row.backchannel_uri,
            v_row.dpop_bound, v_row.tls_bound, v_row.par_required,
            v_row.metadata, a_registration_hash)
        RETURNING c.client_id, extract(epoch FROM c.createts)::bigint
             INTO client_id, issued_at;
    ELSE
        UPDATE auth.client c
           SET name = v_row.name, auth_method = v_row.auth_method,
               secret_hash = a_secret_hash,
               jwks = v_row.jwks, tls_subject = v_row.tls_subject,
               grants = v_row.grants, scopes = v_row.scopes,
               redirect_uris = v_row.redirect_uris,
               logout_uris = v_row.logout_uris,
               backchannel_uri = v_row.backchannel_uri,
               dpop_bound = v_row.dpop_bound, tls_bound = v_row.tls_bound,
               par_required = v_row.par_required, metadata = v_row.metadata,
               registration_hash = a_registration_hash
         WHERE c.tenant = a_tenant AND c.client_id = a_client_id
        RETURNING c.client_id, extract(epoch FROM c.createts)::bigint
             INTO client_id, issued_at;
    END IF;

    IF client_id IS NOT NULL THEN
        PERFORM core.log(a_tenant, a_actor, 'auth.client.saved', 'client',
            client_id, a_client - 'jwks');
    END IF;
END
$$;


CREATE FUNCTION auth.oauth_client_delete(a_tenant text, a_client_id text)
RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM auth.session_end(a_tenant, s.session_id, 'disabled', NULL)
       FROM (SELECT o.session_id
               FROM auth.session o
              WHERE o.tenant = a_tenant AND o.client_id = a_client_id
                AND o.ended_ts IS NULL
              ORDER BY o.session_id
                FOR UPDATE) s;

    DELETE FROM auth.client c
     WHERE c.tenant = a_tenant AND c.client_id = a_client_id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    PERFORM core.log(a_tenant, NULL, 'auth.client.deleted', 'client',
                     a_client_id);
    RETURN true;
END
$$;

COMMIT;
