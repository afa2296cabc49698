-- Deploy users:functions
-- What the routes of users call to write, and how a user is shown.

BEGIN;

-- The user of an access token; NULL for a subject that is no user.
CREATE FUNCTION users.me(actor text) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN actor ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
            THEN actor::uuid END;

CREATE FUNCTION users.user_text(u users."user") RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN json_build_object(
    'userId', u.user_id, 'email', u.email, 'givenName', u.given_name,
    'familyName', u.family_name, 'displayName', u.display_name,
    'company', u.company, 'phone', u.phone, 'externalRef', u.external_ref,
    'status', u.status, 'roles', to_json(u.roles), 'locale', u.locale,
    'timeZone', u.time_zone, 'profile', u.profile, 'version', u.version,
    'createdDate', core.ts(u.createts),
    'modifiedDate', core.ts(u.modifyts))::text;

-- Events name no one: who may read of a person asks for the user.
CREATE FUNCTION users.announce(u users."user", event text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM core.emit(u.tenant, 'users', 'user.' || event, u.user_id::text,
        u.version, jsonb_build_object(
            'userId', u.user_id, 'status', u.status, 'roles', u.roles,
            'externalRef', u.external_ref, 'version', u.version));
END
$$;

CREATE FUNCTION users.check_body(a_tenant text, a_user uuid, body jsonb)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF body->>'timeZone' IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_timezone_names z WHERE z.name = body->>'timeZone')
    THEN
        PERFORM core.invalid('/timeZone', 'time-zone',
            'This is no time zone of the IANA database.');
    END IF;

    IF body->>'externalRef' IS NOT NULL AND EXISTS (
        SELECT FROM users."user" u
         WHERE u.tenant = a_tenant AND u.external_ref = body->>'externalRef'
           AND u.user_id IS DISTINCT FROM a_user)
    THEN
        PERFORM core.refuse(409, 'duplicate-external-ref',
            'Another user has this external reference.',
            jsonb_build_object('externalRef', body->>'externalRef'));
    END IF;

    IF body->>'email' IS NOT NULL AND EXISTS (
        SELECT FROM users."user" u
         WHERE u.tenant = a_tenant
           AND u.email_key = lower(body->>'email' COLLATE "und-x-icu")
                             COLLATE "C"
           AND u.user_id IS DISTINCT FROM a_user)
    THEN
        PERFORM core.refuse(409, 'email-unavailable',
            'This e-mail address cannot be used.');
    END IF;

    IF body ? 'roles' THEN
        PERFORM auth.role_seed(a_tenant);
        IF EXISTS (
            SELECT FROM jsonb_array_elements_text(body->'roles') n (role)
             WHERE NOT EXISTS (SELECT FROM auth.role r
                                WHERE r.tenant = a_tenant
                                  AND r.role = n.role))
        THEN
            PERFORM core.refuse(422, 'unknown-reference',
                'A role of that name is not there.',
                '{"errors":[{"pointer":"/roles","code":"unknown-reference",
                  "detail":"A role of that name is not there."}]}');
        END IF;
    END IF;
END
$$;

CREATE FUNCTION users.texts(list jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT coalesce(array_agg(DISTINCT t COLLATE "C"), '{}')
          FROM jsonb_array_elements_text(list) t);

