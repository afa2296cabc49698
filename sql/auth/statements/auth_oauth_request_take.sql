-- auth_oauth_request_take: uses a pushed authorization request
-- lane: write
-- kind: raw
SELECT q.parameters
FROM auth.oauth_request_take(:tenant, :value.hash, :value.client) q
