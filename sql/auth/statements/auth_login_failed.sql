-- auth_login_failed: the record of a refused login
-- lane: write
-- kind: raw
-- tenant: none because nobody is identified; the function enters :value.tenant
SELECT auth.login_failed(:value.tenant, :value.user::uuid, :value.address)
