-- auth_permission_delete: Delete a permission that no role has
-- lane: write
-- kind: write
SELECT * FROM auth.permission_delete(:tenant, :actor, :path.permission,
                                     :match)
