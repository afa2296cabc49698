
/*
 * A statement is one file of sql/<domain>/statements, compiled in at build
 * time by shared/wire/pg/compile-statements.  Nothing here is written at run
 * time but "index", at configuration time.
 */

#ifndef _CARMEN_STATEMENT_H_INCLUDED_
#define _CARMEN_STATEMENT_H_INCLUDED_


typedef enum {
    CARMEN_LANE_FAST = 0,            /* reads and short single statements */
    CARMEN_LANE_WRITE,               /* functions that lock rows */
    CARMEN_LANE_LEASE,               /* one request a connection at a time */
    CARMEN_LANE_LISTEN,              /* the core's own: LISTEN and NOTIFY */
    CARMEN_LANES
} carmen_lane_e;


typedef enum {
    /* row: "body" text[, "version"]; no row is 404 */
    CARMEN_KIND_READ = 0,
    /* row: "body" (JSON array), "first", "last" (cursor keys), "more" */
    CARMEN_KIND_LIST,
    /* row of type core.reply: status, version, location, body */
    CARMEN_KIND_WRITE,
    /* any columns, for a handler in C */
    CARMEN_KIND_RAW
} carmen_kind_e;


/* where the value of a parameter comes from */

typedef enum {
    CARMEN_ARG_TENANT = 0,           /* :tenant   identity or carmen_tenant */
    CARMEN_ARG_ACTOR,                /* :actor    subject, NULL if anonymous */
    CARMEN_ARG_CLIENT,               /* :client   client_id, NULL if none */
    CARMEN_ARG_KEY,                  /* :key      Idempotency-Key or NULL */
    CARMEN_ARG_HASH,                 /* :hash     SHA-256 (hex) of method,
                                                  path and body */
    CARMEN_ARG_MATCH,                /* :match    If-Match version or NULL */
    CARMEN_ARG_REQUEST,              /* :request  request id */
    CARMEN_ARG_BODY,                 /* :body     the body, valid JSON text */
    CARMEN_ARG_BODY_FIELD,           /* :body.x   a top-level scalar or, as
                                                  JSON text, an array */
    CARMEN_ARG_PATH,                 /* :path.x */
    CARMEN_ARG_QUERY,                /* :query.x  NULL if absent; an array is
                                                  a PostgreSQL array literal */
    CARMEN_ARG_SCOPE,                /* :scope(x) "t" or "f" */
    CARMEN_ARG_LIMIT,                /* :limit    page size */
    CARMEN_ARG_CURSOR,               /* :cursor.N the N-th key of the cursor */
    CARMEN_ARG_VALUE                 /* :value.x  given by a handler in C */
} carmen_arg_source_e;


typedef struct {
    carmen_arg_source_e       source;
    ngx_str_t                 name;
} carmen_arg_t;


/* one text of a statement; lists have one a sort, page and set of filters */

typedef struct {
    ngx_str_t                 sql;
    ngx_uint_t                nargs;
    const carmen_arg_t       *args;
} carmen_variant_t;


typedef enum {
    CARMEN_PAGE_FIRST = 0,
    CARMEN_PAGE_AFTER,
    CARMEN_PAGE_BEFORE,
    CARMEN_PAGES
} carmen_page_e;


typedef struct {
    ngx_str_t                 name;          /* as in ?sort=, "-" descends */
    ngx_uint_t                nkeys;
} carmen_sort_t;


typedef struct {
    ngx_str_t                 name;          /* "orders_get" */
    ngx_str_t                 comment;       /* the first comment line */
    ngx_str_t                 returns;       /* an entity's name, or "" */
    carmen_lane_e             lane;
    carmen_kind_e             kind;

    /*
     * Conditional blocks: a query parameter each, or a scope behind "+" (held)
     * or "-" (not held).  Bit i of a variant number is set when the parameter
     * is present, or the condition holds.  The variant
     * of (sort s, page p, bits b) is
     * (s * CARMEN_PAGES + p) * (1 << nifs) + b for a list, and b otherwise.
     */
    ngx_uint_t                nifs;
    const ngx_str_t          *ifs;

    ngx_uint_t                nsorts;        /* lists: at least 1 */
    const carmen_sort_t      *sorts;         /* the first is the default */

    ngx_uint_t                nvariants;
    const carmen_variant_t   *variants;

    /* set when registered: its place, and that of its variant 0 among all */
    ngx_uint_t                index;
    ngx_uint_t                number;
} carmen_statement_t;


#endif /* _CARMEN_STATEMENT_H_INCLUDED_ */
