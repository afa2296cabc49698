-- catalog_product_list: Products, by name or age, of a category, brand, …
-- kind: list
-- returns: Product
-- sort: name        t.name_key text, t.product_id uuid
-- sort: -name       t.name_key text, t.product_id uuid
-- sort: createts    t.createts timestamptz, t.product_id uuid
-- sort: -createts   t.createts timestamptz, t.product_id uuid
SELECT CASE WHEN p.due > now() THEN p.document
            ELSE catalog.product_now(p.tenant, p.product_id) END
       /*if query.fields*/ OPERATOR(catalog.->) :query.fields::text[] /*end*/
       AS item
  FROM catalog.product_term t
  JOIN catalog.product p ON p.tenant = t.tenant
                        AND p.product_id = t.product_id
 WHERE t.tenant = :tenant AND p.tenant = :tenant
   -- the narrowest of the filters leads, the others are checked a row; a
   -- subselect, as row-level security keeps a bare coalesce() from the index
   AND t.term = (SELECT coalesce('k:' || :query.sku::text,
                         'g:' || lpad(:query.gtin::text, 14, '0'),
                         'c:' || :query.categoryId::uuid::text,
                         'b:' || :query.brandId::uuid::text,
                         's:' || :query.status::text, ''))
   AND p.terms @> (SELECT array_remove(ARRAY[
                         'g:' || lpad(:query.gtin::text, 14, '0'),
                         'c:' || :query.categoryId::uuid::text,
                         'b:' || :query.brandId::uuid::text,
                         's:' || :query.status::text], NULL))
   AND (p.status <> 'draft' OR :scope(catalog:write)::boolean)
   /*if query.q*/
   AND t.product_id = ANY (catalog.product_find(:tenant, :query.q))
   /*end*/
   /*after*/ /*order*/
