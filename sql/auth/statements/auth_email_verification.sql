-- auth_email_verification: asks for a mail to the caller's address
-- lane: write
-- kind: raw
SELECT auth.email_verification(:tenant, :actor, :value.hash, :value.token)
