-- users_suspend: Keep a user from logging in
-- lane: write
-- kind: write
-- returns: User
SELECT * FROM users.become(:tenant, :actor, :key, :hash,
                           :path.userId::uuid, 'suspended')
