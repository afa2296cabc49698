-- auth_permission_list: List the permissions of the tenant's own
-- kind: list
-- returns: Permission
-- sort: permission   p.permission text
-- sort: -permission  p.permission text
SELECT auth.permission_text(p) AS item
  FROM auth.permission p
 WHERE p.tenant = :tenant /*after*/ /*order*/
