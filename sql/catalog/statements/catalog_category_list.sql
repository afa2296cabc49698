-- catalog_category_list: Categories, all, of a parent, or the roots
-- kind: list
-- returns: ProductCategory
-- sort: name      c.name_key text, c.category_id uuid
-- sort: -name     c.name_key text, c.category_id uuid
-- sort: createts  c.createts timestamptz, c.category_id uuid
SELECT catalog.category_text(c) AS item
  FROM catalog.category c
 WHERE c.tenant = :tenant
   /*if query.parentCategoryId*/
   AND c.parent_category_id = :query.parentCategoryId::uuid
   /*end*/
   /*if query.roots*/
   AND (c.parent_category_id IS NULL) = :query.roots::boolean
   /*end*/
   AND (:query.status::text IS NULL OR c.status = :query.status)
   /*after*/ /*order*/
