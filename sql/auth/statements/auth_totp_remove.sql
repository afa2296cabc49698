-- auth_totp_remove: forgets the TOTP of the caller
-- lane: write
-- kind: write
SELECT * FROM auth.totp_remove(:tenant, :actor, :value.session,
    make_interval(secs => :value.age::int))
