-- auth_oauth_code_redeem: spends a code and begins a session at the client
-- lane: write
-- kind: raw
SELECT c.outcome, c.user_id, c.session_id, c.scope, c.roles, c.nonce,
       c.auth_time, c.acr, c.amr, c.refresh, c.expires_in
FROM auth.oauth_code_redeem(:tenant, :value.hash, :value.client,
                            :value.redirect_uri, :value.challenge,
                            :value.jkt, :value.x5t, :value.refresh,
                            make_interval(secs => :value.lifetime::int),
                            :value.address) c