-- Registration, or the act of an administrator ("trusted"), who may leave out
-- the password and give roles.  Who registers gets the role customer.
CREATE FUNCTION users.create_user(a_tenant text, a_actor text, a_key text,
    a_hash text, body jsonb, a_password_hash text, trusted boolean)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    r     core.reply := core.replay(a_tenant, a_actor, a_key, a_hash);
    given text[] := CASE WHEN trusted AND body ? 'roles'
                         THEN users.texts(body->'roles') ELSE '{customer}' END;
    u     users."user";
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    IF NOT trusted THEN
        body := body - '{roles,externalRef,status}'::text[];
    END IF;
    PERFORM users.check_body(a_tenant, NULL, body);

    INSERT INTO users."user" (tenant, email, given_name, family_name,
        display_name, company, phone, external_ref, roles, locale, time_zone,
        profile, preferences)
    VALUES (a_tenant, body->>'email', body->>'givenName',
        body->>'familyName', body->>'displayName', body->>'company',
        body->>'phone', body->>'externalRef', given, body->>'locale',
        body->>'timeZone', coalesce(body->'profile', '{}'),
        coalesce(body->'preferences', '{}'))
    RETURNING * INTO u;

    IF a_password_hash IS NOT NULL THEN
        PERFORM auth.credential_create(a_tenant, u.user_id, u.email,
                                       a_password_hash, given);
    END IF;

    PERFORM users.announce(u, 'created');
    PERFORM core.log(a_tenant, coalesce(a_actor, u.user_id::text), 'create',
        'user', u.user_id::text, jsonb_build_object('roles', given,
            'password', a_password_hash IS NOT NULL));
    RETURN core.remember(a_tenant, a_actor, a_key, a_hash,
        ROW(201, u.version, '/users/' || u.user_id, users.user_text(u)));
END
$$;

-- The user, locked, of the version expected; one that was deleted is gone.
CREATE FUNCTION users.take(a_tenant text, a_user uuid, a_match text)
RETURNS users."user"
LANGUAGE plpgsql AS $$
DECLARE
    u users."user";
BEGIN
    SELECT * INTO u FROM users."user" x
     WHERE x.tenant = a_tenant AND x.user_id = a_user
       AND x.status <> 'deleted'
       FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL);
    END IF;

    IF a_match IS NOT NULL AND a_match <> '*' AND a_match <> u.version::text
    THEN
        PERFORM core.refuse(412, 'precondition-failed',
            'The user was changed meanwhile; read it again.');
    END IF;
    RETURN u;
END
$$;

CREATE FUNCTION users.has_credential(a_tenant text, a_user uuid)
RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM auth.credential c
                    WHERE c.tenant = a_tenant AND c.user_id = a_user);
END
$$;

-- What a user may change of himself, and an administrator besides.
CREATE FUNCTION users.update_user(a_tenant text, a_actor text, a_user uuid,
    a_match text, body jsonb) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    u   users."user" := users.take(a_tenant, a_user, a_match);
    was users."user" := u;
BEGIN
    PERFORM users.check_body(a_tenant, a_user, body);
    IF body ? 'email' AND body->>'email' IS NULL
       AND users.has_credential(a_tenant, a_user)
    THEN
        PERFORM core.invalid('/email', 'required',
            'A user who logs in has an e-mail address.');
    END IF;

    UPDATE users."user" x SET
        email        = CASE WHEN body ? 'email' THEN body->>'email'
                            ELSE x.email END,
        given_name   = CASE WHEN body ? 'givenName' THEN body->>'givenName'
                            ELSE x.given_name END,
        family_name  = CASE WHEN body ? 'familyName'
                            THEN body->>'familyName'
                            ELSE x.family_name END,
        display_name = CASE WHEN body ? 'displayName'
                            THEN body->>'displayName'
                            ELSE x.display_name END,
        company      = CASE WHEN body ? 'company' THEN body->>'company'
                            ELSE x.company END,
        phone        = CASE WHEN body ? 'phone' THEN body->>'phone'
                            ELSE x.phone END,
        external_ref = CASE WHEN body ? 'externalRef'
                            THEN body->>'externalRef'
                            ELSE x.external_ref END,
        roles        = CASE WHEN body ? 'roles'
                            THEN users.texts(body->'roles')
                            ELSE x.roles END,
        locale       = CASE WHEN body ? 'locale' THEN body->>'locale'
                            ELSE x.locale END,
        time_zone    = CASE WHEN body ? 'timeZone' THEN body->>'timeZone'
                            ELSE x.time_zone END,
        profile      = coalesce(body->'profile', x.profile)
     WHERE x.tenant = a_tenant AND x.user_id = a_user
    RETURNING x.* INTO u;

    IF users.has_credential(a_tenant, a_user) THEN
        IF u.email_key <> was.email_key THEN
            PERFORM auth.credential_rename(a_tenant, a_user, u.email);
        END IF;
        IF u.roles <> was.roles THEN
            PERFORM auth.roles_set(a_tenant, a_user, u.roles);
        END IF;
    END IF;

    PERFORM users.announce(u, 'updated');
    PERFORM core.log(a_tenant, a_actor, 'update', 'user', a_user::text,
        jsonb_build_object('members', (SELECT jsonb_agg(k)
                                         FROM jsonb_object_keys(body) k))
        || CASE WHEN body ? 'roles' THEN jsonb_build_object('roles', u.roles)
                ELSE '{}' END);
    RETURN ROW(200, u.version, NULL, users.user_text(u))::core.reply;
