-- users_list: Users, by name or age
-- kind: list
-- returns: User
-- sort: name       u.name_key text, u.user_id uuid
-- sort: -name      u.name_key text, u.user_id uuid
-- sort: createts   u.createts timestamptz, u.user_id uuid
-- sort: -createts  u.createts timestamptz, u.user_id uuid
SELECT users.user_text(u) AS item
  FROM users."user" u
 WHERE u.tenant = :tenant
   AND (u.status = :query.status
        OR :query.status::text IS NULL AND u.status <> 'deleted')
   /*if query.email*/
   AND u.email_key = lower(:query.email COLLATE "und-x-icu") COLLATE "C"
   /*end*/
   /*if query.externalRef*/ AND u.external_ref = :query.externalRef /*end*/
   /*after*/ /*order*/
