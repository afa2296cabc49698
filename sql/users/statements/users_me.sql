-- users_me: Who I am
-- returns: User
SELECT users.user_text(u) AS body, u.version
  FROM users."user" u
 WHERE u.tenant = :tenant AND u.user_id = users.me(:actor)
   AND u.status <> 'deleted'
