-- auth_oauth_device_begin: a device asks for a code to show
-- lane: write
-- kind: raw
SELECT auth.oauth_device_begin(:tenant, :value.hash, :value.code,
                               :value.client, :value.scope,
                               make_interval(secs => :value.lifetime::int))
       AS begun
