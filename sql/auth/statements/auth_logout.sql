-- auth_logout: ends the session of the token
-- lane: write
-- kind: write
SELECT * FROM auth.logout(:tenant, :actor, :value.session)
