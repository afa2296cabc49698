
/*
 * Checks a request against field tables.  Inside the core only.  Needs of
 * nginx only pools, strings and arrays, so that unit tests and fuzzers can
 * link it without a server.
 */

#ifndef _CARMEN_VALIDATE_H_INCLUDED_
#define _CARMEN_VALIDATE_H_INCLUDED_


#include <jansson.h>


#define CARMEN_ERRORS_MAX   32
#define CARMEN_JSON_DEPTH   32
#define CARMEN_JSON_STRING  65536        /* bytes of one string */
#define CARMEN_JSON_ITEMS   10000        /* of one array or object */


typedef struct {
    ngx_pool_t               *pool;

    /* does the caller hold the scope? asked for CARMEN_TRUSTED fields */
    ngx_int_t               (*holds)(void *data, const char *scope);
    void                     *data;

    ngx_uint_t                open;          /* unknown parameters of a query
                                                are passed over */

    /* after NGX_DECLINED: the problem, a sentence, and the places */
    const char               *problem;
    ngx_str_t                 detail;
    ngx_array_t               errors;        /* carmen_error_t */
} carmen_validation_t;


typedef struct {
    ngx_str_t                 name;
    ngx_str_t                 value;         /* decoded */
} carmen_param_t;


/*
 * Parses the body strictly (RFC 8259, duplicate keys, invalid UTF-8, NUL,
 * depth and sizes refused) and checks it against the table; fields that the
 * table does not name are refused.  NGX_OK: *root is the document, to be
 * released with json_decref().  NGX_DECLINED: v says why.  NGX_ERROR: memory.
 */
ngx_int_t carmen_validate_body(carmen_validation_t *v, u_char *body,
    size_t len, const carmen_field_t *fields, json_t **root);

/*
 * Parses a query string (application/x-www-form-urlencoded), checks it
 * against the table, and appends a carmen_param_t for each parameter present.
 * Unknown, repeated and malformed parameters are refused ("invalid-parameter",
 * pointers are "?name").  CARMEN_ARRAY values become PostgreSQL array
 * literals.  "fields" may be NULL.  Returns as above.
 */
ngx_int_t carmen_validate_query(carmen_validation_t *v, ngx_str_t *args,
    const carmen_field_t *fields, ngx_array_t *params);

/* one scalar text against one field; returns as above, pointer given */
ngx_int_t carmen_validate_text(carmen_validation_t *v, ngx_str_t *pointer,
    ngx_str_t *value, const carmen_field_t *field);


#endif /* _CARMEN_VALIDATE_H_INCLUDED_ */
