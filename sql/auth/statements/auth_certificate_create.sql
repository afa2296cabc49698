-- auth_certificate_create: Let a certificate stand for a user
-- lane: write
-- kind: write
-- returns: Certificate
SELECT * FROM auth.certificate_create(:tenant, :actor, :key, :hash,
                                      :body::jsonb)
