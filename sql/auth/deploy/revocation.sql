-- Deploy auth:revocation
-- requires: sessions
-- What is no longer good before it expires.
--
-- A mark is about a token ("token", by jti), a session, a user, an API key or
-- a client.  It is kept as a digest of kind, tenant and id: so the table tells
-- nothing about a tenant, needs no tenant's guard, and every node reads the
-- marks of all tenants when it begins to listen.  A commit says them on the
-- channel carmen_auth_revoked as "<digest> <cutoff> <expires>", both in Unix
-- seconds.
--
-- Other changes and domains call auth.revoke() in the transaction that ends
-- something.  A session that ends, however it does, and a credential that is
-- disabled or deleted do so by themselves.

BEGIN;

CREATE TABLE auth.revocation (
    digest     bytea NOT NULL CHECK (octet_length(digest) = 16),
    cutoff     bigint NOT NULL,
    expires_ts timestamptz NOT NULL,
    PRIMARY KEY (digest)
);
CREATE INDEX revocation_expires ON auth.revocation (expires_ts);
GRANT SELECT, INSERT, UPDATE, DELETE ON auth.revocation TO carmen_app;


-- A subject of a token as the uuid of a user; NULL for one that is no user.
CREATE FUNCTION auth.user_of(actor text) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN actor ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
            THEN actor::uuid END;


CREATE FUNCTION auth.revocation_digest(a_kind text, a_tenant text, a_id text)
RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN substring(sha256(convert_to(a_kind || E'\n' || a_tenant || E'\n'
                                   || a_id, 'UTF8')) FOR 16);


-- Tokens of a_kind and a_id that were issued until a_until are refused from
-- the commit on; all of them when it is NULL.  An access token lives for a day
-- at most (carmen_auth_token_lifetime) and has a leeway: the mark outlives it.
-- a_expires is for tokens that last longer.
CREATE FUNCTION auth.revoke(a_tenant text, a_kind text, a_id text,
    a_until timestamptz DEFAULT NULL, a_expires timestamptz DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_mark auth.revocation;
BEGIN
    IF a_kind NOT IN ('token', 'session', 'user', 'key', 'client') THEN
        RAISE EXCEPTION 'auth.revoke: "%" is no kind', a_kind;
    END IF;

    DELETE FROM auth.revocation v
     WHERE v.digest IN (SELECT o.digest FROM auth.revocation o
                         WHERE o.expires_ts < now()
                         ORDER BY o.expires_ts
                         LIMIT 20
                           FOR UPDATE SKIP LOCKED);

    INSERT INTO auth.revocation AS v (digest, cutoff, expires_ts)
    VALUES (auth.revocation_digest(a_kind, a_tenant, a_id),
            coalesce(floor(extract(epoch FROM a_until))::bigint, 99999999999),
            greatest(now() + interval '1 day 10 minutes',
                     a_expires + interval '10 minutes'))
    ON CONFLICT (digest) DO UPDATE
       SET cutoff = greatest(v.cutoff, excluded.cutoff),
           expires_ts = greatest(v.expires_ts, excluded.expires_ts)
    RETURNING * INTO v_mark;

    PERFORM pg_notify('carmen_auth_revoked', format('%s %s %s',
        encode(v_mark.digest, 'hex'), v_mark.cutoff,
        ceil(extract(epoch FROM v_mark.expires_ts))::bigint));
END
$$;


-- Reasons of other changes, too.
ALTER TABLE auth.session DROP CONSTRAINT session_end_reason_check;
ALTER TABLE auth.session ADD CONSTRAINT session_end_reason_check
    CHECK (end_reason ~ '^[a-z][a-z-]{0,31}$');


CREATE FUNCTION auth.session_ended() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM auth.revoke(OLD.tenant, 'session', OLD.session_id::text);
    RETURN NULL;
END
$$;

CREATE TRIGGER ended AFTER UPDATE OF ended_ts ON auth.session
    FOR EACH ROW WHEN (OLD.ended_ts IS NULL AND NEW.ended_ts IS NOT NULL)
    EXECUTE FUNCTION auth.session_ended();

CREATE TRIGGER deleted AFTER DELETE ON auth.session
    FOR EACH ROW WHEN (OLD.ended_ts IS NULL AND OLD.expires_ts > now())
    EXECUTE FUNCTION auth.session_ended();


CREATE FUNCTION auth.credential_ended() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM auth.revoke(OLD.tenant, 'user', OLD.user_id::text,
                        CASE WHEN TG_OP = 'UPDATE' THEN clock_timestamp() END);
    RETURN NULL;
END
$$;

CREATE TRIGGER disabled AFTER UPDATE OF disabled_ts ON auth.credential
    FOR EACH ROW WHEN (OLD.disabled_ts IS NULL AND NEW.disabled_ts IS NOT NULL)
    EXECUTE FUNCTION auth.credential_ended();

CREATE TRIGGER deleted AFTER DELETE ON auth.credential
    FOR EACH ROW EXECUTE FUNCTION auth.credential_ended();


-- How a session is shown; a_current is that of the caller's token.
CREATE FUNCTION auth.session_text(s auth.session, a_current text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN json_build_object(
    'sessionId', s.session_id, 'userId', s.user_id,
    'clientId', s.client_id, 'address', s.address,
    'status', CASE WHEN s.ended_ts IS NOT NULL THEN 'ended'
                   WHEN s.expires_ts <= now() THEN 'expired'
                   ELSE 'active' END,
    'current', s.session_id::text = coalesce(a_current, ''),
    'createdDate', core.ts(s.createts), 'usedDate', core.ts(s.used_ts),
    'expiresDate', core.ts(s.expires_ts), 'endedDate', core.ts(s.ended_ts),
    'endReason', s.end_reason)::text;


-- Ends one session of a user; one that is over is left as it is.
CREATE FUNCTION auth.session_revoke(a_tenant text, a_actor text,
    a_user_id uuid, a_session_id uuid) RETURNS core.reply
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM auth.session s
      WHERE s.tenant = a_tenant AND s.session_id = a_session_id
        AND s.user_id = a_user_id;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL, NULL);
    END IF;

    PERFORM auth.session_end(a_tenant, a_session_id, 'revoked', a_actor);
    RETURN ROW (204, NULL, NULL, NULL)::core.reply;
END
$$;


-- Ends all sessions of a user but a_keep (which may be NULL or no session).
-- A caller who is no user (a_own) has none; another must be there.
CREATE FUNCTION auth.sessions_revoke(a_tenant text, a_actor text,
    a_user_id uuid, a_own boolean, a_keep text) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    PERFORM FROM auth.credential c
      WHERE c.tenant = a_tenant AND c.user_id = a_user_id;
    IF NOT FOUND AND NOT a_own THEN
        PERFORM core.refuse(404, 'not-found', NULL, NULL);
    END IF;

    SELECT count(*) FILTER (WHERE auth.session_end(a_tenant, s.session_id,
                                                   'revoked', a_actor))
      INTO n
      FROM (SELECT o.session_id
              FROM auth.session o
             WHERE o.tenant = a_tenant AND o.user_id = a_user_id
               AND o.ended_ts IS NULL
               AND o.session_id::text <> coalesce(a_keep, '')
             ORDER BY o.session_id
               FOR UPDATE) s;

    RETURN ROW (200, NULL, NULL,
                json_build_object('revoked', n)::text)::core.reply;
END
$$;

COMMIT;
