-- auth_sessions_revoke_of: End all sessions of a user
-- lane: write
-- kind: write
-- returns: Revoked
SELECT * FROM auth.sessions_revoke(:tenant, :actor, :path.userId::uuid,
                                   false, NULL)
