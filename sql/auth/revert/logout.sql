-- Revert auth:logout

BEGIN;

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

DROP FUNCTION auth.logout_uri(text, text, text);

COMMIT;
