-- auth_certificate_find: who presents a certificate
-- lane: fast
-- kind: raw
-- tenant: none because nobody is identified; the function enters :value.tenant
SELECT f.id, f.user_id, f.scope, f.expires
FROM auth.certificate_find(:value.tenant, :value.hash) f
