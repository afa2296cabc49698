-- auth_mfa_open: an attempt at a challenge, with what it is checked against
-- lane: write
-- kind: raw
-- tenant: none because nobody is identified; the function enters :value.tenant
SELECT c.purpose, c.user_id, c.secret, c.webauthn, c.public_key, c.alg,
       c.passkey_user
FROM auth.mfa_open(:value.tenant, :value.token, :value.credential) c
