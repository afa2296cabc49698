-- auth_oauth_client_find: a client and how it proves who it is
-- lane: fast
-- kind: raw
SELECT c.client FROM auth.oauth_client_find(:tenant, :value.client) c
