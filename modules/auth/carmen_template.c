
/* Templates: see carmen_template.h. */

#include "carmen_template.h"
#include "carmen_browser.h"


#define TEMPLATE_DEPTH  8
#define TEMPLATE_NAME   64


typedef enum {
    TEMPLATE_TEXT = 0,
    TEMPLATE_VALUE,
    TEMPLATE_HTML,
    TEMPLATE_IF,
    TEMPLATE_UNLESS,
    TEMPLATE_END
} template_kind_e;


typedef struct {
    template_kind_e           kind;
    ngx_str_t                 text;          /* a name ends with NUL */
    ngx_uint_t                next;          /* of a section: behind its end */
} template_node_t;


struct carmen_template_s {
    ngx_array_t               nodes;         /* template_node_t */
};


typedef struct {
    carmen_template_t        *template;
    ngx_pool_t               *pool;
    json_t                   *scope[TEMPLATE_DEPTH + 1];
    ngx_uint_t                depth;
    u_char                   *start;
    u_char                   *last;
    u_char                   *end;
} template_render_t;


static const char *template_tag(carmen_template_t *tpl, ngx_pool_t *pool,
    ngx_str_t *tag, ngx_uint_t *open, ngx_uint_t *depth);
static template_node_t *template_push(carmen_template_t *tpl,
    template_kind_e kind, u_char *p, size_t len);
static ngx_int_t template_run(template_render_t *tr, ngx_uint_t i,
    ngx_uint_t last);
static ngx_int_t template_section(template_render_t *tr, ngx_uint_t i);
static json_t *template_find(template_render_t *tr, const char *name);
static ngx_uint_t template_true(json_t *value);
static ngx_int_t template_add(template_render_t *tr, const void *data,
    size_t len);


carmen_template_t *
carmen_template_compile(ngx_pool_t *pool, ngx_str_t *text, const char **why,
    ngx_uint_t *line)
{
    u_char             *p, *q, *last, *tag_end;
    size_t              skip;
    ngx_str_t           tag;
    ngx_uint_t          depth, open[TEMPLATE_DEPTH];
    carmen_template_t  *tpl;

    *why = "there is no memory";
    *line = 1;

    tpl = ngx_palloc(pool, sizeof(carmen_template_t));

    if (tpl == NULL
        || ngx_array_init(&tpl->nodes, pool, 32, sizeof(template_node_t))
           != NGX_OK)
    {
        return NULL;
    }

    p = text->data;
    last = p + text->len;
    depth = 0;

    while (p < last) {
        q = ngx_strlcasestrn(p, last, (u_char *) "{{", 1);

        if (q == NULL) {
            q = last;
        }

        if (q > p && template_push(tpl, TEMPLATE_TEXT, p, q - p) == NULL) {
            return NULL;
        }

        for ( /* void */ ; p < q; p++) {
            *line += (*p == '\n');
        }

        if (q == last) {
            break;
        }

        skip = (last - q > 2 && q[2] == '{') ? 3 : 2;
        tag_end = ngx_strlcasestrn(q, last,
                                   (u_char *) (skip == 3 ? "}}}" : "}}"),
                                   skip - 1);

        if (tag_end == NULL) {
            *why = "a tag has no end";
            return NULL;
        }

        tag.data = q + 2;
        tag.len = tag_end - tag.data;

        *why = template_tag(tpl, pool, &tag, open, &depth);

        if (*why) {
            return NULL;
        }

        for (p = q; p < tag_end + skip; p++) {
            *line += (*p == '\n');
        }
    }

    if (depth) {
        *why = "a section has no end";
        return NULL;
    }

    return tpl;
}


/* NULL, or what is wrong */

static const char *
template_tag(carmen_template_t *tpl, ngx_pool_t *pool, ngx_str_t *tag,
    ngx_uint_t *open, ngx_uint_t *depth)
{
    u_char           *name, *p, *last;
    size_t            len;
    template_kind_e   kind;
    template_node_t  *node, *nodes;

    static const struct {
        u_char           c;
        template_kind_e  kind;
    } kinds[] = {
        { '{', TEMPLATE_HTML },
        { '#', TEMPLATE_IF },
        { '^', TEMPLATE_UNLESS },
        { '/', TEMPLATE_END }
    }, *k;

    p = tag->data;
    last = p + tag->len;

    if (p < last && *p == '!') {
        return NULL;
    }

    kind = TEMPLATE_VALUE;

    for (k = kinds; k < kinds + sizeof(kinds) / sizeof(kinds[0]); k++) {
        if (p < last && *p == k->c) {
            kind = k->kind;
            p++;
            break;
        }
    }

    while (p < last && *p == ' ') {
        p++;
    }

    while (last > p && last[-1] == ' ') {
        last--;
    }

    len = last - p;

    if (len == 0 || len > TEMPLATE_NAME
        || strspn((char *) p, "abcdefghijklmnopqrstuvwxyz_") < len)
    {
        return "a name is made of a-z and _";
    }

    if (kind == TEMPLATE_END) {
        nodes = tpl->nodes.elts;

        if (*depth == 0
            || nodes[open[*depth - 1]].text.len != len
            || ngx_memcmp(nodes[open[*depth - 1]].text.data, p, len) != 0)
        {
            return "a section ends that did not begin";
        }

        nodes[open[--*depth]].next = tpl->nodes.nelts;
        return NULL;
    }

    name = ngx_pnalloc(pool, len + 1);
    node = template_push(tpl, kind, name, len);

    if (name == NULL || node == NULL) {
        return "there is no memory";
    }

    ngx_memcpy(name, p, len);
    name[len] = '\0';

    if (kind == TEMPLATE_IF || kind == TEMPLATE_UNLESS) {

        if (*depth == TEMPLATE_DEPTH) {
            return "sections are nested too deep";
        }

        open[(*depth)++] = tpl->nodes.nelts - 1;
    }

    return NULL;
}


