-- auth_passkey_take: the challenge of a registration, once
-- lane: write
-- kind: raw
SELECT auth.passkey_take(:tenant, :actor, :value.session, :value.token)
       AS webauthn
