-- users_delete: Forget a user; the number stays
-- lane: write
-- kind: write
SELECT * FROM users.delete_user(:tenant, :actor, :path.userId::uuid, :match)
