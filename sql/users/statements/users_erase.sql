-- users_erase: Forget a person in all domains
-- lane: write
-- kind: write
SELECT * FROM users.erase_user(:tenant, :actor, :key, :hash,
                               :path.userId::uuid)
