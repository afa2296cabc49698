-- auth_permission_create: Make a permission
-- lane: write
-- kind: write
-- returns: Permission
SELECT * FROM auth.permission_create(:tenant, :actor, :key, :hash,
                                     :body::jsonb)
