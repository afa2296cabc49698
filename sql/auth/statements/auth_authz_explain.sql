-- auth_authz_explain: Say why somebody has a permission, or not
-- returns: AuthorizationReason
SELECT auth.authz(:tenant, :actor, :value.granted,
                  :scope(users:read)::boolean, :body.subject,
                  :body.permission)::text AS body
