-- auth_email_verify: spends the token of such a mail
-- lane: write
-- kind: raw
-- tenant: none because nobody is identified; the function enters :value.tenant
SELECT auth.email_verify(:value.tenant, :value.token) AS done
