-- auth_oauth_session_open: whether the session of a token is open
-- lane: fast
-- kind: raw
SELECT auth.oauth_session_open(:tenant, :value.session, :value.subject)
       AS open
