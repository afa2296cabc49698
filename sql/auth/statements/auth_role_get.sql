-- auth_role_get: A role and its permissions
-- returns: Role
SELECT auth.role_text(r) AS body, r.version
  FROM auth.role r
 WHERE r.tenant = :tenant AND r.role = :path.role
