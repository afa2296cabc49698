-- auth_passkey_enrol: begins the registration of a passkey
-- lane: write
-- kind: raw
SELECT e.user_id, e.login, e.passkeys
FROM auth.passkey_enrol(:tenant, :actor, :value.session,
                        make_interval(secs => :value.age::int),
                        :value.token, :value.webauthn) e
