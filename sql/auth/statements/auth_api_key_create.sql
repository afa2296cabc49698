-- auth_api_key_create: Make an API key
-- lane: write
-- kind: raw
-- returns: ApiKey
SELECT k.fresh, k.status, k.version, k.location, k.body_text AS body
FROM auth.api_key_create(:tenant, :actor, :key, :hash, :value.granted,
                         :value.prefix, :value.stored, :body::jsonb) k
