-- auth_mfa_finish: begins or raises a session after a right factor
-- lane: write
-- kind: raw
-- tenant: none because nobody is identified; the function enters :value.tenant
SELECT s.outcome, s.user_id, s.session_id, s.scope, s.roles, s.expires_in,
       a.acr, a.amr, a.auth_time
FROM auth.mfa_finish(:value.tenant, :value.token, :value.method,
                     :value.proof, :value.count::bigint,
                     :value.backed_up::boolean, :value.verified::boolean,
                     :value.refresh,
                     make_interval(secs => :value.lifetime::int),
                     :value.address) s
LEFT JOIN LATERAL auth.session_assurance(:value.tenant, s.session_id) a
       ON true
