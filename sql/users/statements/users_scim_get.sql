-- users_scim_get: One resource of SCIM
-- kind: raw
SELECT * FROM users.scim_get(:tenant, :value.kind, :value.id,
                             :value.query::jsonb, :value.base)
