
#include "carmen_catalog_fields.h"


#define CARMEN_CATALOG_AMOUNT_MAX  999999999999999


static const char *const  product_states[] = {
    "draft", "active", "inactive", "archived", NULL
};

static const char *const  product_first_states[] = { "draft", "active", NULL };

static const char *const  on_off[] = { "active", "inactive", NULL };

static const char *const  media_types[] = {
    "image", "video", "document", "model", NULL
};

static const char *const  product_members[] = {
    "productId", "name", "description", "brandId", "categoryId", "status",
    "gtin", "attributes", "variants", "media", "version", "createdDate",
    "modifiedDate", NULL
};


/* prices */

static const carmen_field_t  money_fields[] = {
    { "amount", CARMEN_INTEGER, CARMEN_REQUIRED, 0, CARMEN_CATALOG_AMOUNT_MAX,
      .doc = "In minor units of the currency.", .example = "1999" },
    { "currency", CARMEN_CURRENCY, CARMEN_REQUIRED, .example = "\"EUR\"" },
    CARMEN_FIELDS_END
};

const carmen_field_t  carmen_catalog_price_create[] = {
    { "channel", CARMEN_CODE, 0, 1, 64,
      .doc = "Where the price holds; \"default\" when it is not given." },
    { "amount", CARMEN_INTEGER, CARMEN_REQUIRED, 0, CARMEN_CATALOG_AMOUNT_MAX,
      .doc = "In minor units of the currency.", .example = "1999" },
    { "currency", CARMEN_CURRENCY, CARMEN_REQUIRED, .example = "\"EUR\"" },
    { "validFrom", CARMEN_TIMESTAMP, 0,
      .doc = "From when on; from now on when it is not given." },
    { "validTo", CARMEN_TIMESTAMP, CARMEN_NULLABLE,
      .doc = "Until before when; without end when it is not given." },
    { "supersede", CARMEN_BOOLEAN, 0,
      .doc = "Ends the price that has no end, when this one begins." },
    CARMEN_FIELDS_END
};

const carmen_field_t  carmen_catalog_price_replace[] = {
    { "channel", CARMEN_CODE, 0, 1, 64 },
    { "amount", CARMEN_INTEGER, CARMEN_REQUIRED, 0,
      CARMEN_CATALOG_AMOUNT_MAX },
    { "currency", CARMEN_CURRENCY, CARMEN_REQUIRED },
    { "validFrom", CARMEN_TIMESTAMP, 0,
      .doc = "Stays as it is when it is not given." },
    { "validTo", CARMEN_TIMESTAMP, CARMEN_NULLABLE },
    CARMEN_FIELDS_END
};

static const carmen_field_t  price_fields[] = {
    { "priceId", CARMEN_UUID, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "variantId", CARMEN_UUID, CARMEN_READ_ONLY },
    { "channel", CARMEN_CODE, CARMEN_REQUIRED },
    { "amount", CARMEN_INTEGER, CARMEN_REQUIRED, 0,
      CARMEN_CATALOG_AMOUNT_MAX },
    { "currency", CARMEN_CURRENCY, CARMEN_REQUIRED },
    { "validFrom", CARMEN_TIMESTAMP, CARMEN_REQUIRED },
    { "validTo", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_NULLABLE },
    { "version", CARMEN_INTEGER, CARMEN_READ_ONLY },
    CARMEN_FIELDS_END
};

static const carmen_field_t  price_create_item = {
    "price", CARMEN_OBJECT, .fields = carmen_catalog_price_create
};

static const carmen_field_t  price_item = {
    "price", CARMEN_OBJECT, .fields = price_fields
};


/* variants */

