
/*
 * A trie of path segments.  A node is reached by one sequence of segments
 * only, so that a search visits each node at most once, backtracking or not.
 */

#include <carmen_core.h>
#include "carmen_router.h"
#include "carmen_format.h"


#define CARMEN_PATH_TEXT   128               /* bytes of text as parameter */
#define CARMEN_PATH_DEPTH  16                /* segments of a pattern */

#define CARMEN_PATH_NAME   "abcdefghijklmnopqrstuvwxyz"                       \
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"


typedef enum {
    CARMEN_PARAM_TEXT = 0,
    CARMEN_PARAM_UUID,
    CARMEN_PARAM_CODE,
    CARMEN_PARAM_INTEGER
} carmen_param_type_e;


typedef struct carmen_node_s  carmen_node_t;
typedef struct carmen_leaf_s  carmen_leaf_t;


struct carmen_leaf_s {
    ngx_uint_t                method;
    void                     *endpoint;
    carmen_leaf_t            *next;
    ngx_uint_t                nparams;
    const char               *params[CARMEN_PATH_PARAMS];
};


struct carmen_node_s {
    ngx_str_t                 name;          /* of a literal segment */
    carmen_node_t            *literals;      /* the first child */
    carmen_node_t            *next;          /* the next literal sibling */
    carmen_node_t            *param;
    carmen_param_type_e       type;          /* of "param" */
    carmen_leaf_t            *leaves;
    ngx_uint_t                methods;       /* of the leaves; 0: no path */
};


struct carmen_router_s {
    ngx_pool_t               *pool;
    carmen_node_t             root;
};


/* a segment of a pattern */

typedef struct {
    ngx_str_t                 text;          /* literal, or parameter's name */
    ngx_uint_t                param;         /* unsigned  param:1; */
    carmen_param_type_e       type;
} carmen_segment_t;


static ngx_int_t carmen_router_segment(const char **pattern,
    carmen_segment_t *segment);
static carmen_node_t *carmen_router_child(carmen_router_t *router,
    carmen_node_t *node, carmen_segment_t *segment);
static const carmen_node_t *carmen_router_walk(const carmen_node_t *node,
    u_char *p, u_char *end, carmen_match_t *match);
static ngx_uint_t carmen_router_fits(carmen_param_type_e type, u_char *p,
    size_t len);


carmen_router_t *
carmen_router_create(ngx_pool_t *pool)
{
    carmen_router_t  *router;

    router = ngx_pcalloc(pool, sizeof(carmen_router_t));

    if (router) {
        router->pool = pool;
    }

    return router;
}


ngx_int_t
carmen_router_add(carmen_router_t *router, const char *pattern,
    ngx_uint_t method, void *endpoint)
{
    u_char            *name;
    ngx_uint_t         i, j, n, nparams;
    carmen_leaf_t     *leaf, **last;
    carmen_node_t     *node;
    carmen_segment_t   segments[CARMEN_PATH_DEPTH], *s;

    nparams = 0;

    for (n = 0; *pattern; n++) {
        if (n == CARMEN_PATH_DEPTH
            || carmen_router_segment(&pattern, &segments[n]) != NGX_OK)
        {
            return NGX_DECLINED;
        }

        nparams += segments[n].param;

        for (i = 0; segments[n].param && i < n; i++) {
            if (segments[i].param
                && segments[i].text.len == segments[n].text.len
                && ngx_memcmp(segments[i].text.data, segments[n].text.data,
                              segments[n].text.len)
                   == 0)
            {
                return NGX_DECLINED;
            }
        }
    }

    if (n == 0 || nparams > CARMEN_PATH_PARAMS) {
        return NGX_DECLINED;
    }

    node = &router->root;

    for (i = 0; i < n; i++) {
        s = &segments[i];

        if (s->param && node->param && node->type != s->type) {
            return NGX_DECLINED;
        }

        node = carmen_router_child(router, node, s);
        if (node == NULL) {
            return NGX_ERROR;
        }
    }

    if (node->methods & method) {
        return NGX_BUSY;
    }

    leaf = ngx_pcalloc(router->pool, sizeof(carmen_leaf_t));
    if (leaf == NULL) {
        return NGX_ERROR;
    }

    leaf->method = method;
    leaf->endpoint = endpoint;
    leaf->nparams = nparams;

    for (i = 0, j = 0; i < n; i++) {
        s = &segments[i];

        if (!s->param) {
            continue;
        }

        name = ngx_pcalloc(router->pool, s->text.len + 1);
        if (name == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(name, s->text.data, s->text.len);
        leaf->params[j++] = (const char *) name;
    }

    for (last = &node->leaves; *last; last = &(*last)->next) { /* void */ }

    *last = leaf;
    node->methods |= method;

    return NGX_OK;
}


/* reads "/literal", "/{name}" or "/{name:type}" */

static ngx_int_t
carmen_router_segment(const char **pattern, carmen_segment_t *segment)
{
    ngx_uint_t   i;
    const char  *p, *start;

    static const struct {
        const char           *name;
        carmen_param_type_e   type;
    } types[] = {
        { "}", CARMEN_PARAM_TEXT },
        { ":uuid}", CARMEN_PARAM_UUID },
        { ":code}", CARMEN_PARAM_CODE },
        { ":integer}", CARMEN_PARAM_INTEGER }
    };

    p = *pattern;

    if (*p++ != '/') {
        return NGX_DECLINED;
    }

    segment->type = CARMEN_PARAM_TEXT;

    if (*p == '{') {
        segment->param = 1;
        start = ++p;
        p += strspn(p, CARMEN_PATH_NAME);

        if (*start >= '0' && *start <= '9') {
            return NGX_DECLINED;
        }

    } else {
        segment->param = 0;
        start = p;
        p += strspn(p, CARMEN_PATH_NAME ".~-:@!$");
    }

    segment->text.data = (u_char *) start;
    segment->text.len = p - start;

    if (p == start) {
        return NGX_DECLINED;
    }

    if (segment->param) {

        for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
            if (strncmp(p, types[i].name, strlen(types[i].name)) == 0) {
                break;
            }
        }

        if (i == sizeof(types) / sizeof(types[0])) {
            return NGX_DECLINED;
        }

        segment->type = types[i].type;
        p += strlen(types[i].name);
    }

    if (*p != '/' && *p != '\0') {
        return NGX_DECLINED;
    }

    *pattern = p;

    return NGX_OK;
}


