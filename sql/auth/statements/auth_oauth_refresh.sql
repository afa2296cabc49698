-- auth_oauth_refresh: spends a client's refresh token for the next one
-- lane: write
-- kind: raw
SELECT s.outcome, s.user_id, s.session_id, s.scope, s.roles, s.auth_time,
       s.acr, s.amr, s.expires_in, true AS refresh
FROM auth.oauth_refresh(:tenant, :value.hash, :value.refresh, :value.client,
                        :value.agent,
                        make_interval(secs => :value.grace::int),
                        :value.scope, :value.jkt, :value.x5t) s
