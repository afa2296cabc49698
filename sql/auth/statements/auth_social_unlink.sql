-- auth_social_unlink: unties an account elsewhere
-- lane: write
-- kind: write
SELECT * FROM auth.social_unlink(:tenant, :actor, :path.provider)
