-- Verify users:tables

BEGIN;

SELECT tenant, user_id, email, email_key, given_name, family_name,
       display_name, company, phone, name_key, external_ref, status, roles,
       locale, time_zone, profile, preferences, enterprise_code, version,
       createts, modifyts
  FROM users."user" WHERE false;

ROLLBACK;
