-- Deploy auth:mfa
-- requires: sessions
-- Second factors, and how strong a session is.
--
-- A user has a second factor when a TOTP is confirmed or a passkey is there;
-- recovery codes stand in for them.  A login by password of such a user makes
-- a challenge instead of a session; the factor, proved with the challenge's
-- token, makes the session.  The same challenge raises a session that is
-- there (step-up), or is one for a passkey alone.
--
-- Challenge tokens and recovery codes are random (256 and 80 bits), so a
-- plain SHA-256 keeps them at rest.  A challenge is for five attempts and
-- five minutes.  After 100 wrong codes without a right factor between them
-- (NIST SP 800-63B section 5.2.2) TOTP rests until another factor was proved.
--
-- acr: aal1, one factor; aal2, two, or a passkey that verified its user.
-- amr: RFC 8176.

BEGIN;

ALTER TABLE auth.session
    ADD amr text[] COLLATE "C" NOT NULL DEFAULT '{pwd}',
    ADD acr text COLLATE "C" NOT NULL DEFAULT 'aal1'
        CHECK (acr IN ('aal1', 'aal2')),
    ADD auth_ts timestamptz NOT NULL DEFAULT now(),
    DROP CONSTRAINT session_end_reason_check,
    ADD CONSTRAINT session_end_reason_check
        CHECK (end_reason ~ '^[a-z][a-z-]{0,31}$');


CREATE TABLE auth.totp (
    tenant          text COLLATE "C" NOT NULL,
    user_id         uuid NOT NULL,
    secret          text COLLATE "C" NOT NULL,
    confirmed_ts    timestamptz,
    last_step       bigint NOT NULL DEFAULT 0,
    failures        int NOT NULL DEFAULT 0,
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, user_id),
    FOREIGN KEY (tenant, user_id) REFERENCES auth.credential
        ON DELETE CASCADE
);
SELECT core.protect('auth.totp');


CREATE TABLE auth.recovery_code (
    tenant          text COLLATE "C" NOT NULL,
    user_id         uuid NOT NULL,
    code_hash       text COLLATE "C" NOT NULL
                    CHECK (code_hash ~ '^[0-9a-f]{64}$'),
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, user_id, code_hash),
    FOREIGN KEY (tenant, user_id) REFERENCES auth.credential
        ON DELETE CASCADE
);
SELECT core.protect('auth.recovery_code');


-- credential_id and public_key (SubjectPublicKeyInfo) are base64url.
CREATE TABLE auth.passkey (
    tenant          text COLLATE "C" NOT NULL,
    passkey_id      uuid NOT NULL DEFAULT core.uuid7(),
    user_id         uuid NOT NULL,
    credential_id   text COLLATE "C" NOT NULL
                    CHECK (credential_id ~ '^[A-Za-z0-9_-]+$'
                           AND octet_length(credential_id) <= 1364),
    public_key      text COLLATE "C" NOT NULL,
    alg             text COLLATE "C" NOT NULL
                    CHECK (alg IN ('ES256', 'EdDSA', 'RS256')),
    sign_count      bigint NOT NULL CHECK (sign_count >= 0),
    name            text NOT NULL,
    aaguid          uuid NOT NULL,
    transports      text[] COLLATE "C" NOT NULL DEFAULT '{}',
    backup_eligible boolean NOT NULL,
    backed_up       boolean NOT NULL,
    attestation     text COLLATE "C" NOT NULL,
    used_ts         timestamptz,
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, passkey_id),
    UNIQUE (tenant, credential_id),
    FOREIGN KEY (tenant, user_id) REFERENCES auth.credential
        ON DELETE CASCADE
);
CREATE INDEX passkey_of_user ON auth.passkey (tenant, user_id, passkey_id);
SELECT core.protect('auth.passkey');


