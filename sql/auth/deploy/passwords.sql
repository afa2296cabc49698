-- Deploy auth:passwords
-- requires: mfa
-- Change and reset of passwords, verification of e-mail addresses.
--
-- A token that goes by mail is random (256 bits), kept as SHA-256, good once,
-- for an hour or a day.  In clear it stands in the event that a mailer reads,
-- com.carmen.auth.mail.requested.v1, and nowhere else.  Of each kind a user
-- has one, and one mail a minute.
--
-- An e-mail address is verified while verified_login is the login name.

BEGIN;

ALTER TABLE auth.credential
    ADD verified_login text COLLATE "C",
    DROP CONSTRAINT credential_password_hash_check,
    ADD CONSTRAINT credential_password_hash_check CHECK (
        password_hash ~ '^\$2[aby]\$[0-9]{2}\$.{53}$'
        OR password_hash ~ '^\$argon2id\$v=19\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$'
           '[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$');


CREATE TABLE auth.mail_token (
    tenant          text COLLATE "C" NOT NULL,
    user_id         uuid NOT NULL,
    kind            text COLLATE "C" NOT NULL
                    CHECK (kind IN ('password-reset', 'email-verification')),
    token_hash      text COLLATE "C" NOT NULL
                    CHECK (token_hash ~ '^[0-9a-f]{64}$'),
    login           text COLLATE "C" NOT NULL,
    expires_ts      timestamptz NOT NULL,
    sent_ts         timestamptz NOT NULL DEFAULT now(),
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, user_id, kind),
    UNIQUE (tenant, token_hash),
    FOREIGN KEY (tenant, user_id) REFERENCES auth.credential
        ON DELETE CASCADE
);
SELECT core.protect('auth.mail_token');


CREATE FUNCTION auth.mail_token_send(a_tenant text, a_user_id uuid,
    a_kind text, a_token_hash text, a_token text, a_lifetime interval)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO auth.mail_token AS m (tenant, user_id, kind, token_hash,
                                      login, expires_ts)
    SELECT a_tenant, a_user_id, a_kind, a_token_hash, c.login,
           now() + a_lifetime
      FROM auth.credential c
     WHERE c.tenant = a_tenant AND c.user_id = a_user_id
    ON CONFLICT (tenant, user_id, kind) DO UPDATE
       SET token_hash = EXCLUDED.token_hash, login = EXCLUDED.login,
           expires_ts = EXCLUDED.expires_ts, sent_ts = now()
     WHERE m.sent_ts < now() - interval '1 min';

    IF FOUND THEN
        PERFORM auth.mail(a_tenant, a_user_id, a_kind, jsonb_build_object(
            'token', a_token, 'expires', core.ts(now() + a_lifetime)));
        PERFORM core.log(a_tenant, a_user_id::text,
            'auth.mail.requested', 'user', a_user_id::text,
            jsonb_build_object('kind', a_kind));
    END IF;
END
$$;


