-- Revert auth:sessions

BEGIN;

CREATE OR REPLACE FUNCTION auth.credential_disable(a_tenant text,
                                                   a_user_id uuid)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE auth.credential c
       SET disabled_ts = coalesce(c.disabled_ts, now())
     WHERE c.tenant = a_tenant AND c.user_id = a_user_id;
    IF NOT FOUND THEN
        PERFORM core.refuse(404, 'not-found', NULL, NULL);
    END IF;
END
$$;

DROP FUNCTION auth.logout(text, text, text);
DROP FUNCTION auth.session_refresh(text, text, text, text, text, interval);
DROP FUNCTION auth.session_start(text, uuid, text, text, text, text, interval,
                                 text);
DROP FUNCTION auth.login_failed(text, uuid, text);
DROP FUNCTION auth.login_find(text, text);
DROP FUNCTION auth.session_end(text, uuid, text, text);
DROP TABLE auth.refresh_token;
DROP TABLE auth.session;

COMMIT;
