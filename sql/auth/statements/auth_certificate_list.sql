-- auth_certificate_list: List certificates
-- kind: list
-- returns: Certificate
-- sort: -createts  f.certificate_id uuid
-- sort: createts   f.certificate_id uuid
SELECT auth.certificate_text(f) AS item
  FROM auth.certificate f
 WHERE f.tenant = :tenant /*after*/ /*order*/
