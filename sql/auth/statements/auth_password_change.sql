-- auth_password_change: a new password after the current one was right
-- lane: write
-- kind: raw
SELECT auth.password_change(:tenant, :actor, :value.session, :value.checked,
                            :value.hash) AS done
