-- auth_session_start: begins a session after the password was right
-- lane: write
-- kind: raw
-- tenant: none because nobody is identified; the function enters :value.tenant
SELECT s.session_id, s.scope, s.roles
FROM auth.session_start(:value.tenant, :value.user::uuid, :value.checked,
                        :value.rehashed, :value.client, :value.token,
                        make_interval(secs => :value.lifetime::int),
                        :value.address) s
