-- Revert users:scim

BEGIN;

DROP FUNCTION users.scim_list;
DROP FUNCTION users.scim_get;
DROP FUNCTION users.scim_project;
DROP FUNCTION users.scim_group_doc;
DROP FUNCTION users.scim_user;
DROP FUNCTION users.scim_contacts;
DROP FUNCTION users.scim_user_name;
DROP FUNCTION users.scim_candidates;
DROP FUNCTION users.scim_index;
DROP FUNCTION users.scim_match;
DROP FUNCTION users.scim_compare;
DROP FUNCTION users.scim_time;
DROP FUNCTION users.scim_values;
DROP FUNCTION users.scim_key_of;
DROP TYPE users.scim_reply;
DROP TABLE users.scim_group;
ALTER TABLE users."user" DROP user_name, DROP user_name_key, DROP scim;

COMMIT;
