-- auth_social_take: what was kept, once
-- lane: write
-- kind: raw
-- tenant: none because nobody is identified; the function enters :value.tenant
SELECT t.nonce, t.verifier, t.user_id
FROM auth.social_take(:value.tenant, :value.state, :value.provider,
                      :value.binding) t
