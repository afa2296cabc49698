-- auth_password_current: what the current password is checked against
-- lane: write
-- kind: raw
SELECT p.login, p.password_hash
FROM auth.password_current(:tenant, :actor, :value.session) p
