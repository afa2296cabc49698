-- auth_certificate_delete: A certificate stands for nobody any more
-- lane: write
-- kind: write
SELECT * FROM auth.certificate_delete(:tenant, :actor,
                                      :path.certificateId::uuid)
