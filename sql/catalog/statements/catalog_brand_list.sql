-- catalog_brand_list: Brands, by name or age
-- kind: list
-- returns: ProductBrand
-- sort: name       b.name_key text, b.brand_id uuid
-- sort: -name      b.name_key text, b.brand_id uuid
-- sort: createts   b.createts timestamptz, b.brand_id uuid
-- sort: -createts  b.createts timestamptz, b.brand_id uuid
SELECT catalog.brand_text(b) AS item
  FROM catalog.brand b
 WHERE b.tenant = :tenant
   /*if query.q*/
   AND b.name_key >= lower(:query.q COLLATE "und-x-icu") COLLATE "C"
   AND b.name_key < (lower(:query.q COLLATE "und-x-icu")
                     || U&'\+10FFFF') COLLATE "C"
   /*end*/
   AND (:query.status::text IS NULL OR b.status = :query.status)
   /*after*/ /*order*/
