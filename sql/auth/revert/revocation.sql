-- Revert auth:revocation

BEGIN;

DROP FUNCTION auth.sessions_revoke(text, text, uuid, boolean, text);
DROP FUNCTION auth.session_revoke(text, text, uuid, uuid);
DROP FUNCTION auth.session_text(auth.session, text);
DROP TRIGGER deleted ON auth.credential;
DROP TRIGGER disabled ON auth.credential;
DROP FUNCTION auth.credential_ended();
DROP TRIGGER deleted ON auth.session;
DROP TRIGGER ended ON auth.session;
DROP FUNCTION auth.session_ended();
DROP FUNCTION auth.revoke(text, text, text, timestamptz, timestamptz);
DROP FUNCTION auth.revocation_digest(text, text, text);
DROP FUNCTION auth.user_of(text);
ALTER TABLE auth.session DROP CONSTRAINT session_end_reason_check;
ALTER TABLE auth.session ADD CONSTRAINT session_end_reason_check
    CHECK (end_reason IN ('logout', 'reuse', 'disabled')) NOT VALID;
DROP TABLE auth.revocation;

COMMIT;
