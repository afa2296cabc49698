-- auth_mfa_login: begins a session or a challenge after a right password
-- lane: write
-- kind: raw
-- tenant: none because nobody is identified; the function enters :value.tenant
SELECT s.session_id, s.scope, s.roles, s.methods, a.acr, a.amr, a.auth_time
FROM auth.mfa_login(:value.tenant, :value.user::uuid, :value.checked,
                    :value.rehashed, :value.client, :value.token,
                    make_interval(secs => :value.lifetime::int),
                    :value.address) s
LEFT JOIN LATERAL auth.session_assurance(:value.tenant, s.session_id) a
       ON true