-- Sets a password that its owner has chosen; ends all sessions but one.
CREATE FUNCTION auth.password_set(a_tenant text, a_user_id uuid,
    a_hash text, a_keep uuid, a_reason text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE auth.credential c
       SET password_hash = a_hash, password_ts = clock_timestamp()
     WHERE c.tenant = a_tenant AND c.user_id = a_user_id;

    DELETE FROM auth.mfa_challenge c
     WHERE c.tenant = a_tenant AND c.user_id = a_user_id;
    DELETE FROM auth.mail_token m
     WHERE m.tenant = a_tenant AND m.user_id = a_user_id
       AND m.kind = 'password-reset';

    PERFORM auth.session_end(a_tenant, s.session_id, a_reason,
                             a_user_id::text)
       FROM (SELECT o.session_id
               FROM auth.session o
              WHERE o.tenant = a_tenant AND o.user_id = a_user_id
                AND o.ended_ts IS NULL
                AND o.session_id IS DISTINCT FROM a_keep
              ORDER BY o.session_id
                FOR UPDATE) s;

    PERFORM core.log(a_tenant, a_user_id::text, 'auth.password.changed',
        'user', a_user_id::text, jsonb_build_object('reason', a_reason));
    PERFORM auth.mail(a_tenant, a_user_id, 'password-changed');
END
$$;


-- What the current password is checked against, for the owner of a session
-- that is as strong as the owner's factors allow.
CREATE FUNCTION auth.password_current(a_tenant text, a_actor text,
    a_session text) RETURNS TABLE (login text, password_hash text)
LANGUAGE plpgsql AS $$
DECLARE
    v_user_id uuid := auth.fresh(a_tenant, a_actor, a_session,
                                 interval '10 years');
BEGIN
    RETURN QUERY
    SELECT c.login, c.password_hash
      FROM auth.credential c
     WHERE c.tenant = a_tenant AND c.user_id = v_user_id;
END
$$;

-- Whether it was still that password.
CREATE FUNCTION auth.password_change(a_tenant text, a_actor text,
    a_session text, a_checked_hash text, a_hash text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_user_id uuid := auth.fresh(a_tenant, a_actor, a_session,
                                 interval '10 years');
BEGIN
    PERFORM FROM auth.credential c
      WHERE c.tenant = a_tenant AND c.user_id = v_user_id
        AND c.password_hash = a_checked_hash;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    PERFORM auth.password_set(a_tenant, v_user_id, a_hash,
                              a_session::uuid, 'password-changed');
    RETURN true;
END
$$;


CREATE FUNCTION auth.password_forgot(a_tenant text, a_login text,
    a_token_hash text, a_token text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_user_id uuid;
BEGIN
    PERFORM set_config('carmen.tenant', a_tenant, true);

    SELECT c.user_id INTO v_user_id
      FROM auth.credential c
     WHERE c.tenant = a_tenant AND c.login = lower(a_login COLLATE "C")
       AND c.disabled_ts IS NULL;
    IF FOUND THEN
        PERFORM auth.mail_token_send(a_tenant, v_user_id, 'password-reset',
            a_token_hash, a_token, interval '1 hour');
    END IF;
END
$$;

-- The login name behind a token that is good.
CREATE FUNCTION auth.mail_token_find(a_tenant text, a_token_hash text,
    a_kind text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('carmen.tenant', a_tenant, true);

    RETURN (SELECT c.login
              FROM auth.mail_token m
              JOIN auth.credential c
                ON c.tenant = m.tenant AND c.user_id = m.user_id
             WHERE m.tenant = a_tenant AND m.token_hash = a_token_hash
               AND m.kind = a_kind AND m.expires_ts > clock_timestamp()
               AND c.login = m.login AND c.disabled_ts IS NULL);
END
$$;

-- Spends a token; NULL when it is not good.
CREATE FUNCTION auth.mail_token_use(a_tenant text, a_token_hash text,
    a_kind text) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    v_user_id uuid;
BEGIN
    PERFORM set_config('carmen.tenant', a_tenant, true);

    DELETE FROM auth.mail_token m
     WHERE m.tenant = a_tenant AND m.token_hash = a_token_hash
       AND m.kind = a_kind AND m.expires_ts > clock_timestamp()
    RETURNING m.user_id INTO v_user_id;

    -- The mail has reached the address.
    UPDATE auth.credential c SET verified_login = c.login
     WHERE c.tenant = a_tenant AND c.user_id = v_user_id
       AND c.disabled_ts IS NULL;
    RETURN CASE WHEN FOUND THEN v_user_id END;
END
$$;

CREATE FUNCTION auth.password_reset(a_tenant text, a_token_hash text,
                                    a_hash text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_user_id uuid := auth.mail_token_use(a_tenant, a_token_hash,
                                          'password-reset');
BEGIN
    IF v_user_id IS NULL THEN
        RETURN false;
    END IF;

    PERFORM auth.password_set(a_tenant, v_user_id, a_hash, NULL,
                              'password-reset');
    RETURN true;
END
$$;


CREATE FUNCTION auth.email_verification(a_tenant text, a_actor text,
    a_token_hash text, a_token text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_user_id uuid;
BEGIN
    SELECT c.user_id INTO v_user_id
      FROM auth.credential c
     WHERE c.tenant = a_tenant AND c.user_id::text = a_actor
       AND c.disabled_ts IS NULL
       AND c.verified_login IS DISTINCT FROM c.login;
    IF FOUND THEN
        PERFORM auth.mail_token_send(a_tenant, v_user_id,
            'email-verification', a_token_hash, a_token, interval '1 day');
    END IF;
END
$$;

CREATE FUNCTION auth.email_verify(a_tenant text, a_token_hash text)
RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_user_id uuid;
BEGIN
    PERFORM FROM auth.mail_token_find(a_tenant, a_token_hash,
                                      'email-verification') f (login)
      WHERE f.login IS NOT NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    v_user_id := auth.mail_token_use(a_tenant, a_token_hash,
                                     'email-verification');
    IF v_user_id IS NULL THEN
        RETURN false;
    END IF;

    PERFORM core.log(a_tenant, v_user_id::text, 'auth.email.verified',
                     'user', v_user_id::text);
    RETURN true;
END
$$;

COMMIT;
