-- auth_oauth_revoke: ends the session of a client's token
-- lane: write
-- kind: raw
SELECT auth.oauth_revoke(:tenant, :value.hash, :value.session,
                         :value.client)
