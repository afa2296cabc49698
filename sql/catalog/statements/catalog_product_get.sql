-- catalog_product_get: One product with its variants, prices and media
-- returns: Product
SELECT CASE WHEN p.due > now()
            THEN catalog.only(p.document, :query.fields::text[])
            ELSE catalog.only(catalog.product_text(p, now()),
                              :query.fields::text[]) END AS body,
       CASE WHEN p.due > now() THEN p.version
            ELSE p.version + catalog.passed(p.boundaries, now()) END AS version
  FROM catalog.product p
 WHERE p.tenant = :tenant AND p.product_id = :path.productId::uuid
   AND (p.status <> 'draft' OR :scope(catalog:write)::boolean)