END
$$;

CREATE FUNCTION users.set_preferences(a_tenant text, a_actor text,
    a_user uuid, a_match text, body jsonb) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    u users."user" := users.take(a_tenant, a_user, a_match);
BEGIN
    UPDATE users."user" x SET preferences = body->'preferences'
     WHERE x.tenant = a_tenant AND x.user_id = a_user
    RETURNING x.* INTO u;

    PERFORM users.announce(u, 'updated');
    PERFORM core.log(a_tenant, a_actor, 'update', 'user', a_user::text,
                     '{"members":["preferences"]}');
    RETURN ROW(200, u.version, NULL,
        json_build_object('preferences', u.preferences)::text)::core.reply;
END
$$;

-- active <-> suspended; who is suspended cannot log in.
CREATE FUNCTION users.become(a_tenant text, a_actor text, a_key text,
    a_hash text, a_user uuid, target text) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    r core.reply := core.replay(a_tenant, a_actor, a_key, a_hash);
    u users."user";
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    u := users.take(a_tenant, a_user, NULL);

    IF u.status <> target THEN
        IF target = 'suspended' AND a_user = users.me(a_actor) THEN
            PERFORM core.refuse(409, 'own-account',
                'An administrator cannot suspend himself.');
        END IF;

        UPDATE users."user" x SET status = target
         WHERE x.tenant = a_tenant AND x.user_id = a_user
        RETURNING x.* INTO u;

        IF users.has_credential(a_tenant, a_user) THEN
            IF target = 'suspended' THEN
                PERFORM auth.credential_disable(a_tenant, a_user);
            ELSE
                PERFORM auth.credential_enable(a_tenant, a_user);
            END IF;
        END IF;

        PERFORM users.announce(u, CASE target WHEN 'active' THEN 'activated'
                                              ELSE target END);
        PERFORM core.log(a_tenant, a_actor, 'status', 'user', a_user::text,
                         jsonb_build_object('to', target));
    END IF;

    RETURN core.remember(a_tenant, a_actor, a_key, a_hash,
        ROW(200, u.version, NULL, users.user_text(u)));
END
$$;

-- The person is forgotten; the number stays, for orders that name it.
CREATE FUNCTION users.delete_user(a_tenant text, a_actor text, a_user uuid,
                                  a_match text) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    u users."user" := users.take(a_tenant, a_user, a_match);
BEGIN
    IF a_user = users.me(a_actor) THEN
        PERFORM core.refuse(409, 'own-account',
            'An administrator cannot delete himself.');
    END IF;

    UPDATE users."user" x SET
        status = 'deleted', email = NULL, given_name = NULL,
        family_name = NULL, display_name = NULL, company = NULL,
        phone = NULL, external_ref = NULL, roles = '{}', locale = NULL,
        time_zone = NULL, profile = '{}', preferences = '{}'
     WHERE x.tenant = a_tenant AND x.user_id = a_user
    RETURNING x.* INTO u;

    IF users.has_credential(a_tenant, a_user) THEN
        PERFORM auth.credential_rename(a_tenant, a_user,
                                       'deleted:' || a_user);
        PERFORM auth.credential_disable(a_tenant, a_user);
        PERFORM auth.roles_set(a_tenant, a_user, '{}');
    END IF;

    PERFORM users.announce(u, 'deleted');
    PERFORM core.log(a_tenant, a_actor, 'delete', 'user', a_user::text);
    RETURN ROW(204, NULL, NULL, NULL)::core.reply;
END
$$;

COMMIT;
