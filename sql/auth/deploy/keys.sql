-- Deploy auth:keys
-- requires: revocation
-- API keys, and certificates of services.
--
-- An API key is random, 256 bits, so a plain SHA-256 keeps it at rest; its
-- first characters stay, for people to tell keys apart.  What it allows is
-- what was asked for and the owner still has.  A certificate (mutual TLS)
-- stands for a user, by the SHA-256 of its DER form.
--
-- The functions that find enter the tenant that the key or nginx.conf names,
-- for their transaction only: nobody is identified yet.

BEGIN;

CREATE TABLE auth.api_key (
    tenant          text COLLATE "C" NOT NULL,
    key_id          uuid NOT NULL DEFAULT core.uuid7(),
    user_id         uuid NOT NULL,
    name            text NOT NULL CHECK (name <> ''),
    prefix          text COLLATE "C" NOT NULL,
    key_hash        text COLLATE "C" NOT NULL
                    CHECK (key_hash ~ '^[0-9a-f]{64}$'),
    scopes          text[] NOT NULL,
    expires_ts      timestamptz,
    used_ts         timestamptz,
    revoked_ts      timestamptz,
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, key_id),
    UNIQUE (tenant, key_hash),
    FOREIGN KEY (tenant, user_id) REFERENCES auth.credential
        ON DELETE CASCADE
);
CREATE INDEX api_key_user ON auth.api_key (tenant, user_id, key_id);
SELECT core.protect('auth.api_key');


CREATE TABLE auth.certificate (
    tenant          text COLLATE "C" NOT NULL,
    certificate_id  uuid NOT NULL DEFAULT core.uuid7(),
    user_id         uuid NOT NULL,
    name            text NOT NULL CHECK (name <> ''),
    fingerprint     text COLLATE "C" NOT NULL
                    CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
    scopes          text[],
    expires_ts      timestamptz,
    used_ts         timestamptz,
    enterprise_code text NOT NULL DEFAULT 'DEFAULT',
    version         bigint NOT NULL DEFAULT 1,
    createts        timestamptz NOT NULL DEFAULT now(),
    modifyts        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, certificate_id),
    UNIQUE (tenant, fingerprint),
    FOREIGN KEY (tenant, user_id) REFERENCES auth.credential
        ON DELETE CASCADE
);
CREATE INDEX certificate_user ON auth.certificate (tenant, user_id);
SELECT core.protect('auth.certificate');


-- A key or a certificate that goes with its owner takes its identity along.
CREATE FUNCTION auth.api_key_deleted() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM auth.revoke(OLD.tenant, 'key', OLD.key_id::text);
    RETURN NULL;
END
$$;

CREATE TRIGGER deleted AFTER DELETE ON auth.api_key
    FOR EACH ROW WHEN (OLD.revoked_ts IS NULL)
    EXECUTE FUNCTION auth.api_key_deleted();

CREATE FUNCTION auth.certificate_deleted() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM auth.revoke(OLD.tenant, 'key', OLD.certificate_id::text);
    RETURN NULL;
END
$$;

CREATE TRIGGER deleted AFTER DELETE ON auth.certificate
    FOR EACH ROW EXECUTE FUNCTION auth.certificate_deleted();


CREATE FUNCTION auth.api_key_text(k auth.api_key) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN json_build_object(
    'keyId', k.key_id, 'userId', k.user_id, 'name', k.name,
    'prefix', k.prefix, 'scopes', to_json(k.scopes),
    'status', CASE WHEN k.revoked_ts IS NOT NULL THEN 'revoked'
                   WHEN k.expires_ts <= now() THEN 'expired'
                   ELSE 'active' END,
    'createdDate', core.ts(k.createts), 'usedDate', core.ts(k.used_ts),
    'expiresDate', core.ts(k.expires_ts),
    'revokedDate', core.ts(k.revoked_ts))::text;

CREATE FUNCTION auth.certificate_text(c auth.certificate) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN json_build_object(
    'certificateId', c.certificate_id, 'userId', c.user_id, 'name', c.name,
    'fingerprint', c.fingerprint, 'scopes', to_json(c.scopes),
    'createdDate', core.ts(c.createts), 'usedDate', core.ts(c.used_ts),
    'expiresDate', core.ts(c.expires_ts))::text;


-- A key of the caller.  No key gives more than the token that asks for it
-- (a_granted), nor more than its owner has.  The reply that is remembered
-- does not hold the key.
CREATE FUNCTION auth.api_key_create(a_tenant text, a_actor text, a_key text,
    a_hash text, a_granted text, a_prefix text, a_key_hash text, body jsonb)
