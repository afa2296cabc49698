-- users_me_update: Change my profile
-- lane: write
-- kind: write
-- returns: User
SELECT * FROM users.update_user(:tenant, :actor, users.me(:actor), :match,
                                :body::jsonb)
