-- auth_oauth_device_find: the device that waits with a user code
-- lane: fast
-- kind: raw
SELECT d.user_code, d.client_id, d.client_name, d.logo_uri, d.scope,
       d.trusted
FROM auth.oauth_device_find(:tenant, :value.code) d
