-- users_scim_write: Create, replace, patch or delete a resource of SCIM
-- lane: write
-- kind: raw
SELECT * FROM users.scim_write(:tenant, :actor, :value.kind, :value.verb,
                               :value.id, :value.match, :value.query::jsonb,
                               :value.base, :value.body::jsonb,
                               :value.password_hash)