RETURNS TABLE (fresh boolean, status int, version bigint, location text,
               body_text text)
LANGUAGE plpgsql AS $$
DECLARE
    r       core.reply := core.replay(a_tenant, a_actor, a_key, a_hash);
    v_user  uuid := auth.user_of(a_actor);
    granted text[] := string_to_array(a_granted, ' ');
    wanted  text[];
    owned   text[];
    k       auth.api_key;
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN QUERY SELECT false, r.status, r.version, r.location, r.body;
        RETURN;
    END IF;

    PERFORM FROM auth.credential c
      WHERE c.tenant = a_tenant AND c.user_id = v_user
        AND c.disabled_ts IS NULL;
    IF NOT FOUND THEN
        PERFORM core.refuse(403, 'forbidden',
            'Only a user who can log in has API keys.');
    END IF;

    owned := auth.scopes_of(a_tenant, v_user);
    wanted := CASE WHEN body ? 'scopes'
        THEN ARRAY(SELECT DISTINCT s FROM jsonb_array_elements_text(
                                            body->'scopes') s ORDER BY s)
        ELSE ARRAY(SELECT s FROM unnest(granted) s WHERE s = ANY (owned)
                    ORDER BY s) END;
    IF NOT wanted <@ granted OR NOT wanted <@ owned THEN
        PERFORM core.invalid('/scopes', 'scope',
            'A key can be given no scope that its owner or this token does '
            'not have.');
    END IF;

    IF (body->>'expiresDate')::timestamptz <= now() THEN
        PERFORM core.invalid('/expiresDate', 'future',
            'The key would have expired already.');
    END IF;

    INSERT INTO auth.api_key (tenant, user_id, name, prefix, key_hash, scopes,
                              expires_ts)
    VALUES (a_tenant, v_user, body->>'name', a_prefix, a_key_hash, wanted,
            (body->>'expiresDate')::timestamptz)
    RETURNING * INTO k;

    PERFORM core.emit(a_tenant, 'auth', 'key.created', k.key_id::text, 1,
        jsonb_build_object('keyId', k.key_id, 'userId', k.user_id,
                           'scopes', k.scopes));
    PERFORM core.log(a_tenant, a_actor, 'auth.key.created', 'key',
        k.key_id::text, jsonb_build_object('userId', k.user_id,
                                           'scopes', k.scopes));
    r := core.remember(a_tenant, a_actor, a_key, a_hash,
        ROW (201, k.version, '/auth/keys/' || k.key_id,
             auth.api_key_text(k)));
    RETURN QUERY SELECT true, r.status, r.version, r.location, r.body;
END
$$;


CREATE FUNCTION auth.api_key_revoke(a_tenant text, a_actor text,
    a_user_id uuid, a_key_id uuid) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    k auth.api_key;
BEGIN
    SELECT * INTO k FROM auth.api_key x
     WHERE x.tenant = a_tenant AND x.key_id = a_key_id
       AND x.user_id = a_user_id
       FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL, NULL);
    END IF;

    IF k.revoked_ts IS NULL THEN
        UPDATE auth.api_key x SET revoked_ts = clock_timestamp()
         WHERE x.tenant = a_tenant AND x.key_id = a_key_id;
        PERFORM auth.revoke(a_tenant, 'key', a_key_id::text);
        PERFORM core.emit(a_tenant, 'auth', 'key.revoked', a_key_id::text, 2,
            jsonb_build_object('keyId', a_key_id, 'userId', a_user_id));
        PERFORM core.log(a_tenant, a_actor, 'auth.key.revoked', 'key',
            a_key_id::text, jsonb_build_object('userId', a_user_id));
    END IF;
    RETURN ROW (204, NULL, NULL, NULL)::core.reply;
END
$$;


-- Who presents a key; no row when it is none that is good.
CREATE FUNCTION auth.api_key_find(a_tenant text, a_key_hash text)
RETURNS TABLE (id uuid, user_id uuid, scope text, expires bigint)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('carmen.tenant', a_tenant, true);

    RETURN QUERY
    SELECT k.key_id, k.user_id,
           array_to_string(ARRAY(
               SELECT s FROM unnest(auth.scopes_of(a_tenant, k.user_id)) s
                WHERE s = ANY (k.scopes)), ' '),
           floor(extract(epoch FROM k.expires_ts))::bigint
      FROM auth.api_key k
      JOIN auth.credential c
        ON c.tenant = k.tenant AND c.user_id = k.user_id
     WHERE k.tenant = a_tenant AND k.key_hash = a_key_hash
       AND k.revoked_ts IS NULL AND c.disabled_ts IS NULL
       AND (k.expires_ts IS NULL OR k.expires_ts > now());