#define CARMEN_CATALOG_VARIANT(flags, null)                                   \
    { "sku", CARMEN_CODE, flags, 1, 64,                                       \
      .doc = "Unique in the tenant; the itemId of stock and of orders.",      \
      .example = "\"MUG-WHITE\"" },                                           \
    { "name", CARMEN_STRING, null, 1, 200 },                                  \
    { "attributes", CARMEN_OBJECT, 0,                                         \
      .doc = "Free; replaced as a whole.",                                    \
      .example = "{\"color\":\"white\"}" },                                   \
    { "status", CARMEN_ENUM, 0, .values = on_off },                           \
    { "sortOrder", CARMEN_INTEGER, 0, 0, 1000000 }

const carmen_field_t  carmen_catalog_variant_create[] = {
    CARMEN_CATALOG_VARIANT(CARMEN_REQUIRED, CARMEN_NULLABLE),
    { "price", CARMEN_OBJECT, 0, .fields = money_fields,
      .doc = "From now on, in the channel \"default\"." },
    { "prices", CARMEN_ARRAY, 0, 1, 50, .item = &price_create_item },
    CARMEN_FIELDS_END
};

const carmen_field_t  carmen_catalog_variant_update[] = {
    CARMEN_CATALOG_VARIANT(0, CARMEN_NULLABLE),
    { "price", CARMEN_OBJECT, 0, .fields = money_fields,
      .doc = "From now on, in the channel \"default\"; supersedes the price "
             "that has no end." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  variant_fields[] = {
    { "variantId", CARMEN_UUID, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "productId", CARMEN_UUID, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    CARMEN_CATALOG_VARIANT(CARMEN_REQUIRED, CARMEN_REQUIRED|CARMEN_NULLABLE),
    { "price", CARMEN_OBJECT, CARMEN_REQUIRED|CARMEN_NULLABLE,
      .fields = money_fields,
      .doc = "Now, in the channel \"default\"; of several currencies the "
             "first by code." },
    { "prices", CARMEN_ARRAY, CARMEN_REQUIRED, .item = &price_item,
      .doc = "All that hold now." },
    { "version", CARMEN_INTEGER, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "createdDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "modifiedDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    CARMEN_FIELDS_END
};

static const carmen_field_t  variant_create_item = {
    "variant", CARMEN_OBJECT, .fields = carmen_catalog_variant_create
};

static const carmen_field_t  variant_item = {
    "variant", CARMEN_OBJECT, .fields = variant_fields
};


/* media */

#define CARMEN_CATALOG_MEDIA(flags, null)                                     \
    { "type", CARMEN_ENUM, 0, .values = media_types },                        \
    { "url", CARMEN_URI, flags, 1, 2048,                                      \
      .example = "\"https://img.example/mug.jpg\"" },                         \
    { "altText", CARMEN_STRING, null, 0, 500 },                               \
    { "sortOrder", CARMEN_INTEGER, 0, 0, 1000000 }

const carmen_field_t  carmen_catalog_media_create[] = {
    CARMEN_CATALOG_MEDIA(CARMEN_REQUIRED, CARMEN_NULLABLE),
    CARMEN_FIELDS_END
};

const carmen_field_t  carmen_catalog_media_update[] = {
    CARMEN_CATALOG_MEDIA(0, CARMEN_NULLABLE),
    CARMEN_FIELDS_END
};

static const carmen_field_t  media_fields[] = {
    { "mediaId", CARMEN_UUID, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "productId", CARMEN_UUID, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    CARMEN_CATALOG_MEDIA(CARMEN_REQUIRED, CARMEN_REQUIRED|CARMEN_NULLABLE),
    { "version", CARMEN_INTEGER, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    CARMEN_FIELDS_END
};

static const carmen_field_t  media_create_item = {
    "media", CARMEN_OBJECT, .fields = carmen_catalog_media_create
};

static const carmen_field_t  media_item = {
    "media", CARMEN_OBJECT, .fields = media_fields
};


/* products */

#define CARMEN_CATALOG_PRODUCT(flags, null)                                   \
    { "name", CARMEN_STRING, flags, 1, 200, .example = "\"Mug\"" },           \
    { "description", CARMEN_STRING, null, 0, 10000 },                         \
    { "brandId", CARMEN_UUID, null },                                         \
    { "categoryId", CARMEN_UUID, null },                                      \
    { "gtin", CARMEN_GTIN, null,                                              \
      .doc = "Unique in the tenant.", .example = "\"4006381333931\"" },       \
    { "attributes", CARMEN_OBJECT, 0, .doc = "Free; replaced as a whole." }

const carmen_field_t  carmen_catalog_product_create[] = {
    CARMEN_CATALOG_PRODUCT(CARMEN_REQUIRED, CARMEN_NULLABLE),
    { "status", CARMEN_ENUM, 0, .values = product_first_states,
      .doc = "\"active\" publishes it at once." },
    { "variants", CARMEN_ARRAY, 0, 0, 200, .item = &variant_create_item },
    { "media", CARMEN_ARRAY, 0, 0, 100, .item = &media_create_item },
    CARMEN_FIELDS_END
};

const carmen_field_t  carmen_catalog_product_update[] = {
    CARMEN_CATALOG_PRODUCT(0, CARMEN_NULLABLE),
    CARMEN_FIELDS_END
};

static const carmen_field_t  product_create_item = {
    "product", CARMEN_OBJECT, .fields = carmen_catalog_product_create
};

const carmen_field_t  carmen_catalog_product_bulk[] = {
    { "items", CARMEN_ARRAY, CARMEN_REQUIRED, 1, 500,
      .item = &product_create_item },
    CARMEN_FIELDS_END
};

static const carmen_field_t  product_fields[] = {
    { "productId", CARMEN_UUID, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    CARMEN_CATALOG_PRODUCT(CARMEN_REQUIRED, CARMEN_REQUIRED|CARMEN_NULLABLE),
    { "status", CARMEN_ENUM, CARMEN_REQUIRED|CARMEN_READ_ONLY,
      .values = product_states },
    { "variants", CARMEN_ARRAY, CARMEN_REQUIRED, .item = &variant_item },
    { "media", CARMEN_ARRAY, CARMEN_REQUIRED, .item = &media_item },
    { "version", CARMEN_INTEGER, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "createdDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "modifiedDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    CARMEN_FIELDS_END
};

static const carmen_field_t  product_member = {
    "field", CARMEN_ENUM, .values = product_members
};

#define CARMEN_CATALOG_FIELDS_PARAMETER                                       \
    { "fields", CARMEN_ARRAY, 0, 1, 20, .item = &product_member,              \
      .doc = "Only these members." }

const carmen_field_t  carmen_catalog_product_get[] = {
    CARMEN_CATALOG_FIELDS_PARAMETER,
    CARMEN_FIELDS_END
};

const carmen_field_t  carmen_catalog_product_list[] = {
    { "q", CARMEN_STRING, 0, 1, 200,
      .doc = "Words of the name; the last may be a beginning." },
    { "categoryId", CARMEN_UUID, 0,
      .doc = "Of this category and of those below it." },
    { "brandId", CARMEN_UUID },
    { "status", CARMEN_ENUM, 0, .values = product_states },
    { "sku", CARMEN_CODE, 0, 1, 64 },
    { "gtin", CARMEN_GTIN },
    CARMEN_CATALOG_FIELDS_PARAMETER,
    CARMEN_FIELDS_END
};

static const carmen_field_t  bulk_item_fields[] = {
    { "index", CARMEN_INTEGER, CARMEN_REQUIRED,
      .doc = "Of the item in the request, from 0." },
    { "status", CARMEN_INTEGER, CARMEN_REQUIRED,
      .doc = "What a request of its own would have got." },
    { "productId", CARMEN_UUID },
    { "version", CARMEN_INTEGER },
    { "problem", CARMEN_OBJECT },
    CARMEN_FIELDS_END
};

static const carmen_field_t  bulk_item = {
    "result", CARMEN_OBJECT, .fields = bulk_item_fields
};

static const carmen_field_t  bulk_fields[] = {
    { "created", CARMEN_INTEGER, CARMEN_REQUIRED },
    { "refused", CARMEN_INTEGER, CARMEN_REQUIRED },
    { "items", CARMEN_ARRAY, CARMEN_REQUIRED, .item = &bulk_item },
    CARMEN_FIELDS_END
};


/* categories */

#define CARMEN_CATALOG_CATEGORY(flags, null)                                  \
    { "name", CARMEN_STRING, flags, 1, 200, .example = "\"Kitchen\"" },       \
    { "parentCategoryId", CARMEN_UUID, null },                                \
    { "description", CARMEN_STRING, null, 0, 2000 },                          \
    { "status", CARMEN_ENUM, 0, .values = on_off }

const carmen_field_t  carmen_catalog_category_create[] = {
    CARMEN_CATALOG_CATEGORY(CARMEN_REQUIRED, CARMEN_NULLABLE),
    CARMEN_FIELDS_END
};

const carmen_field_t  carmen_catalog_category_update[] = {
    CARMEN_CATALOG_CATEGORY(0, CARMEN_NULLABLE),
    CARMEN_FIELDS_END
};

const carmen_field_t  carmen_catalog_category_list[] = {
    { "parentCategoryId", CARMEN_UUID },
    { "roots", CARMEN_BOOLEAN, 0,
      .doc = "Those without a parent, or only those with one." },
    { "status", CARMEN_ENUM, 0, .values = on_off },
    CARMEN_FIELDS_END
};

static const carmen_field_t  category_fields[] = {
    { "categoryId", CARMEN_UUID, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    CARMEN_CATALOG_CATEGORY(CARMEN_REQUIRED, CARMEN_REQUIRED|CARMEN_NULLABLE),
    { "version", CARMEN_INTEGER, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "createdDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "modifiedDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    CARMEN_FIELDS_END
};


/* brands */

#define CARMEN_CATALOG_BRAND(flags, null)                                     \
    { "name", CARMEN_STRING, flags, 1, 200, .example = "\"Potter\"" },        \
    { "description", CARMEN_STRING, null, 0, 2000 },                          \
    { "logo", CARMEN_URI, null, 1, 2048 },                                    \
    { "status", CARMEN_ENUM, 0, .values = on_off }

const carmen_field_t  carmen_catalog_brand_create[] = {
    CARMEN_CATALOG_BRAND(CARMEN_REQUIRED, CARMEN_NULLABLE),
    CARMEN_FIELDS_END
};

const carmen_field_t  carmen_catalog_brand_update[] = {
    CARMEN_CATALOG_BRAND(0, CARMEN_NULLABLE),
    CARMEN_FIELDS_END
};

const carmen_field_t  carmen_catalog_brand_list[] = {
    { "q", CARMEN_STRING, 0, 1, 200, .doc = "How the name begins." },
    { "status", CARMEN_ENUM, 0, .values = on_off },
    CARMEN_FIELDS_END
};

static const carmen_field_t  brand_fields[] = {
    { "brandId", CARMEN_UUID, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    CARMEN_CATALOG_BRAND(CARMEN_REQUIRED, CARMEN_REQUIRED|CARMEN_NULLABLE),
    { "version", CARMEN_INTEGER, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "createdDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "modifiedDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    CARMEN_FIELDS_END
};


const carmen_entity_t  carmen_catalog_entities[] = {
    { "Product", product_fields, "What is sold, in its variants." },
    { "ProductVariant", variant_fields,
      "A product as it lies on the shelf, with a SKU and prices." },
    { "Price", price_fields,
      "What a variant costs in a channel and a currency, over a span of "
      "time." },
    { "ProductMedia", media_fields, "A picture, film or document." },
    { "ProductCategory", category_fields, "A place in the tree of products." },
    { "ProductBrand", brand_fields, "Under what name a product is sold." },
    { "ProductBulk", bulk_fields, "What became of each item." },
    CARMEN_ENTITIES_END
};
