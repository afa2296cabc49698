
/* What clients send to the catalog and what it answers. */

#ifndef _CARMEN_CATALOG_FIELDS_H_INCLUDED_
#define _CARMEN_CATALOG_FIELDS_H_INCLUDED_


#include <carmen.h>


extern const carmen_field_t  carmen_catalog_product_create[];
extern const carmen_field_t  carmen_catalog_product_bulk[];
extern const carmen_field_t  carmen_catalog_product_update[];
extern const carmen_field_t  carmen_catalog_product_list[];
extern const carmen_field_t  carmen_catalog_product_get[];

extern const carmen_field_t  carmen_catalog_variant_create[];
extern const carmen_field_t  carmen_catalog_variant_update[];
extern const carmen_field_t  carmen_catalog_price_create[];
extern const carmen_field_t  carmen_catalog_price_replace[];
extern const carmen_field_t  carmen_catalog_media_create[];
extern const carmen_field_t  carmen_catalog_media_update[];

extern const carmen_field_t  carmen_catalog_category_create[];
extern const carmen_field_t  carmen_catalog_category_update[];
extern const carmen_field_t  carmen_catalog_category_list[];
extern const carmen_field_t  carmen_catalog_brand_create[];
extern const carmen_field_t  carmen_catalog_brand_update[];
extern const carmen_field_t  carmen_catalog_brand_list[];

extern const carmen_entity_t  carmen_catalog_entities[];


#endif /* _CARMEN_CATALOG_FIELDS_H_INCLUDED_ */
