
/*
 * SCIM 2.0: RFC 7643 (schemas), RFC 7644 (protocol).
 *
 * What a client says is made plain here and judged by the functions
 * users.scim_* of the database: names of attributes in the spelling of the
 * schema, filters and paths as JSON trees.  No text of a client ever becomes
 * SQL.
 */

#ifndef _CARMEN_SCIM_H_INCLUDED_
#define _CARMEN_SCIM_H_INCLUDED_


#include <carmen.h>
#include <jansson.h>


#define CARMEN_SCIM_USER   "urn:ietf:params:scim:schemas:core:2.0:User"
#define CARMEN_SCIM_GROUP  "urn:ietf:params:scim:schemas:core:2.0:Group"
#define CARMEN_SCIM_ENTERPRISE                                                \
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
#define CARMEN_SCIM_MESSAGE                                                   \
    "urn:ietf:params:scim:api:messages:2.0:"


typedef enum {
    CARMEN_SCIM_STRING = 0,
    CARMEN_SCIM_REFERENCE,
    CARMEN_SCIM_BOOLEAN,
    CARMEN_SCIM_DATETIME,
    CARMEN_SCIM_COMPLEX
} carmen_scim_type_e;


#define CARMEN_SCIM_MULTI       0x01
#define CARMEN_SCIM_READ_ONLY   0x02
#define CARMEN_SCIM_WRITE_ONLY  0x04
#define CARMEN_SCIM_REQUIRED    0x08
#define CARMEN_SCIM_EXACT       0x10     /* case counts */
#define CARMEN_SCIM_SERVER      0x20     /* unique */
#define CARMEN_SCIM_COMMON      0x40     /* not named in the schema */
#define CARMEN_SCIM_EXTENSION   0x80


typedef struct carmen_scim_attr_s  carmen_scim_attr_t;

struct carmen_scim_attr_s {
    const char               *name;          /* NULL ends a table */
    carmen_scim_type_e        type;
    ngx_uint_t                flags;
    size_t                    max;           /* bytes of a string; 0: 1024 */
    const carmen_scim_attr_t *sub;
    const char               *doc;
};


/* what can be managed */

typedef struct {
    const char               *name;          /* "User" */
    const char               *endpoint;      /* "/Users" */
    const char               *urn;
    const char               *doc;
    const carmen_scim_attr_t *attrs;
} carmen_scim_resource_t;

extern const carmen_scim_resource_t  carmen_scim_resources[];


/* why a request is refused: a problem of the users domain, and a sentence */

typedef struct {
    const char               *problem;
    const char               *detail;
} carmen_scim_error_t;


/* the attribute of that name, in any case; NULL if there is none */
const carmen_scim_attr_t *carmen_scim_attr(const carmen_scim_attr_t *table,
    const char *name, size_t len);

/*
 * The discovery documents: "ServiceProviderConfig", "ResourceTypes" and
 * "Schemas", or one of the latter two by its "id".  A new reference, or NULL
 * if there is none of that name.
 */
json_t *carmen_scim_document(const char *name, size_t len, const char *id,
    size_t id_len, const char *base);


/*
 * All of these give a new reference; NULL: refused, and *error says why, or
 * its problem is NULL when there is no memory.
 */

/* RFC 7644 section 3.4.2.2 */
json_t *carmen_scim_filter(const carmen_scim_resource_t *res,
    ngx_str_t *text, carmen_scim_error_t *error);

/*
 * An attribute, such as "name.givenName", as a list of names; *last (may be
 * NULL) is the attribute at its end.
 */
json_t *carmen_scim_path(const carmen_scim_resource_t *res, ngx_str_t *text,
    const carmen_scim_attr_t **last, carmen_scim_error_t *error);

/* a list of such, separated by commas */
json_t *carmen_scim_paths(const carmen_scim_resource_t *res, ngx_str_t *text,
    carmen_scim_error_t *error);

/*
 * The path of a PATCH: {"path": [...]} with "filter", "sub" and "multi" where
 * they apply.  *last as above.
 */
json_t *carmen_scim_target(const carmen_scim_resource_t *res,
    ngx_str_t *text, const carmen_scim_attr_t **last,
    carmen_scim_error_t *error);

/* a resource as the client sent it: names as in the schema, what is read-only
 * or unknown left out */
json_t *carmen_scim_resource(const carmen_scim_resource_t *res, json_t *body,
    carmen_scim_error_t *error);

/* a PatchOp, as a list of {"op", "path", "filter", "sub", "multi", "value"} */
json_t *carmen_scim_patch(const carmen_scim_resource_t *res, json_t *body,
    carmen_scim_error_t *error);


/* the setter of carmen_scim; cmd->post is the domain */
char *carmen_scim_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* _CARMEN_SCIM_H_INCLUDED_ */
