-- auth_permission_get: A permission
-- returns: Permission
SELECT auth.permission_text(p) AS body, p.version
  FROM auth.permission p
 WHERE p.tenant = :tenant AND p.permission = :path.permission
