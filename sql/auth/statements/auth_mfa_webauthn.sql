-- auth_mfa_webauthn: a WebAuthn challenge for a login under way
-- lane: write
-- kind: raw
-- tenant: none because nobody is identified; the function enters :value.tenant
SELECT auth.mfa_webauthn(:value.tenant, :value.token, :value.webauthn)
       AS passkeys
