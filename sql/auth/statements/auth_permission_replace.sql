-- auth_permission_replace: Describe a permission anew
-- lane: write
-- kind: write
-- returns: Permission
SELECT * FROM auth.permission_replace(:tenant, :actor, :path.permission,
                                      :match, :body::jsonb)
