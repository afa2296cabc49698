-- Revert auth:passwords

BEGIN;

DROP FUNCTION auth.email_verify(text, text);
DROP FUNCTION auth.email_verification(text, text, text, text);
DROP FUNCTION auth.password_reset(text, text, text);
DROP FUNCTION auth.mail_token_use(text, text, text);
DROP FUNCTION auth.mail_token_find(text, text, text);
DROP FUNCTION auth.password_forgot(text, text, text, text);
DROP FUNCTION auth.password_change(text, text, text, text, text);
DROP FUNCTION auth.password_current(text, text, text);
DROP FUNCTION auth.password_set(text, uuid, text, uuid, text);
DROP FUNCTION auth.mail_token_send(text, uuid, text, text, text, interval);
DROP TABLE auth.mail_token;

-- Fails while there are hashes of argon2id: nobody else could read them.
ALTER TABLE auth.credential
    DROP COLUMN verified_login,
    DROP CONSTRAINT credential_password_hash_check,
    ADD CONSTRAINT credential_password_hash_check
        CHECK (password_hash ~ '^\$2[aby]\$[0-9]{2}\$.{53}$');

COMMIT;
