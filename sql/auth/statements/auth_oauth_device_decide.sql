-- auth_oauth_device_decide: what a person says to a device's request
-- lane: write
-- kind: raw
SELECT auth.oauth_device_decide(:tenant, :value.code, :value.user::uuid,
                                :value.browser::uuid, :value.scope,
                                :value.acr, :value.amr::jsonb,
                                to_timestamp(:value.auth_time::bigint))
       AS decided
