-- auth_api_key_revoke: Revoke an API key of the caller
-- lane: write
-- kind: write
SELECT * FROM auth.api_key_revoke(:tenant, :actor, auth.user_of(:actor),
                                  :path.keyId::uuid)
