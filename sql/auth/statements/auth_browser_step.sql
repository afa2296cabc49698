-- auth_browser_step: a second proof was given in a browser
-- lane: write
-- kind: raw
SELECT b.browser_session_id
FROM auth.browser_step(:tenant, :value.old, :value.token,
                       make_interval(secs => :value.lifetime::int),
                       :value.amr) b
