-- auth_oauth_code_issue: keeps a code that goes to a client
-- lane: write
-- kind: raw
SELECT auth.oauth_code_issue(:tenant, :value.hash, :value.client,
                             :value.redirect_uri, :value.challenge,
                             :value.nonce, :value.jkt, :value.scope,
                             :value.user::uuid, :value.browser::uuid,
                             to_timestamp(:value.auth_time::bigint),
                             :value.acr, :value.amr::jsonb,
                             make_interval(secs => :value.lifetime::int))
