-- auth_oauth_client_save: registers a client or replaces its registration
-- lane: write
-- kind: raw
SELECT c.client_id, c.issued_at
FROM auth.oauth_client_save(:tenant, :value.client, :value.document::jsonb,
                            :value.secret, :value.registration,
                            :value.actor) c
