-- users_me_export: All that is kept of me
-- lane: lease
-- kind: write
-- returns: PersonalData
SELECT * FROM users.export_user(:tenant, :actor, users.me(:actor))
