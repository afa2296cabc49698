
/* The catalog: products, variants, prices, media, categories, brands. */

#include <carmen.h>

#include "carmen_catalog_fields.h"
#include "catalog_statements.h"


static const char *const  product_create_problems[] = {
    "unknown-reference", "duplicate-sku", "duplicate-gtin", "price-overlap",
    "product-not-priced", NULL
};

static const char *const  product_update_problems[] = {
    "unknown-reference", "duplicate-gtin", "product-archived", NULL
};

static const char *const  product_verb_problems[] = {
    "illegal-transition", NULL
};

static const char *const  product_sale_problems[] = {
    "illegal-transition", "product-not-priced", NULL
};

static const char *const  product_delete_problems[] = {
    "product-in-use", NULL
};

static const char *const  variant_problems[] = {
    "duplicate-sku", "price-overlap", "product-archived", NULL
};

static const char *const  variant_delete_problems[] = {
    "product-in-use", "product-archived", NULL
};

static const char *const  price_problems[] = {
    "price-overlap", "product-archived", NULL
};

static const char *const  part_problems[] = { "product-archived", NULL };

static const char *const  category_problems[] = {
    "unknown-reference", "duplicate-name", NULL
};

static const char *const  category_delete_problems[] = {
    "category-in-use", NULL
};

static const char *const  brand_problems[] = { "duplicate-name", NULL };

static const char *const  brand_delete_problems[] = { "brand-in-use", NULL };


#define PRODUCT   "/products/{productId:uuid}"
#define VARIANT   PRODUCT "/variants/{variantId:uuid}"
#define PRICE     VARIANT "/prices/{priceId:uuid}"
#define MEDIA     PRODUCT "/media/{mediaId:uuid}"
#define CATEGORY  "/categories/{categoryId:uuid}"
#define BRAND     "/brands/{brandId:uuid}"


