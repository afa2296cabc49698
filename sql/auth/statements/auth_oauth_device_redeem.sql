-- auth_oauth_device_redeem: a device asks whether it may go on
-- lane: write
-- kind: raw
SELECT d.outcome, d.user_id, d.session_id, d.scope, d.roles, d.auth_time,
       d.acr, d.amr, d.refresh, d.expires_in
FROM auth.oauth_device_redeem(:tenant, :value.hash, :value.client,
                              :value.jkt, :value.x5t, :value.refresh,
                              make_interval(secs => :value.lifetime::int),
                              :value.address) d
