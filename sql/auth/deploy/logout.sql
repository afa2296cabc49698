-- Deploy auth:logout
-- requires: browser
-- requires: oauth
-- The end of a browser's session is the end of what it began at clients,
-- except for what a person let stay connected (offline_access).

BEGIN;

-- Whether a client has registered the address to come back to, exactly.
CREATE FUNCTION auth.logout_uri(a_tenant text, a_client_id text, a_uri text)
RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT FROM auth.client c
         WHERE c.tenant = a_tenant AND c.client_id = a_client_id
           AND c.disabled_ts IS NULL AND a_uri = ANY (c.logout_uris));
END;


CREATE OR REPLACE FUNCTION auth.browser_end(a_tenant text,
    a_browser_session_id uuid, a_reason text) RETURNS boolean
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

    PERFORM auth.session_end(a_tenant, s.session_id,
            CASE a_reason WHEN 'disabled' THEN 'disabled' ELSE 'logout' END,
            v_user_id::text)
       FROM (SELECT o.session_id
               FROM auth.session o
              WHERE o.tenant = a_tenant
                AND o.browser_session = a_browser_session_id
                AND o.ended_ts IS NULL
                AND NOT 'offline_access'
                        = ANY (string_to_array(coalesce(o.scope, ''), ' '))
              ORDER BY o.session_id
                FOR UPDATE) s;

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

COMMIT;
