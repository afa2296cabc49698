-- auth_social_begin: keeps what must be the same when the browser comes back
-- lane: write
-- kind: raw
-- tenant: none because nobody is identified; the function enters :value.tenant
SELECT auth.social_begin(:value.tenant, :value.state, :value.provider,
                         :value.binding, :value.nonce, :value.verifier,
                         :value.user::uuid)