static carmen_node_t *
carmen_router_child(carmen_router_t *router, carmen_node_t *node,
    carmen_segment_t *segment)
{
    carmen_node_t  *child, **last;

    if (segment->param) {
        last = &node->param;

    } else {
        for (last = &node->literals; *last; last = &(*last)->next) {
            if ((*last)->name.len == segment->text.len
                && ngx_memcmp((*last)->name.data, segment->text.data,
                              segment->text.len)
                   == 0)
            {
                break;
            }
        }
    }

    child = *last;

    if (child) {
        return child;
    }

    child = ngx_pcalloc(router->pool, sizeof(carmen_node_t));
    if (child == NULL) {
        return NULL;
    }

    if (segment->param) {
        node->type = segment->type;

    } else {
        child->name.len = segment->text.len;
        child->name.data = ngx_pnalloc(router->pool, segment->text.len);
        if (child->name.data == NULL) {
            return NULL;
        }

        ngx_memcpy(child->name.data, segment->text.data, segment->text.len);
    }

    *last = child;

    return child;
}


ngx_int_t
carmen_router_find(const carmen_router_t *router, ngx_str_t *path,
    ngx_uint_t method, carmen_match_t *match)
{
    ngx_uint_t            i;
    const carmen_leaf_t  *leaf;
    const carmen_node_t  *node;

    match->methods = 0;
    match->endpoint = NULL;
    match->nparams = 0;

    if (path->len == 0 || path->data[0] != '/') {
        return NGX_DECLINED;
    }

    node = carmen_router_walk(&router->root, path->data + 1,
                              path->data + path->len, match);
    if (node == NULL) {
        return NGX_DECLINED;
    }

    match->methods = node->methods;

    if (node->methods & NGX_HTTP_GET) {
        match->methods |= NGX_HTTP_HEAD;

        if (method == NGX_HTTP_HEAD && !(node->methods & NGX_HTTP_HEAD)) {
            method = NGX_HTTP_GET;
        }
    }

    for (leaf = node->leaves; leaf; leaf = leaf->next) {
        if (leaf->method & method) {
            break;
        }
    }

    if (leaf == NULL) {
        match->nparams = 0;
        return NGX_ABORT;
    }

    match->endpoint = leaf->endpoint;

    for (i = 0; i < leaf->nparams; i++) {
        match->params[i].name = leaf->params[i];
    }

    return NGX_OK;
}


/*
 * The node of the path from the segment at "p" on.  Recursion is as deep as
 * the patterns are, however long the path.
 */

static const carmen_node_t *
carmen_router_walk(const carmen_node_t *node, u_char *p, u_char *end,
    carmen_match_t *match)
{
    size_t                len;
    u_char               *slash;
    ngx_uint_t            nparams;
    const carmen_node_t  *child, *found;

    slash = memchr(p, '/', end - p);
    len = (slash ? slash : end) - p;

    for (child = node->literals; child; child = child->next) {
        if (child->name.len == len
            && ngx_memcmp(child->name.data, p, len) == 0)
        {
            found = slash ? carmen_router_walk(child, slash + 1, end, match)
                          : child;

            if (found && found->methods) {
                return found;
            }

            break;
        }
    }

    child = node->param;

    if (child == NULL || !carmen_router_fits(node->type, p, len)) {
        return NULL;
    }

    nparams = match->nparams;

    match->params[nparams].value.data = p;
    match->params[nparams].value.len = len;
    match->nparams = nparams + 1;

    found = slash ? carmen_router_walk(child, slash + 1, end, match) : child;

    if (found && found->methods) {
        return found;
    }

    match->nparams = nparams;

    return NULL;
}


static ngx_uint_t
carmen_router_fits(carmen_param_type_e type, u_char *p, size_t len)
{
    int64_t  value;

    switch (type) {

    case CARMEN_PARAM_UUID:
        return carmen_format_uuid(p, len);

    case CARMEN_PARAM_CODE:
        return len <= CARMEN_CODE_MAX && carmen_format_code(p, len);

    case CARMEN_PARAM_INTEGER:
        return carmen_format_integer(p, len, &value) == NGX_OK;

    default: /* CARMEN_PARAM_TEXT */
        return len > 0 && len <= CARMEN_PATH_TEXT
               && carmen_format_text(p, len);
    }
}
