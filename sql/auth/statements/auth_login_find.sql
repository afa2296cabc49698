-- auth_login_find: what a password is checked against
-- lane: fast
-- kind: raw
-- tenant: none because nobody is identified; the function enters :value.tenant
SELECT c.user_id, c.password_hash, c.disabled
FROM auth.login_find(:value.tenant, :value.login) c
