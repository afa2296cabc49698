-- auth_role_replace: Replace what a role allows
-- lane: write
-- kind: write
-- returns: Role
SELECT * FROM auth.role_replace(:tenant, :actor, :path.role, :match,
                                :body::jsonb)
