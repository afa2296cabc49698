-- auth_totp_confirm: the first code was right
-- lane: write
-- kind: raw
SELECT auth.totp_confirm(:tenant, :actor, :value.session,
    make_interval(secs => :value.age::int), :value.secret,
    :value.step::bigint, :value.codes::text[]) AS codes
