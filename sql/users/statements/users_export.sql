-- users_export: All that is kept of a user
-- lane: lease
-- kind: write
-- returns: PersonalData
SELECT * FROM users.export_user(:tenant, :actor, :path.userId::uuid)
