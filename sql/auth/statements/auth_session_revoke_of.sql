-- auth_session_revoke_of: End a session of a user
-- lane: write
-- kind: write
SELECT * FROM auth.session_revoke(:tenant, :actor, :path.userId::uuid,
                                  :path.sessionId::uuid)
