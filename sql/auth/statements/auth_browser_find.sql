-- auth_browser_find: the session of a browser's cookie
-- lane: fast
-- kind: raw
SELECT b.browser_session_id, b.user_id, b.login, b.complete, b.acr, b.amr,
       b.auth_time, b.factors, b.consent
FROM auth.browser_find(:tenant, :value.token, :value.client) b
