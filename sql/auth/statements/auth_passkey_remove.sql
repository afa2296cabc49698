-- auth_passkey_remove: forgets a passkey of the caller
-- lane: write
-- kind: write
SELECT * FROM auth.passkey_remove(:tenant, :actor, :value.session,
    make_interval(secs => :value.age::int), :path.passkeyId::uuid)
