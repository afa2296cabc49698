-- auth_oauth_request_push: keeps a pushed authorization request
-- lane: write
-- kind: raw
SELECT auth.oauth_request_push(:tenant, :value.hash, :value.client,
                               :value.parameters::jsonb,
                               make_interval(secs => :value.lifetime::int))
