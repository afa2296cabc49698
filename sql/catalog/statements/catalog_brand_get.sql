-- catalog_brand_get: One brand
-- returns: ProductBrand
SELECT catalog.brand_text(b) AS body, b.version
  FROM catalog.brand b
 WHERE b.tenant = :tenant AND b.brand_id = :path.brandId::uuid
