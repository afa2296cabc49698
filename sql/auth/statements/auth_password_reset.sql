-- auth_password_reset: spends a reset token for a new password
-- lane: write
-- kind: raw
-- tenant: none because nobody is identified; the function enters :value.tenant
SELECT auth.password_reset(:value.tenant, :value.token, :value.hash) AS done
