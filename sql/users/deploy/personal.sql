-- Deploy users:personal
-- requires: scim_write
-- GDPR: access and portability (articles 15 and 20), erasure (article 17).

BEGIN;

CREATE FUNCTION users.personal_export(a_tenant text, a_user uuid)
RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT json_build_object('user', users.user_text(u)::json,
                   'preferences', u.preferences,
                   'userName', u.user_name, 'scim', u.scim)
          FROM users."user" u
         WHERE u.tenant = a_tenant AND u.user_id = a_user);
END
$$;

-- Done by users.delete_user() before the parts are asked.
CREATE FUNCTION users.personal_erase(a_tenant text, a_user uuid)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM users."user" u
      WHERE u.tenant = a_tenant AND u.user_id = a_user
        AND u.status <> 'deleted';
    IF FOUND THEN
        RAISE EXCEPTION 'the user has not been deleted';
    END IF;
END
$$;

SELECT core.personal_add('users', 'users.personal_export(text,uuid)',
                         'users.personal_erase(text,uuid)');

-- One document of all domains; that it was given away is on record.
CREATE FUNCTION users.export_user(a_tenant text, a_actor text, a_user uuid)
RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    doc json;
BEGIN
    PERFORM FROM users."user" u
      WHERE u.tenant = a_tenant AND u.user_id = a_user
        AND u.status <> 'deleted';
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL);
    END IF;

    doc := core.personal_export(a_tenant, a_user);
    PERFORM core.log(a_tenant, a_actor, 'export', 'user', a_user::text);

    RETURN ROW(200, NULL, NULL, json_build_object('userId', a_user,
        'exportedDate', core.ts(now()), 'data', doc)::text)::core.reply;
END
$$;

-- The person is forgotten in all domains.  One who was deleted before may
-- still be erased.
CREATE FUNCTION users.erase_user(a_tenant text, a_actor text, a_key text,
    a_hash text, a_user uuid) RETURNS core.reply
LANGUAGE plpgsql AS $$
DECLARE
    r   core.reply := core.replay(a_tenant, a_actor, a_key, a_hash);
    was text;
BEGIN
    IF r.status IS NOT NULL THEN
        RETURN r;
    END IF;

    SELECT u.status INTO was FROM users."user" u
     WHERE u.tenant = a_tenant AND u.user_id = a_user
       FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL);
    ELSIF was <> 'deleted' THEN
        PERFORM users.delete_user(a_tenant, a_actor, a_user, NULL);
    END IF;

    PERFORM core.personal_erase(a_tenant, a_user);
    PERFORM core.log(a_tenant, a_actor, 'erase', 'user', a_user::text);

    RETURN core.remember(a_tenant, a_actor, a_key, a_hash,
                         ROW(204, NULL, NULL, NULL));
END
$$;

COMMIT;