static const carmen_route_t  catalog_routes[] = {

    /* products */

    { CARMEN_GET, "/products", "catalog:read", &catalog_product_list,
      NULL, carmen_catalog_product_list },

    { CARMEN_POST, "/products", "catalog:write", &catalog_product_create,
      carmen_catalog_product_create, NULL, CARMEN_CREATES,
      .problems = product_create_problems },

    { CARMEN_POST, "/products/bulk", "catalog:write", &catalog_product_bulk,
      carmen_catalog_product_bulk, NULL, CARMEN_CREATES, .status = 200 },

    { CARMEN_GET, PRODUCT, "catalog:read", &catalog_product_get,
      NULL, carmen_catalog_product_get },

    { CARMEN_PATCH, PRODUCT, "catalog:write", &catalog_product_update,
      carmen_catalog_product_update, NULL, CARMEN_VERSIONED,
      .problems = product_update_problems },

    { CARMEN_DELETE, PRODUCT, "catalog:write", &catalog_product_delete,
      NULL, NULL, CARMEN_MATCHES, .status = 204,
      .problems = product_delete_problems },

    { CARMEN_POST, PRODUCT "/publish", "catalog:write",
      &catalog_product_publish, NULL, NULL, CARMEN_KEYED,
      .problems = product_sale_problems },

    { CARMEN_POST, PRODUCT "/deactivate", "catalog:write",
      &catalog_product_deactivate, NULL, NULL, CARMEN_KEYED,
      .problems = product_verb_problems },

    { CARMEN_POST, PRODUCT "/activate", "catalog:write",
      &catalog_product_activate, NULL, NULL, CARMEN_KEYED,
      .problems = product_sale_problems },

    { CARMEN_POST, PRODUCT "/archive", "catalog:write",
      &catalog_product_archive, NULL, NULL, CARMEN_KEYED,
      .problems = product_verb_problems },

    /* variants */

    { CARMEN_GET, PRODUCT "/variants", "catalog:read",
      &catalog_variant_list },

    { CARMEN_POST, PRODUCT "/variants", "catalog:write",
      &catalog_variant_create, carmen_catalog_variant_create, NULL,
      CARMEN_CREATES, .problems = variant_problems },

    { CARMEN_GET, VARIANT, "catalog:read", &catalog_variant_get },

    { CARMEN_PATCH, VARIANT, "catalog:write", &catalog_variant_update,
      carmen_catalog_variant_update, NULL, CARMEN_VERSIONED,
      .problems = variant_problems },

    { CARMEN_DELETE, VARIANT, "catalog:write", &catalog_variant_delete,
      NULL, NULL, CARMEN_MATCHES, .status = 204,
      .problems = variant_delete_problems },

    /* prices */

    { CARMEN_GET, VARIANT "/prices", "catalog:read", &catalog_price_list },

    { CARMEN_POST, VARIANT "/prices", "catalog:write",
      &catalog_price_create, carmen_catalog_price_create, NULL,
      CARMEN_CREATES, .problems = price_problems },

    { CARMEN_GET, PRICE, "catalog:read", &catalog_price_get },

    { CARMEN_PUT, PRICE, "catalog:write", &catalog_price_replace,
      carmen_catalog_price_replace, NULL, CARMEN_VERSIONED,
      .problems = price_problems },

    { CARMEN_DELETE, PRICE, "catalog:write", &catalog_price_delete,
      NULL, NULL, CARMEN_MATCHES, .status = 204,
      .problems = part_problems },

    /* media */

    { CARMEN_GET, PRODUCT "/media", "catalog:read", &catalog_media_list },

    { CARMEN_POST, PRODUCT "/media", "catalog:write", &catalog_media_create,
      carmen_catalog_media_create, NULL, CARMEN_CREATES,
      .problems = part_problems },

    { CARMEN_GET, MEDIA, "catalog:read", &catalog_media_get },

    { CARMEN_PATCH, MEDIA, "catalog:write", &catalog_media_update,
      carmen_catalog_media_update, NULL, CARMEN_VERSIONED,
      .problems = part_problems },

    { CARMEN_DELETE, MEDIA, "catalog:write", &catalog_media_delete,
      NULL, NULL, CARMEN_MATCHES, .status = 204,
      .problems = part_problems },

    /* categories */

    { CARMEN_GET, "/categories", "catalog:read", &catalog_category_list,
      NULL, carmen_catalog_category_list },

    { CARMEN_POST, "/categories", "catalog:write", &catalog_category_create,
      carmen_catalog_category_create, NULL, CARMEN_CREATES,
      .problems = category_problems },

    { CARMEN_GET, CATEGORY, "catalog:read", &catalog_category_get },

    { CARMEN_PATCH, CATEGORY, "catalog:write", &catalog_category_update,
      carmen_catalog_category_update, NULL, CARMEN_VERSIONED,
      .problems = category_problems },

    { CARMEN_DELETE, CATEGORY, "catalog:write", &catalog_category_delete,
      NULL, NULL, CARMEN_MATCHES, .status = 204,
      .problems = category_delete_problems },

    /* brands */

    { CARMEN_GET, "/brands", "catalog:read", &catalog_brand_list,
      NULL, carmen_catalog_brand_list },

    { CARMEN_POST, "/brands", "catalog:write", &catalog_brand_create,
      carmen_catalog_brand_create, NULL, CARMEN_CREATES,
      .problems = brand_problems },

    { CARMEN_GET, BRAND, "catalog:read", &catalog_brand_get },

    { CARMEN_PATCH, BRAND, "catalog:write", &catalog_brand_update,
      carmen_catalog_brand_update, NULL, CARMEN_VERSIONED,
      .problems = brand_problems },

    { CARMEN_DELETE, BRAND, "catalog:write", &catalog_brand_delete,
      NULL, NULL, CARMEN_MATCHES, .status = 204,
      .problems = brand_delete_problems },

    CARMEN_ROUTES_END
};


static const carmen_problem_t  catalog_problems[] = {
    { "duplicate-sku", 409, "SKU taken",
      "Another variant of the tenant has this SKU (\"sku\")." },

    { "duplicate-gtin", 409, "GTIN taken",
      "Another product of the tenant has this GTIN (\"gtin\"); numbers that "
      "differ in leading zeros are the same." },

    { "duplicate-name", 409, "Name taken",
      "Another brand, or another category below the same parent, has this "
      "name (\"name\"); capitals do not count." },

    { "price-overlap", 409, "Prices overlap",
      "Another price of the same channel and currency holds at a time of "
      "this one (\"priceId\", \"validFrom\", \"validTo\").  End it first, or "
      "send \"supersede\": true." },

    { "product-not-priced", 409, "Product has no price",
      "A product can be sold only when one of its active variants has a "
      "price now." },

    { "product-archived", 409, "Product is archived",
      "An archived product, its variants, prices and media stay as they "
      "are." },

    { "product-in-use", 409, "Product is in use",
      "Open orders name the product or the variant.  Take it off sale "
      "instead." },

    { "category-in-use", 409, "Category is in use",
      "Products or other categories stand in the category." },

    { "brand-in-use", 409, "Brand is in use",
      "Products carry the brand." },

    CARMEN_PROBLEMS_END
};


static carmen_domain_t  catalog_domain = {
    ngx_string("catalog"),
    "Products, their variants, prices and media; categories and brands.",
    catalog_routes, carmen_catalog_entities, catalog_problems,
    catalog_statements
};

CARMEN_DOMAIN_MODULE(catalog, &catalog_domain);
