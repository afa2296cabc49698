-- catalog_product_get: One product with its variants, prices and media
-- returns: Product
SELECT CASE WHEN p.due > now() THEN p.document
            ELSE catalog.product_now(p.tenant, p.product_id) END
       /*if query.fields*/
       OPERATOR(catalog.->) :query.fields::text[]
       /*end*/
       AS body,
       CASE WHEN p.due > now() THEN p.version
            ELSE p.version + catalog.passed(p.boundaries, now()) END AS version
  FROM catalog.product p
 WHERE p.tenant = :tenant AND p.product_id = :path.productId::uuid
   AND (p.status <> 'draft' OR :scope(catalog:write)::boolean)
