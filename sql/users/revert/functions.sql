-- Revert users:functions

BEGIN;

DROP FUNCTION users.delete_user;
DROP FUNCTION users.become;
DROP FUNCTION users.set_preferences;
DROP FUNCTION users.update_user;
DROP FUNCTION users.has_credential;
DROP FUNCTION users.take;
DROP FUNCTION users.create_user;
DROP FUNCTION users.texts;
DROP FUNCTION users.check_body;
DROP FUNCTION users.announce;
DROP FUNCTION users.user_text;
DROP FUNCTION users.me;

COMMIT;
