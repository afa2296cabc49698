-- auth_password_forgot: asks for a mail with a reset token, if it may be
-- lane: write
-- kind: raw
-- tenant: none because nobody is identified; the function enters :value.tenant
SELECT auth.password_forgot(:value.tenant, :value.login, :value.hash,
                            :value.token)
