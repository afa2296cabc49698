
/*
 * Field tables: what a client may send, and what an entity looks like.  The
 * same table validates a body or a query, and describes it in OpenAPI.
 */

#ifndef _CARMEN_FIELD_H_INCLUDED_
#define _CARMEN_FIELD_H_INCLUDED_


typedef enum {
    CARMEN_STRING = 1,       /* min, max: characters; pattern */
    CARMEN_INTEGER,          /* min, max: value; int64 */
    CARMEN_NUMBER,           /* min, max: value; kept as written, as decimal */
    CARMEN_BOOLEAN,
    CARMEN_UUID,             /* canonical form, any case */
    CARMEN_TIMESTAMP,        /* RFC 3339 date-time with offset */
    CARMEN_DATE,             /* RFC 3339 full-date */
    CARMEN_EMAIL,            /* addr-spec, ASCII or UTF-8 local part */
    CARMEN_URI,              /* absolute http or https */
    CARMEN_CURRENCY,         /* ISO 4217 code in use */
    CARMEN_GTIN,             /* 8, 12, 13 or 14 digits with check digit */
    CARMEN_CODE,             /* identifier: [A-Za-z0-9][A-Za-z0-9._:-]* */
    CARMEN_ENUM,             /* one of values */
    CARMEN_OBJECT,           /* fields, or free when fields is NULL */
    CARMEN_ARRAY,            /* min, max: items; item: its element; in a
                                query: comma-separated */
    CARMEN_ANY               /* any JSON value */
} carmen_type_e;


#define CARMEN_REQUIRED   0x0001
#define CARMEN_NULLABLE   0x0002     /* null is allowed in a body */
#define CARMEN_SECRET     0x0004     /* writeOnly; never logged or echoed */
#define CARMEN_READ_ONLY  0x0008     /* in an entity: set by the server */
#define CARMEN_TRUSTED    0x0010     /* needs "scope" as well: 403 without */


typedef struct carmen_field_s  carmen_field_t;

struct carmen_field_s {
    const char               *name;          /* NULL ends a table */
    carmen_type_e             type;
    ngx_uint_t                flags;
    int64_t                   min;           /* 0 with max 0: unbounded */
    int64_t                   max;
    const char *const        *values;        /* CARMEN_ENUM; NULL-terminated */
    const carmen_field_t     *fields;        /* CARMEN_OBJECT */
    const carmen_field_t     *item;          /* CARMEN_ARRAY: one field */
    const char               *pattern;       /* CARMEN_STRING: for the reader
                                                and OpenAPI, checked too */
    const char               *scope;         /* CARMEN_TRUSTED */
    const char               *doc;           /* a sentence for the reader */
    const char               *example;       /* JSON text */
};


#define CARMEN_FIELDS_END  { NULL, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL,  \
                             NULL, NULL }


/* what the server answers: a component schema of the OpenAPI document */

typedef struct {
    const char               *name;          /* "Order"; NULL ends a table */
    const carmen_field_t     *fields;
    const char               *doc;
} carmen_entity_t;

#define CARMEN_ENTITIES_END  { NULL, NULL, NULL }


#endif /* _CARMEN_FIELD_H_INCLUDED_ */
