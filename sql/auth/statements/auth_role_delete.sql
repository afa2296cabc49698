-- auth_role_delete: Delete a role that nobody has
-- lane: write
-- kind: write
SELECT * FROM auth.role_delete(:tenant, :actor, :path.role, :match)
