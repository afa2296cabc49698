-- auth_role_create: Make a role
-- lane: write
-- kind: write
-- returns: Role
SELECT * FROM auth.role_create(:tenant, :actor, :key, :hash, :body::jsonb)
