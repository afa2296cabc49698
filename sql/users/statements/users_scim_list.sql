-- users_scim_list: A page of resources of SCIM, filtered and sorted
-- kind: raw
SELECT * FROM users.scim_list(:tenant, :value.kind, :value.query::jsonb,
                              :value.base)
