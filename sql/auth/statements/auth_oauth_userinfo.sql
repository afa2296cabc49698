-- auth_oauth_userinfo: the claims about a user whose session is open
-- lane: fast
-- kind: raw
SELECT auth.oauth_userinfo(:tenant, :value.user::text::uuid, :value.scope)
       AS claims
WHERE auth.oauth_session_open(:tenant, :value.session, :value.user::text)
