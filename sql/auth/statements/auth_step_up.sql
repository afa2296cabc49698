-- auth_step_up: a challenge for the caller's session
-- lane: write
-- kind: raw
SELECT auth.step_up(:tenant, :actor, :value.session, :value.token) AS methods
