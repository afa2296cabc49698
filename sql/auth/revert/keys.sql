-- Revert auth:keys

BEGIN;

DROP FUNCTION auth.certificate_delete(text, text, uuid);
DROP FUNCTION auth.certificate_create(text, text, text, text, jsonb);
DROP FUNCTION auth.key_used(text, uuid);
DROP FUNCTION auth.certificate_find(text, text);
DROP FUNCTION auth.api_key_find(text, text);
DROP FUNCTION auth.api_key_revoke(text, text, uuid, uuid);
DROP FUNCTION auth.api_key_create(text, text, text, text, text, text, text,
                                  jsonb);
DROP FUNCTION auth.certificate_text(auth.certificate);
DROP FUNCTION auth.api_key_text(auth.api_key);
DROP TABLE auth.certificate;
DROP TABLE auth.api_key;
DROP FUNCTION auth.certificate_deleted();
DROP FUNCTION auth.api_key_deleted();

COMMIT;
