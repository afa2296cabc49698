-- auth_recovery_renew: new recovery codes in place of the old
-- lane: write
-- kind: raw
SELECT auth.recovery_renew(:tenant, :actor, :value.session,
    make_interval(secs => :value.age::int), :value.codes::text[])
