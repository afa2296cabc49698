-- auth_role_list: List roles
-- kind: list
-- returns: Role
-- sort: role   r.role text
-- sort: -role  r.role text
SELECT auth.role_text(r) AS item
  FROM auth.role r
 WHERE r.tenant = :tenant /*after*/ /*order*/
