-- users_preferences_set: Replace my preferences
-- lane: write
-- kind: write
-- returns: Preferences
SELECT * FROM users.set_preferences(:tenant, :actor, users.me(:actor),
                                    :match, :body::jsonb)
