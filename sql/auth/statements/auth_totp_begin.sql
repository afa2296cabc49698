-- auth_totp_begin: begins the enrolment of a TOTP
-- lane: write
-- kind: raw
SELECT auth.totp_begin(:tenant, :actor, :value.session,
    make_interval(secs => :value.age::int), :value.secret) AS login
