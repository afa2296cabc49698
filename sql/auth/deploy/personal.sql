-- Deploy auth:personal
-- requires: sessions

BEGIN;

CREATE FUNCTION auth.personal_export(a_tenant text, a_user uuid) RETURNS json
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN json_build_object(
        'login', (
            SELECT json_build_object('login', c.login,
                       'passwordDate', core.ts(c.password_ts),
                       'disabledDate', core.ts(c.disabled_ts),
                       'createdDate', core.ts(c.createts))
              FROM auth.credential c
             WHERE c.tenant = a_tenant AND c.user_id = a_user),
        'roles', to_json(auth.roles_of(a_tenant, a_user)),
        'sessions', (
            SELECT coalesce(json_agg(json_build_object(
                       'sessionId', s.session_id, 'clientId', s.client_id,
                       'address', s.address,
                       'startedDate', core.ts(s.createts),
                       'usedDate', core.ts(s.used_ts),
                       'expiresDate', core.ts(s.expires_ts),
                       'endedDate', core.ts(s.ended_ts),
                       'endReason', s.end_reason) ORDER BY s.session_id),
                       '[]')
              FROM auth.session s
             WHERE s.tenant = a_tenant AND s.user_id = a_user));
END
$$;

-- What refers to the credential goes with it: sessions, tokens, roles.
CREATE FUNCTION auth.personal_erase(a_tenant text, a_user uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM auth.credential c
     WHERE c.tenant = a_tenant AND c.user_id = a_user;
END
$$;

SELECT core.personal_add('auth', 'auth.personal_export(text,uuid)',
                         'auth.personal_erase(text,uuid)');

COMMIT;
