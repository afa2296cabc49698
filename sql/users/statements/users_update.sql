-- users_update: Change a user, roles included
-- lane: write
-- kind: write
-- returns: User
SELECT * FROM users.update_user(:tenant, :actor, :path.userId::uuid, :match,
                                :body::jsonb)
