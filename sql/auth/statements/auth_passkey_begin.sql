-- auth_passkey_begin: a challenge for whoever has a passkey
-- lane: write
-- kind: raw
-- tenant: none because nobody is identified; the function enters :value.tenant
SELECT auth.passkey_begin(:value.tenant, :value.token, :value.client,
                          :value.webauthn)
