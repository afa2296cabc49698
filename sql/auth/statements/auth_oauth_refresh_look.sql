-- auth_oauth_refresh_look: a refresh token, for introspection
-- lane: fast
-- kind: raw
SELECT t.sub, t.sid, t.scope, t.iat, t.exp
FROM auth.oauth_refresh_look(:tenant, :value.hash, :value.client) t
