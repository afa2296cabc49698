-- Verify users:scim_write

BEGIN;

SELECT 'users.scim_clean'::regproc;
SELECT 'users.scim_put'::regproc;
SELECT 'users.scim_primary'::regproc;
SELECT 'users.scim_apply_each'::regproc;
SELECT 'users.scim_apply'::regproc;
SELECT 'users.scim_patch'::regproc;
SELECT 'users.scim_main'::regproc;
SELECT 'users.scim_refuse'::regproc;
SELECT 'users.scim_check'::regproc;
SELECT 'users.scim_fill'::regproc;
SELECT 'users.scim_create_user'::regproc;
SELECT 'users.scim_change_user'::regproc;
SELECT 'users.scim_members'::regproc;
SELECT 'users.scim_role_of'::regproc;
SELECT 'users.scim_set_group'::regproc;
SELECT 'users.scim_take_group'::regproc;
SELECT 'users.scim_delete_group'::regproc;
SELECT 'users.scim_write'::regproc;

ROLLBACK;
