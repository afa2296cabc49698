-- auth_key_used: the last use of an API key or a certificate
-- lane: write
-- kind: raw
-- tenant: none because it is done for nobody; the function enters :value.tenant
SELECT auth.key_used(:value.tenant, :value.id::uuid)
