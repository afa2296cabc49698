-- auth_session_revoke: End a session of the caller
-- lane: write
-- kind: write
SELECT * FROM auth.session_revoke(:tenant, :actor, auth.user_of(:actor),
                                  :path.sessionId::uuid)