END
$$;


CREATE FUNCTION auth.certificate_find(a_tenant text, a_fingerprint text)
RETURNS TABLE (id uuid, user_id uuid, scope text, expires bigint)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('carmen.tenant', a_tenant, true);

    RETURN QUERY
    SELECT f.certificate_id, f.user_id,
           array_to_string(ARRAY(
               SELECT s FROM unnest(auth.scopes_of(a_tenant, f.user_id)) s
                WHERE f.scopes IS NULL OR s = ANY (f.scopes)), ' '),
           floor(extract(epoch FROM f.expires_ts))::bigint
      FROM auth.certificate f
      JOIN auth.credential c
        ON c.tenant = f.tenant AND c.user_id = f.user_id
     WHERE f.tenant = a_tenant AND f.fingerprint = a_fingerprint
       AND c.disabled_ts IS NULL
       AND (f.expires_ts IS NULL OR f.expires_ts > now());
END
$$;


-- The last use, to the minute.
CREATE FUNCTION auth.key_used(a_tenant text, a_id uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('carmen.tenant', a_tenant, true);

    UPDATE auth.api_key k SET used_ts = now()
     WHERE k.tenant = a_tenant AND k.key_id = a_id
       AND (k.used_ts IS NULL OR k.used_ts < now() - interval '1 minute');
    IF NOT FOUND THEN
        UPDATE auth.certificate f SET used_ts = now()
         WHERE f.tenant = a_tenant AND f.certificate_id = a_id
           AND (f.used_ts IS NULL
                OR f.used_ts < now() - interval '1 minute');
    END IF;
END
$$;


CREATE FUNCTION auth.certificate_create(a_tenant text, a_actor text,
    a_key text, a_hash text, body jsonb) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    r      core.reply := core.replay(a_tenant, a_actor, a_key, a_hash);
    v_user uuid := (body->>'userId')::uuid;
    f      auth.certificate;
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    PERFORM FROM auth.credential c
      WHERE c.tenant = a_tenant AND c.user_id = v_user;
    IF NOT FOUND THEN
        PERFORM core.refuse(422, 'unknown-reference',
            'A user of that number who can log in is not there.',
            '{"errors":[{"pointer":"/userId","code":"unknown-reference",
              "detail":"A user of that number is not there."}]}');
    END IF;

    INSERT INTO auth.certificate (tenant, user_id, name, fingerprint, scopes,
                                  expires_ts)
    VALUES (a_tenant, v_user, body->>'name',
            lower(replace(body->>'fingerprint', ':', '')),
            CASE WHEN body ? 'scopes' THEN ARRAY(
                SELECT DISTINCT s
                  FROM jsonb_array_elements_text(body->'scopes') s
                 ORDER BY s) END,
            (body->>'expiresDate')::timestamptz)
    ON CONFLICT (tenant, fingerprint) DO NOTHING
    RETURNING * INTO f;
    IF NOT FOUND THEN
        PERFORM core.refuse(409, 'conflict',
            'A certificate of this fingerprint is there already.');
    END IF;

    PERFORM core.emit(a_tenant, 'auth', 'certificate.created',
        f.certificate_id::text, 1, jsonb_build_object(
            'certificateId', f.certificate_id, 'userId', f.user_id));
    PERFORM core.log(a_tenant, a_actor, 'auth.certificate.created',
        'certificate', f.certificate_id::text, jsonb_build_object(
            'userId', f.user_id, 'fingerprint', f.fingerprint));
    RETURN core.remember(a_tenant, a_actor, a_key, a_hash,
        ROW (201, f.version, '/auth/certificates/' || f.certificate_id,
             auth.certificate_text(f)));
END
$$;


CREATE FUNCTION auth.certificate_delete(a_tenant text, a_actor text,
    a_id uuid) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    f auth.certificate;
BEGIN
    DELETE FROM auth.certificate x
     WHERE x.tenant = a_tenant AND x.certificate_id = a_id
    RETURNING * INTO f;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL, NULL);
    END IF;

    PERFORM core.emit(a_tenant, 'auth', 'certificate.deleted', a_id::text, 2,
        jsonb_build_object('certificateId', a_id, 'userId', f.user_id));
    PERFORM core.log(a_tenant, a_actor, 'auth.certificate.deleted',
        'certificate', a_id::text, jsonb_build_object('userId', f.user_id));
    RETURN ROW (204, NULL, NULL, NULL)::core.reply;
END
$$;

COMMIT;
