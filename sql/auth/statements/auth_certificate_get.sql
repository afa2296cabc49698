-- auth_certificate_get: A certificate and whom it stands for
-- returns: Certificate
SELECT auth.certificate_text(f) AS body
  FROM auth.certificate f
 WHERE f.tenant = :tenant AND f.certificate_id = :path.certificateId::uuid
