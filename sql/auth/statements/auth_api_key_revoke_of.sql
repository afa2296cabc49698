-- auth_api_key_revoke_of: Revoke an API key of a user
-- lane: write
-- kind: write
SELECT * FROM auth.api_key_revoke(:tenant, :actor, :path.userId::uuid,
                                  :path.keyId::uuid)
