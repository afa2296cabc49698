-- catalog_price_list: The prices of a variant: past, present and to come
-- kind: list
-- returns: Price
-- sort: channel  p.channel text, p.currency text, p.validfrom timestamptz
SELECT p.item AS item
  FROM (SELECT x.tenant, x.variant_id, x.channel,
               x.currency::text AS currency,
               lower(x.validity) AS validfrom, catalog.price_text(x) AS item
          FROM catalog.price x
          JOIN catalog.variant v ON v.tenant = x.tenant
                                AND v.variant_id = x.variant_id
         WHERE x.tenant = :tenant AND v.tenant = :tenant
           AND x.variant_id = :path.variantId::uuid
           AND v.product_id = :path.productId::uuid) p
 WHERE p.tenant = :tenant
   /*after*/ /*order*/
