-- auth_browser_logout: ends the session of a browser's cookie
-- lane: write
-- kind: raw
SELECT auth.browser_logout(:tenant, :value.token)
