-- auth_api_key_find: who presents an API key
-- lane: fast
-- kind: raw
-- tenant: none because nobody is identified; the function enters :value.tenant
SELECT k.id, k.user_id, k.scope, k.expires
FROM auth.api_key_find(:value.tenant, :value.hash) k
