-- auth_sessions_revoke: End all sessions of the caller, or all others
-- lane: write
-- kind: write
-- returns: Revoked
SELECT * FROM auth.sessions_revoke(:tenant, :actor, auth.user_of(:actor), true,
    CASE WHEN :body.exceptCurrent::boolean THEN :value.session END)
