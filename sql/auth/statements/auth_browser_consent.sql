-- auth_browser_consent: what a user allows to a client
-- lane: write
-- kind: raw
SELECT auth.consent_give(:tenant, :value.user::uuid, :value.client,
                         :value.scope)