CREATE TABLE auth.mfa_challenge (
    tenant          text COLLATE "C" NOT NULL,
    token_hash      text COLLATE "C" NOT NULL
                    CHECK (token_hash ~ '^[0-9a-f]{64}$'),
    purpose         text COLLATE "C" NOT NULL
                    CHECK (purpose IN ('login', 'step-up', 'passkey',
                                       'register')),
    user_id         uuid,
    session_id      uuid,
    client_id       text COLLATE "C" NOT NULL DEFAULT '',
    webauthn        text COLLATE "C",
    attempts        int NOT NULL DEFAULT 0,
    expires_ts      timestamptz NOT NULL DEFAULT now() + interval '5 min',
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, token_hash),
    FOREIGN KEY (tenant, user_id) REFERENCES auth.credential
        ON DELETE CASCADE,
    FOREIGN KEY (tenant, session_id) REFERENCES auth.session
        ON DELETE CASCADE,
    CHECK ((user_id IS NULL) = (purpose = 'passkey')),
    CHECK ((session_id IS NULL) = (purpose IN ('login', 'passkey')))
);
CREATE INDEX mfa_challenge_expires
    ON auth.mfa_challenge (tenant, expires_ts);
CREATE INDEX mfa_challenge_user ON auth.mfa_challenge (tenant, user_id);
CREATE INDEX mfa_challenge_session
    ON auth.mfa_challenge (tenant, session_id);
SELECT core.protect('auth.mfa_challenge');


-- What a user can prove besides the password; empty without a second factor.
CREATE FUNCTION auth.mfa_methods(a_tenant text, a_user_id uuid)
RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_totp    int;
    v_passkey boolean;
BEGIN
    SELECT t.failures INTO v_totp
      FROM auth.totp t
     WHERE t.tenant = a_tenant AND t.user_id = a_user_id
       AND t.confirmed_ts IS NOT NULL;
    v_passkey := EXISTS (SELECT FROM auth.passkey p
                          WHERE p.tenant = a_tenant
                            AND p.user_id = a_user_id);
    IF v_totp IS NULL AND NOT v_passkey THEN
        RETURN '{}';
    END IF;

    RETURN CASE WHEN v_totp < 100 THEN ARRAY['totp'] ELSE '{}' END
        || CASE WHEN v_passkey THEN ARRAY['webauthn'] ELSE '{}' END
        || CASE WHEN EXISTS (SELECT FROM auth.recovery_code c
                              WHERE c.tenant = a_tenant
                                AND c.user_id = a_user_id)
                THEN ARRAY['recovery'] ELSE '{}' END;
END
$$;

CREATE FUNCTION auth.mfa_enrolled(a_tenant text, a_user_id uuid)
RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM auth.totp t
                    WHERE t.tenant = a_tenant AND t.user_id = a_user_id
                      AND t.confirmed_ts IS NOT NULL)
        OR EXISTS (SELECT FROM auth.passkey p
                    WHERE p.tenant = a_tenant AND p.user_id = a_user_id);
END
$$;


