-- auth_mfa_failed: the record of a wrong factor
-- lane: write
-- kind: raw
-- tenant: none because nobody is identified; the function enters :value.tenant
SELECT auth.mfa_failed(:value.tenant, :value.user::uuid, :value.method,
                       :value.address)
