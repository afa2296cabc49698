-- auth_oauth_client_delete: a client takes itself out
-- lane: write
-- kind: raw
SELECT auth.oauth_client_delete(:tenant, :value.client)