-- What a mailer is to send; a token stands nowhere else in clear.
CREATE FUNCTION auth.mail(a_tenant text, a_user_id uuid, a_kind text,
                          a_more jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_to text;
BEGIN
    SELECT c.login INTO v_to
      FROM auth.credential c
     WHERE c.tenant = a_tenant AND c.user_id = a_user_id;
    IF FOUND THEN
        PERFORM core.emit(a_tenant, 'auth', 'mail.requested',
            core.uuid7()::text, 1,
            jsonb_build_object('kind', a_kind, 'to', v_to,
                               'userId', a_user_id) || a_more);
    END IF;
END
$$;


-- The user behind a session that is recent, and as strong as the user's
-- factors allow; 401 otherwise.  Locks the credential.
CREATE FUNCTION auth.fresh(a_tenant text, a_actor text, a_session text,
                           a_age interval) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    v_session auth.session;
    v_found   boolean;
BEGIN
    SELECT s.* INTO v_session
      FROM auth.session s
     WHERE s.tenant = a_tenant
       AND s.session_id = CASE
           WHEN a_session ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
           THEN a_session::uuid END
       AND s.user_id::text = a_actor AND s.ended_ts IS NULL;

    PERFORM FROM auth.credential c
      WHERE c.tenant = a_tenant AND c.user_id = v_session.user_id
        AND c.disabled_ts IS NULL
        FOR UPDATE;
    v_found := FOUND;

    IF NOT v_found OR v_session.auth_ts < clock_timestamp() - a_age
       OR v_session.acr <> 'aal2'
          AND auth.mfa_enrolled(a_tenant, v_session.user_id)
    THEN
        PERFORM core.refuse(401, 'step-up-required',
            'This asks for a recent login, with the second factor if there '
            'is one.',
            jsonb_build_object('max_age', extract(epoch FROM a_age)::bigint,
                'acr_values', CASE WHEN auth.mfa_enrolled(a_tenant,
                                        v_session.user_id)
                                   THEN 'aal2' ELSE 'aal1' END));
    END IF;

    RETURN v_session.user_id;
END
$$;


CREATE FUNCTION auth.mfa_challenge_add(a_tenant text, a_token_hash text,
    a_purpose text, a_user_id uuid, a_session_id uuid, a_client_id text,
    a_webauthn text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM auth.mfa_challenge c
     WHERE c.tenant = a_tenant
       AND c.token_hash IN (SELECT o.token_hash
                              FROM auth.mfa_challenge o
                             WHERE o.tenant = a_tenant
                               AND o.expires_ts < now()
                             ORDER BY o.expires_ts
                             LIMIT 20
                               FOR UPDATE SKIP LOCKED);

    INSERT INTO auth.mfa_challenge (tenant, token_hash, purpose, user_id,
                                    session_id, client_id, webauthn)
    VALUES (a_tenant, a_token_hash, a_purpose, a_user_id, a_session_id,
            a_client_id, a_webauthn);
END
$$;


-- As auth.session_start(), but for a user with a second factor it makes a
-- challenge of a_token_hash: session_id is NULL then, and methods says what
-- can be proved.
CREATE FUNCTION auth.mfa_login(a_tenant text, a_user_id uuid,
    a_checked_hash text, a_new_hash text, a_client_id text,
    a_token_hash text, a_lifetime interval, a_address text)
RETURNS TABLE (session_id uuid, scope text, roles json, methods json)
LANGUAGE plpgsql AS $$
DECLARE
    v_methods text[];
BEGIN
    PERFORM set_config('carmen.tenant', a_tenant, true);

    IF NOT auth.mfa_enrolled(a_tenant, a_user_id) THEN
        RETURN QUERY
        SELECT s.session_id, s.scope, s.roles, NULL::json
          FROM auth.session_start(a_tenant, a_user_id, a_checked_hash,
              a_new_hash, a_client_id, a_token_hash, a_lifetime,
              a_address) s;
        RETURN;
    END IF;

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

    v_methods := auth.mfa_methods(a_tenant, a_user_id);
    PERFORM auth.mfa_challenge_add(a_tenant, a_token_hash, 'login',
        a_user_id, NULL, a_client_id, NULL);
    PERFORM core.log(a_tenant, a_user_id::text, 'auth.mfa.required', 'user',
        a_user_id::text, jsonb_build_object('address', a_address));

    RETURN QUERY
    SELECT NULL::uuid, NULL::text, NULL::json, to_json(v_methods);
END
$$;


-- How strong a session is, for its next access token.  Volatile: it must see
-- what was written earlier in the same statement.
CREATE FUNCTION auth.session_assurance(a_tenant text, a_session_id uuid)
RETURNS TABLE (acr text, amr json, auth_time bigint)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    SELECT s.acr, to_json(s.amr),
           floor(extract(epoch FROM s.auth_ts))::bigint
      FROM auth.session s
     WHERE s.tenant = a_tenant AND s.session_id = a_session_id;
END
$$;


-- An attempt at a challenge: no row when it is over.  The WebAuthn challenge
-- is given out once.
CREATE FUNCTION auth.mfa_open(a_tenant text, a_token_hash text,
                              a_credential_id text)
RETURNS TABLE (purpose text, user_id uuid, secret text, webauthn text,
               public_key text, alg text, passkey_user uuid)
LANGUAGE plpgsql AS $$
DECLARE
    v_challenge auth.mfa_challenge;
BEGIN
    PERFORM set_config('carmen.tenant', a_tenant, true);

    SELECT c.* INTO v_challenge
      FROM auth.mfa_challenge c
     WHERE c.tenant = a_tenant AND c.token_hash = a_token_hash
       FOR UPDATE;
    IF NOT FOUND OR v_challenge.purpose = 'register' THEN
        RETURN;
    END IF;

    IF v_challenge.attempts >= 5
       OR v_challenge.expires_ts <= clock_timestamp()
    THEN
        DELETE FROM auth.mfa_challenge c
         WHERE c.tenant = a_tenant AND c.token_hash = a_token_hash;
        RETURN;
    END IF;

    UPDATE auth.mfa_challenge c
       SET attempts = c.attempts + 1, webauthn = NULL
     WHERE c.tenant = a_tenant AND c.token_hash = a_token_hash;

    RETURN QUERY
    SELECT v_challenge.purpose, v_challenge.user_id, t.secret,
           v_challenge.webauthn, p.public_key, p.alg, p.user_id
      FROM (SELECT) one
      LEFT JOIN auth.totp t
        ON t.tenant = a_tenant AND t.user_id = v_challenge.user_id
       AND t.confirmed_ts IS NOT NULL AND t.failures < 100
      LEFT JOIN auth.passkey p
        ON p.tenant = a_tenant AND p.credential_id = a_credential_id
       AND (p.user_id = v_challenge.user_id
            OR v_challenge.purpose = 'passkey');
END
$$;


-- Uses up a proof that is right by itself: a TOTP's step, the hash of a
-- recovery code, or a credential id with its counter.  NULL: it was used
-- before, or is not the user's; else the amr of it.
CREATE FUNCTION auth.factor_use(a_tenant text, a_user_id uuid,
    a_method text, a_proof text, a_count bigint, a_backed_up boolean,
    a_verified boolean) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
    v_passkey auth.passkey;
    v_amr     text[] := '{otp}';
BEGIN
    IF a_method = 'totp' THEN
        UPDATE auth.totp t
           SET last_step = a_proof::bigint, failures = 0
         WHERE t.tenant = a_tenant AND t.user_id = a_user_id
           AND t.confirmed_ts IS NOT NULL AND t.failures < 100
           AND t.last_step < a_proof::bigint;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        RETURN v_amr;
    END IF;

    IF a_method = 'recovery' THEN
        DELETE FROM auth.recovery_code c
         WHERE c.tenant = a_tenant AND c.user_id = a_user_id
           AND c.code_hash = a_proof;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        PERFORM auth.mail(a_tenant, a_user_id, 'recovery-code-used');

    ELSE
        SELECT p.* INTO v_passkey
          FROM auth.passkey p
         WHERE p.tenant = a_tenant AND p.user_id = a_user_id
           AND p.credential_id = a_proof
           FOR UPDATE;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;

        IF a_count <= v_passkey.sign_count
           AND (a_count > 0 OR v_passkey.sign_count > 0)
        THEN
            PERFORM core.log(a_tenant, a_user_id::text,
                'auth.passkey.cloned', 'passkey',
                v_passkey.passkey_id::text,
                jsonb_build_object('count', a_count,
                                   'known', v_passkey.sign_count));
            RETURN NULL;
        END IF;

        UPDATE auth.passkey p
           SET sign_count = a_count, backed_up = a_backed_up,
               used_ts = clock_timestamp()
         WHERE p.tenant = a_tenant AND p.passkey_id = v_passkey.passkey_id;
        v_amr := ARRAY[CASE WHEN v_passkey.backup_eligible
                            THEN 'swk' ELSE 'hwk' END]
                 || CASE WHEN a_verified THEN '{user}'::text[]
                         ELSE '{}' END;
    END IF;

    UPDATE auth.totp t SET failures = 0
     WHERE t.tenant = a_tenant AND t.user_id = a_user_id
       AND t.failures > 0;
    RETURN v_amr;
END
$$;


-- A factor was right as far as arithmetic goes.  outcome: done, over (the
-- challenge or the session has ended), refused.
CREATE FUNCTION auth.mfa_finish(a_tenant text, a_token_hash text,
    a_method text, a_proof text, a_count bigint, a_backed_up boolean,
    a_verified boolean, a_refresh_hash text, a_lifetime interval,
    a_address text,
    OUT outcome text, OUT user_id uuid, OUT session_id uuid, OUT scope text,
    OUT roles json, OUT expires_in bigint)
LANGUAGE plpgsql AS $$
DECLARE
    v_challenge auth.mfa_challenge;
    v_hash      text;
    v_amr       text[];
BEGIN
    PERFORM set_config('carmen.tenant', a_tenant, true);
    outcome := 'over';

    SELECT c.* INTO v_challenge
      FROM auth.mfa_challenge c
     WHERE c.tenant = a_tenant AND c.token_hash = a_token_hash
       AND c.expires_ts > clock_timestamp() AND c.purpose <> 'register'
       FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    outcome := 'refused';
    user_id := v_challenge.user_id;

    IF v_challenge.purpose = 'passkey' THEN
        SELECT p.user_id INTO user_id
          FROM auth.passkey p
         WHERE p.tenant = a_tenant AND p.credential_id = a_proof
           AND a_method = 'webauthn' AND a_verified;
    END IF;

    SELECT c.password_hash INTO v_hash
      FROM auth.credential c
     WHERE c.tenant = a_tenant AND c.user_id = mfa_finish.user_id
       AND c.disabled_ts IS NULL
       FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    v_amr := auth.factor_use(a_tenant, user_id, a_method, a_proof, a_count,
                             a_backed_up, a_verified);
    IF v_amr IS NULL THEN
        RETURN;
    END IF;

    DELETE FROM auth.mfa_challenge c
     WHERE c.tenant = a_tenant AND c.token_hash = a_token_hash;

    IF v_challenge.purpose = 'step-up' THEN
        UPDATE auth.session s
           SET acr = 'aal2', auth_ts = clock_timestamp(),
               used_ts = clock_timestamp(),
               amr = (SELECT array_agg(DISTINCT m ORDER BY m)
                        FROM unnest(s.amr || v_amr || '{mfa}'::text[]) m)
         WHERE s.tenant = a_tenant
           AND s.session_id = v_challenge.session_id
           AND s.user_id = mfa_finish.user_id
           AND s.ended_ts IS NULL AND s.expires_ts > clock_timestamp();
        IF NOT FOUND THEN
            outcome := 'over';
            RETURN;
        END IF;
        session_id := v_challenge.session_id;

        INSERT INTO auth.refresh_token (tenant, token_hash, session_id)
        VALUES (a_tenant, a_refresh_hash, session_id);
        scope := array_to_string(auth.scopes_of(a_tenant, user_id), ' ');
        roles := to_json(auth.roles_of(a_tenant, user_id));
    ELSE
        SELECT s.session_id, s.scope, s.roles
          INTO session_id, scope, roles
          FROM auth.session_start(a_tenant, user_id, v_hash, NULL,
              v_challenge.client_id, a_refresh_hash, a_lifetime,
              a_address) s;
        UPDATE auth.session s
           SET acr = 'aal2',
               amr = CASE v_challenge.purpose WHEN 'login'
                     THEN '{pwd}'::text[] ELSE '{}' END
                     || v_amr || '{mfa}'::text[]
         WHERE s.tenant = a_tenant
           AND s.session_id = mfa_finish.session_id;
    END IF;

    SELECT ceil(extract(epoch FROM s.expires_ts - clock_timestamp()))
      INTO expires_in
      FROM auth.session s
     WHERE s.tenant = a_tenant AND s.session_id = mfa_finish.session_id;
    PERFORM core.log(a_tenant, user_id::text, 'auth.mfa.succeeded',
        'session', session_id::text,
        jsonb_build_object('method', a_method, 'address', a_address,
                           'purpose', v_challenge.purpose));
    outcome := 'done';
END
$$;


CREATE FUNCTION auth.mfa_failed(a_tenant text, a_user_id uuid,
    a_method text, a_address text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('carmen.tenant', a_tenant, true);

    IF a_method = 'totp' THEN
        UPDATE auth.totp t SET failures = t.failures + 1
         WHERE t.tenant = a_tenant AND t.user_id = a_user_id;
    END IF;

    PERFORM core.log(a_tenant, a_user_id::text, 'auth.mfa.failed', 'user',
        coalesce(a_user_id::text, 'unknown'),
        jsonb_build_object('method', a_method, 'address', a_address));
END
$$;


-- A challenge for the caller's session.
CREATE FUNCTION auth.step_up(a_tenant text, a_actor text, a_session text,
                             a_token_hash text) RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
    v_session auth.session;
    v_methods text[];
BEGIN
    SELECT s.* INTO v_session
      FROM auth.session s
     WHERE s.tenant = a_tenant
       AND s.session_id = CASE
           WHEN a_session ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
           THEN a_session::uuid END
       AND s.user_id::text = a_actor AND s.ended_ts IS NULL;
    v_methods := auth.mfa_methods(a_tenant, v_session.user_id);
    IF v_methods = '{}' THEN
        PERFORM core.refuse(409, 'no-second-factor',
            'There is no second factor to prove: log in again instead.');
    END IF;

    PERFORM auth.mfa_challenge_add(a_tenant, a_token_hash, 'step-up',
        v_session.user_id, v_session.session_id, v_session.client_id, NULL);
    RETURN to_json(v_methods);
END
$$;


-- What a user has enrolled.
CREATE FUNCTION auth.mfa_overview(a_tenant text, a_actor text) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT json_build_object(
        'totp', EXISTS (SELECT FROM auth.totp t
                         WHERE t.tenant = a_tenant
                           AND t.user_id = c.user_id
                           AND t.confirmed_ts IS NOT NULL),
        'recoveryCodes', (SELECT count(*) FROM auth.recovery_code r
                           WHERE r.tenant = a_tenant
                             AND r.user_id = c.user_id),
        'passkeys', (SELECT coalesce(json_agg(json_build_object(
                'passkeyId', p.passkey_id, 'name', p.name,
                'aaguid', p.aaguid, 'backedUp', p.backed_up,
                'createdDate', core.ts(p.createts),
                'usedDate', core.ts(p.used_ts)) ORDER BY p.passkey_id),
                '[]')
              FROM auth.passkey p
             WHERE p.tenant = a_tenant AND p.user_id = c.user_id))::text
      FROM auth.credential c
     WHERE c.tenant = a_tenant AND c.user_id::text = a_actor;
END;


-- The user of a session has just proved a factor while enrolling it.
-- Whether the recovery codes were taken: only with the first factor.
CREATE FUNCTION auth.mfa_enrol(a_tenant text, a_user_id uuid,
    a_session text, a_factor text, a_amr text, a_codes text[])
RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_codes boolean;
BEGIN
    UPDATE auth.session s
       SET acr = 'aal2', auth_ts = clock_timestamp(),
           amr = (SELECT array_agg(DISTINCT m ORDER BY m)
                    FROM unnest(s.amr || ARRAY[a_amr, 'mfa']) m)
     WHERE s.tenant = a_tenant AND s.session_id = a_session::uuid;

    v_codes := NOT EXISTS (SELECT FROM auth.recovery_code c
                            WHERE c.tenant = a_tenant
                              AND c.user_id = a_user_id);
    IF v_codes THEN
        INSERT INTO auth.recovery_code (tenant, user_id, code_hash)
        SELECT a_tenant, a_user_id, h FROM unnest(a_codes) h ORDER BY h;
    END IF;

    PERFORM core.log(a_tenant, a_user_id::text, 'auth.factor.added', 'user',
        a_user_id::text, jsonb_build_object('factor', a_factor));
    PERFORM auth.mail(a_tenant, a_user_id, 'factor-added',
                      jsonb_build_object('factor', a_factor));
    RETURN v_codes;
END
$$;

CREATE FUNCTION auth.mfa_removed(a_tenant text, a_user_id uuid,
                                 a_factor text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT auth.mfa_enrolled(a_tenant, a_user_id) THEN
        DELETE FROM auth.recovery_code c
         WHERE c.tenant = a_tenant AND c.user_id = a_user_id;
    END IF;

    PERFORM core.log(a_tenant, a_user_id::text, 'auth.factor.removed',
        'user', a_user_id::text, jsonb_build_object('factor', a_factor));
    PERFORM auth.mail(a_tenant, a_user_id, 'factor-removed',
                      jsonb_build_object('factor', a_factor));
END
$$;


-- Begins the enrolment of a TOTP; gives the login name for its label.
CREATE FUNCTION auth.totp_begin(a_tenant text, a_actor text, a_session text,
    a_age interval, a_secret text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    v_user_id uuid := auth.fresh(a_tenant, a_actor, a_session, a_age);
BEGIN
    INSERT INTO auth.totp AS t (tenant, user_id, secret)
    VALUES (a_tenant, v_user_id, a_secret)
    ON CONFLICT (tenant, user_id) DO UPDATE
       SET secret = EXCLUDED.secret, failures = 0
     WHERE t.confirmed_ts IS NULL;
    IF NOT FOUND THEN
        PERFORM core.refuse(409, 'conflict',
            'A TOTP is enrolled already; remove it first.');
    END IF;

    RETURN (SELECT c.login FROM auth.credential c
             WHERE c.tenant = a_tenant AND c.user_id = v_user_id);
END
$$;

-- The secret that waits for its first code; ten tries.
CREATE FUNCTION auth.totp_pending(a_tenant text, a_actor text)
RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    v_secret text;
BEGIN
    UPDATE auth.totp t SET failures = t.failures + 1
     WHERE t.tenant = a_tenant AND t.user_id::text = a_actor
       AND t.confirmed_ts IS NULL AND t.failures < 10
    RETURNING t.secret INTO v_secret;
    RETURN v_secret;
END
$$;

-- Whether the recovery codes were taken; NULL when there is nothing to
-- confirm.
CREATE FUNCTION auth.totp_confirm(a_tenant text, a_actor text,
    a_session text, a_age interval, a_secret text, a_step bigint,
    a_codes text[]) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_user_id uuid := auth.fresh(a_tenant, a_actor, a_session, a_age);
BEGIN
    UPDATE auth.totp t
       SET confirmed_ts = clock_timestamp(), last_step = a_step,
           failures = 0
     WHERE t.tenant = a_tenant AND t.user_id = v_user_id
       AND t.secret = a_secret AND t.confirmed_ts IS NULL;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    RETURN auth.mfa_enrol(a_tenant, v_user_id, a_session, 'totp', 'otp',
                          a_codes);
END
$$;

CREATE FUNCTION auth.totp_remove(a_tenant text, a_actor text,
    a_session text, a_age interval) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    v_user_id uuid := auth.fresh(a_tenant, a_actor, a_session, a_age);
BEGIN
    DELETE FROM auth.totp t
     WHERE t.tenant = a_tenant AND t.user_id = v_user_id
       AND t.confirmed_ts IS NOT NULL;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL);
    END IF;

    PERFORM auth.mfa_removed(a_tenant, v_user_id, 'totp');
    RETURN ROW (0, NULL, NULL, NULL)::core.reply;
END
$$;

-- New recovery codes in place of the old.
CREATE FUNCTION auth.recovery_renew(a_tenant text, a_actor text,
    a_session text, a_age interval, a_codes text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_user_id uuid := auth.fresh(a_tenant, a_actor, a_session, a_age);
BEGIN
    IF NOT auth.mfa_enrolled(a_tenant, v_user_id) THEN
        PERFORM core.refuse(409, 'no-second-factor',
            'There is no second factor that the codes could stand in for.');
    END IF;

    DELETE FROM auth.recovery_code c
     WHERE c.tenant = a_tenant AND c.user_id = v_user_id;
    INSERT INTO auth.recovery_code (tenant, user_id, code_hash)
    SELECT a_tenant, v_user_id, h FROM unnest(a_codes) h ORDER BY h;

    PERFORM core.log(a_tenant, a_actor, 'auth.recovery.renewed', 'user',
                     v_user_id::text);
    PERFORM auth.mail(a_tenant, v_user_id, 'recovery-codes-renewed');
END
$$;


-- What an authenticator is told it may use.
CREATE FUNCTION auth.passkey_list(a_tenant text, a_user_id uuid)
RETURNS json
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT coalesce(json_agg(json_build_object('type', 'public-key',
               'id', p.credential_id, 'transports', to_json(p.transports))
               ORDER BY p.passkey_id), '[]')
      FROM auth.passkey p
     WHERE p.tenant = a_tenant AND p.user_id = a_user_id;
END;

-- A WebAuthn challenge for a login or step-up under way; NULL when that is
-- over.
CREATE FUNCTION auth.mfa_webauthn(a_tenant text, a_token_hash text,
                                  a_webauthn text) RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
    v_user_id uuid;
BEGIN
    PERFORM set_config('carmen.tenant', a_tenant, true);

    UPDATE auth.mfa_challenge c SET webauthn = a_webauthn
     WHERE c.tenant = a_tenant AND c.token_hash = a_token_hash
       AND c.expires_ts > clock_timestamp() AND c.attempts < 5
       AND c.purpose IN ('login', 'step-up')
    RETURNING c.user_id INTO v_user_id;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    RETURN auth.passkey_list(a_tenant, v_user_id);
END
$$;

-- A challenge for whoever has a passkey.
CREATE FUNCTION auth.passkey_begin(a_tenant text, a_token_hash text,
    a_client_id text, a_webauthn text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('carmen.tenant', a_tenant, true);
    PERFORM auth.mfa_challenge_add(a_tenant, a_token_hash, 'passkey', NULL,
        NULL, a_client_id, a_webauthn);
END
$$;

-- Begins the registration of a passkey.
CREATE FUNCTION auth.passkey_enrol(a_tenant text, a_actor text,
    a_session text, a_age interval, a_token_hash text, a_webauthn text)
RETURNS TABLE (user_id uuid, login text, passkeys json)
LANGUAGE plpgsql AS $$
DECLARE
    v_user_id uuid := auth.fresh(a_tenant, a_actor, a_session, a_age);
BEGIN
    IF (SELECT count(*) FROM auth.passkey p
         WHERE p.tenant = a_tenant AND p.user_id = v_user_id) >= 20
    THEN
        PERFORM core.refuse(409, 'conflict',
            'There are twenty passkeys already; remove one first.');
    END IF;

    PERFORM auth.mfa_challenge_add(a_tenant, a_token_hash, 'register',
        v_user_id, a_session::uuid, '', a_webauthn);
    RETURN QUERY
    SELECT v_user_id, c.login, auth.passkey_list(a_tenant, v_user_id)
      FROM auth.credential c
     WHERE c.tenant = a_tenant AND c.user_id = v_user_id;
END
$$;

-- The challenge of a registration, once; NULL when there is none.
CREATE FUNCTION auth.passkey_take(a_tenant text, a_actor text,
    a_session text, a_token_hash text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    v_webauthn text;
BEGIN
    DELETE FROM auth.mfa_challenge c
     WHERE c.tenant = a_tenant AND c.token_hash = a_token_hash
       AND c.purpose = 'register' AND c.user_id::text = a_actor
       AND c.session_id::text = a_session
       AND c.expires_ts > clock_timestamp()
    RETURNING c.webauthn INTO v_webauthn;
    RETURN v_webauthn;
END
$$;

CREATE FUNCTION auth.passkey_add(a_tenant text, a_actor text,
    a_session text, a_age interval, a_passkey jsonb, a_codes text[],
    OUT passkey_id uuid, OUT codes boolean)
LANGUAGE plpgsql AS $$
DECLARE
    v_user_id uuid := auth.fresh(a_tenant, a_actor, a_session, a_age);
BEGIN
    INSERT INTO auth.passkey AS p (tenant, user_id, credential_id,
        public_key, alg, sign_count, name, aaguid, transports,
        backup_eligible, backed_up, attestation)
    VALUES (a_tenant, v_user_id, a_passkey->>'id', a_passkey->>'key',
        a_passkey->>'alg', (a_passkey->>'count')::bigint,
        a_passkey->>'name', (a_passkey->>'aaguid')::uuid,
        (SELECT coalesce(array_agg(t), '{}')
           FROM jsonb_array_elements_text(a_passkey->'transports') t),
        (a_passkey->>'eligible')::boolean,
        (a_passkey->>'backedUp')::boolean, a_passkey->>'attestation')
    ON CONFLICT (tenant, credential_id) DO NOTHING
    RETURNING p.passkey_id INTO passkey_id;
    IF NOT FOUND THEN
        PERFORM core.refuse(409, 'conflict',
            'This passkey is registered already.');
    END IF;

    codes := auth.mfa_enrol(a_tenant, v_user_id, a_session, 'passkey',
        CASE WHEN (a_passkey->>'eligible')::boolean THEN 'swk'
             ELSE 'hwk' END, a_codes);
END
$$;

CREATE FUNCTION auth.passkey_remove(a_tenant text, a_actor text,
    a_session text, a_age interval, a_passkey_id uuid) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    v_user_id uuid := auth.fresh(a_tenant, a_actor, a_session, a_age);
BEGIN
    DELETE FROM auth.passkey p
     WHERE p.tenant = a_tenant AND p.user_id = v_user_id
       AND p.passkey_id = a_passkey_id;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL);
    END IF;

    PERFORM auth.mfa_removed(a_tenant, v_user_id, 'passkey');
    RETURN ROW (0, NULL, NULL, NULL)::core.reply;
END
$$;

COMMIT;
