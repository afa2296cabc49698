-- Verify users:scim

BEGIN;

SELECT user_name, user_name_key, scim FROM users."user" WHERE false;
SELECT tenant, role, display_name, external_id FROM users.scim_group
 WHERE false;
SELECT 'users.scim_key_of'::regproc;
SELECT 'users.scim_values'::regproc;
SELECT 'users.scim_match'::regproc;
SELECT 'users.scim_candidates'::regproc;
SELECT 'users.scim_user'::regproc;
SELECT 'users.scim_group_doc'::regproc;
SELECT 'users.scim_project'::regproc;
SELECT 'users.scim_get'::regproc;
SELECT 'users.scim_list'::regproc;

ROLLBACK;
