-- auth_revocation_load: a page of the marks that are in force
-- lane: fast
-- kind: raw
-- tenant: none because a mark is a digest that tells no tenant
SELECT encode(v.digest, 'hex') AS digest, v.cutoff,
       ceil(extract(epoch FROM v.expires_ts))::bigint AS expires
FROM auth.revocation v
WHERE v.digest > decode(:value.after, 'hex') AND v.expires_ts > now()
ORDER BY v.digest LIMIT 5000
