-- users_activate: Let a suspended user log in again
-- lane: write
-- kind: write
-- returns: User
SELECT * FROM users.become(:tenant, :actor, :key, :hash,
                           :path.userId::uuid, 'active')
