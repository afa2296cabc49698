-- users_create: Register, or create a user
-- lane: write
-- kind: write
-- returns: User
SELECT * FROM users.create_user(:tenant, :actor, :key, :hash,
                                :value.body::jsonb, :value.password_hash,
                                :scope(users:write)::boolean)
