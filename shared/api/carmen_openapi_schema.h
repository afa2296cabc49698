
/* What the files of carmen_openapi have in common. */

#ifndef _CARMEN_OPENAPI_SCHEMA_H_INCLUDED_
#define _CARMEN_OPENAPI_SCHEMA_H_INCLUDED_


#define CARMEN_OPENAPI_PROBLEMS  48          /* of one operation */


typedef struct {
    const carmen_problem_t   *list[CARMEN_OPENAPI_PROBLEMS];
    ngx_uint_t                n;
} carmen_openapi_problems_t;


/* a set of problems of one status that an operation answers with */

typedef struct {
    ngx_str_t                 name;
    ngx_uint_t                status;
    carmen_openapi_problems_t problems;
} carmen_openapi_answer_t;


typedef struct {
    carmen_text_t             text;
    ngx_pool_t               *pool;          /* of the text, temporary */
    ngx_log_t                *log;
    carmen_registry_t        *reg;
    ngx_array_t              *endpoints;     /* carmen_endpoint_t * */
    ngx_str_t                 problems;      /* what types begin with */
    const char               *where;         /* what is being written */
    ngx_array_t               answers;       /* carmen_openapi_answer_t */
    ngx_uint_t                failed;        /* unsigned  failed:1; */
} carmen_openapi_t;


typedef enum {
    CARMEN_SCHEMA_BODY = 0,      /* what a client sends: nothing else */
    CARMEN_SCHEMA_REPLY          /* what the server answers: may grow */
} carmen_schema_e;


#define carmen_openapi_list(route)                                            \
    ((route)->statement && (route)->statement->kind == CARMEN_KIND_LIST)


/* "get":{...} */
void carmen_openapi_operation(carmen_openapi_t *ctx,
    const carmen_endpoint_t *e);

/* "400":{...}, and so on: what the operation refuses with */
void carmen_openapi_refusals(carmen_openapi_t *ctx,
    const carmen_endpoint_t *e);

/* "responses":{...}, of all operations so far */
void carmen_openapi_responses(carmen_openapi_t *ctx);

/* the schema of an object with these fields; NULL: of any object */
void carmen_openapi_object(carmen_openapi_t *ctx,
    const carmen_field_t *fields, carmen_schema_e use, const char *doc);

/* the schema of the value of a field */
void carmen_openapi_field(carmen_openapi_t *ctx, const carmen_field_t *field,
    carmen_schema_e use, ngx_uint_t doc);

/* "$ref":"#/components/schemas/...", without braces */
void carmen_openapi_ref(carmen_openapi_t *ctx, const carmen_entity_t *entity);

/* the name of an entity's component, not quoted */
void carmen_openapi_name(carmen_openapi_t *ctx, const carmen_entity_t *entity);

/* "description" of a field, if it has any, with a comma */
void carmen_openapi_describe(carmen_openapi_t *ctx,
    const carmen_field_t *field);

/* a field's example, checked: an error if it is not JSON */
void carmen_openapi_example(carmen_openapi_t *ctx,
    const carmen_field_t *field);

/* all components/schemas of the endpoints' domains, comma at the end */
void carmen_openapi_schemas(carmen_openapi_t *ctx);

/* is an endpoint of the domain in the document? */
ngx_uint_t carmen_openapi_used(carmen_openapi_t *ctx,
    const carmen_domain_t *domain);

/* is one of the fields, at any depth, CARMEN_TRUSTED? */
ngx_uint_t carmen_openapi_trusted(const carmen_field_t *fields);


#endif /* _CARMEN_OPENAPI_SCHEMA_H_INCLUDED_ */