static template_node_t *
template_push(carmen_template_t *tpl, template_kind_e kind, u_char *p,
    size_t len)
{
    template_node_t  *node;

    node = ngx_array_push(&tpl->nodes);

    if (node) {
        node->kind = kind;
        node->text.data = p;
        node->text.len = len;
        node->next = 0;
    }

    return node;
}


ngx_int_t
carmen_template_render(carmen_template_t *tpl, ngx_pool_t *pool, json_t *data,
    ngx_str_t *out)
{
    template_render_t  tr;

    ngx_memzero(&tr, sizeof(template_render_t));

    tr.template = tpl;
    tr.pool = pool;
    tr.scope[0] = data;
    tr.depth = 1;

    if (template_run(&tr, 0, tpl->nodes.nelts) != NGX_OK) {
        return NGX_ERROR;
    }

    out->data = tr.start;
    out->len = tr.last - tr.start;

    return NGX_OK;
}


static ngx_int_t
template_run(template_render_t *tr, ngx_uint_t i, ngx_uint_t last)
{
    json_t           *value;
    ngx_int_t         rc;
    ngx_str_t         text;
    template_node_t  *node;

    while (i < last) {
        node = (template_node_t *) tr->template->nodes.elts + i;

        switch (node->kind) {

        case TEMPLATE_TEXT:
            rc = template_add(tr, node->text.data, node->text.len);
            i++;
            break;

        case TEMPLATE_IF:
        case TEMPLATE_UNLESS:
            rc = template_section(tr, i);
            i = node->next;
            break;

        default:
            value = template_find(tr, (char *) node->text.data);
            rc = NGX_OK;
            i++;

            if (!json_is_string(value)) {
                break;
            }

            text.data = (u_char *) json_string_value(value);
            text.len = json_string_length(value);

            if (node->kind == TEMPLATE_VALUE) {
                text = carmen_html_escape(tr->pool, text);

                if (text.data == NULL) {
                    return NGX_ERROR;
                }
            }

            rc = template_add(tr, text.data, text.len);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
template_section(template_render_t *tr, ngx_uint_t i)
{
    size_t            n;
    json_t           *value;
    ngx_uint_t        yes;
    template_node_t  *node;

    node = (template_node_t *) tr->template->nodes.elts + i;
    value = template_find(tr, (char *) node->text.data);
    yes = template_true(value);

    if (node->kind == TEMPLATE_UNLESS) {
        return yes ? NGX_OK : template_run(tr, i + 1, node->next);
    }

    if (!yes) {
        return NGX_OK;
    }

    if (!json_is_array(value)) {
        return template_run(tr, i + 1, node->next);
    }

    for (n = 0; n < json_array_size(value); n++) {
        tr->scope[tr->depth++] = json_array_get(value, n);

        if (template_run(tr, i + 1, node->next) != NGX_OK) {
            return NGX_ERROR;
        }

        tr->depth--;
    }

    return NGX_OK;
}


static json_t *
template_find(template_render_t *tr, const char *name)
{
    json_t      *value;
    ngx_uint_t   i;

    for (i = tr->depth; i > 0; i--) {
        value = json_object_get(tr->scope[i - 1], name);

        if (value) {
            return value;
        }
    }

    return NULL;
}


static ngx_uint_t
template_true(json_t *value)
{
    return json_is_true(value)
           || (json_is_string(value) && json_string_length(value))
           || (json_is_array(value) && json_array_size(value));
}


static ngx_int_t
template_add(template_render_t *tr, const void *data, size_t len)
{
    u_char  *p;
    size_t   size;

    if ((size_t) (tr->end - tr->last) < len) {
        size = 2 * (tr->end - tr->start) + len + 4096;

        p = ngx_pnalloc(tr->pool, size);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (tr->last > tr->start) {
            ngx_memcpy(p, tr->start, tr->last - tr->start);
        }

        tr->last = p + (tr->last - tr->start);
        tr->start = p;
        tr->end = p + size;
    }

    tr->last = ngx_cpymem(tr->last, data, len);

    return NGX_OK;
}


ngx_str_t
carmen_html_escape(ngx_pool_t *pool, ngx_str_t text)
{
    size_t     i, len;
    u_char    *p;
    ngx_str_t  out;

    len = 0;

    for (i = 0; i < text.len; i++) {
        len += ngx_strchr("&<>\"'", text.data[i]) ? 6 : 1;
    }

    out.len = 0;
    out.data = ngx_pnalloc(pool, len + 1);

    if (out.data == NULL) {
        return out;
    }

    p = out.data;

    for (i = 0; i < text.len; i++) {
        switch (text.data[i]) {

        case '&':
            p = ngx_cpymem(p, "&amp;", 5);
            break;

        case '<':
            p = ngx_cpymem(p, "&lt;", 4);
            break;

        case '>':
            p = ngx_cpymem(p, "&gt;", 4);
            break;

        case '"':
            p = ngx_cpymem(p, "&quot;", 6);
            break;

        case '\'':
            p = ngx_cpymem(p, "&#39;", 5);
            break;

        default:
            *p++ = text.data[i];
        }
    }

    *p = '\0';
    out.len = p - out.data;

    return out;
}
