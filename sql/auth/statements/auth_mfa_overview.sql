-- auth_mfa_overview: What the caller has enrolled as second factors
-- returns: Factors
SELECT o.body FROM auth.mfa_overview(:tenant, :actor) AS o (body)
WHERE o.body IS NOT NULL
