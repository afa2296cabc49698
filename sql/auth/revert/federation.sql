-- Revert auth:federation

BEGIN;

SELECT core.personal_drop('federation');
DROP FUNCTION auth.social_erase(text, uuid);
DROP FUNCTION auth.social_export(text, uuid);
DROP FUNCTION auth.social_list(text, text);
DROP FUNCTION auth.social_unlink(text, text, text);
DROP FUNCTION auth.social_link(text, uuid, text, text, text, boolean, text);
DROP FUNCTION auth.social_text(auth.social_identity);
DROP FUNCTION auth.federation_login(text, text, text, text, boolean, text,
    text, text, text[], text[], text, text, interval, text);
DROP FUNCTION auth.federation_tie(text, uuid, text, text, text, boolean,
    text);
DROP FUNCTION auth.federation_create(text, text, text, jsonb, text[]);
DROP FUNCTION auth.federation_roles(text, uuid, text[], text[]);
DROP FUNCTION auth.login_proved(auth.credential);
DROP FUNCTION auth.has_password(auth.credential);
DROP FUNCTION auth.no_password();
DROP FUNCTION auth.social_take(text, text, text, text);
DROP FUNCTION auth.social_begin(text, text, text, text, text, text, uuid);
DROP TABLE auth.social_state;
DROP TABLE auth.social_identity;

COMMIT;
