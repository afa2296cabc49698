-- Verify users:functions

BEGIN;

SELECT 'users.me'::regproc;
SELECT 'users.user_text'::regproc;
SELECT 'users.announce'::regproc;
SELECT 'users.check_body'::regproc;
SELECT 'users.texts'::regproc;
SELECT 'users.create_user'::regproc;
SELECT 'users.take'::regproc;
SELECT 'users.has_credential'::regproc;
SELECT 'users.update_user'::regproc;
SELECT 'users.set_preferences'::regproc;
SELECT 'users.become'::regproc;
SELECT 'users.delete_user'::regproc;

ROLLBACK;
