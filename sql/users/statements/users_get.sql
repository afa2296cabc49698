-- users_get: One user
-- returns: User
SELECT users.user_text(u) AS body, u.version
  FROM users."user" u
 WHERE u.tenant = :tenant AND u.user_id = :path.userId::uuid
   AND u.status <> 'deleted'
