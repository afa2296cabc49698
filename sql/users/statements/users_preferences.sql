-- users_preferences: My preferences
-- returns: Preferences
SELECT json_build_object('preferences', u.preferences)::text AS body, u.version
  FROM users."user" u
 WHERE u.tenant = :tenant AND u.user_id = users.me(:actor)
   AND u.status <> 'deleted'
