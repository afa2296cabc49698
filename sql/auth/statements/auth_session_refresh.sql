-- auth_session_refresh: spends a refresh token for the next one
-- lane: write
-- kind: raw
-- tenant: none because nobody is identified; the function enters :value.tenant
SELECT s.outcome, s.user_id, s.session_id, s.scope, s.roles, s.expires_in,
       a.acr, a.amr, a.auth_time
FROM auth.session_refresh(:value.tenant, :value.token, :value.next,
                          :value.client, :value.agent,
                          make_interval(secs => :value.grace::int)) s
LEFT JOIN LATERAL auth.session_assurance(:value.tenant, s.session_id) a
       ON true
