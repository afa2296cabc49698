-- auth_totp_pending: the secret that waits for its first code
-- lane: write
-- kind: raw
SELECT auth.totp_pending(:tenant, :actor) AS secret
