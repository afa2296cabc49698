-- auth_browser_start: a first proof was given in a browser
-- lane: write
-- kind: raw
SELECT b.browser_session_id, b.complete
FROM auth.browser_start(:tenant, :value.user::uuid, :value.checked,
                        :value.rehashed, :value.token, :value.old,
                        make_interval(secs => :value.lifetime::int),
                        :value.address, :value.agent, :value.amr,
                        :value.strong::boolean) b
