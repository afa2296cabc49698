
/* The values of a statement's parameters: all text, all ending with NUL. */

#include <carmen_core.h>
#include <openssl/evp.h>
#include "carmen_context.h"


static ngx_uint_t carmen_bind_variant(carmen_request_t *cr,
    const carmen_statement_t *st);
static ngx_int_t carmen_bind_value(carmen_request_t *cr,
    const carmen_statement_t *st, const carmen_arg_t *arg,
    const carmen_pair_t *pairs, const char **value);
static const char *carmen_bind_hash(carmen_request_t *cr);
static const char *carmen_bind_request_id(carmen_request_t *cr);
static ngx_int_t carmen_bind_body_field(carmen_request_t *cr,
    const carmen_arg_t *arg, const char **value);


ngx_int_t
carmen_bind(carmen_request_t *cr, const carmen_statement_t *st,
    const carmen_pair_t *pairs, ngx_uint_t *variant,
    const char *const **values)
{
    ngx_uint_t                i;
    const char              **v;
    const carmen_variant_t   *text;

    *variant = carmen_bind_variant(cr, st);
    text = &st->variants[*variant];

    v = ngx_palloc(cr->http->pool, (text->nargs + 1) * sizeof(char *));
    if (v == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < text->nargs; i++) {
        v[i] = NULL;

        if (carmen_bind_value(cr, st, &text->args[i], pairs, &v[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    *values = v;

    return NGX_OK;
}


static ngx_uint_t
carmen_bind_variant(carmen_request_t *cr, const carmen_statement_t *st)
{
    ngx_str_t      value;
    ngx_uint_t     i, bits;
    const char    *name;
    carmen_page_e  page;

    bits = 0;

    for (i = 0; i < st->nifs; i++) {
        name = (char *) st->ifs[i].data;

        if (name[0] == '+' || name[0] == '-') {

            if (carmen_request_holds(cr, name + 1) == (name[0] == '+')) {
                bits |= (ngx_uint_t) 1 << i;
            }

            continue;
        }

        value = carmen_request_query(cr, name);

        if (value.data) {
            bits |= (ngx_uint_t) 1 << i;
        }
    }

    if (st->kind != CARMEN_KIND_LIST) {
        return bits;
    }

    page = cr->has_cursor ? cr->cursor.page : CARMEN_PAGE_FIRST;

    return (cr->sort * CARMEN_PAGES + page) * ((ngx_uint_t) 1 << st->nifs)
           + bits;
}


static ngx_int_t
carmen_bind_value(carmen_request_t *cr, const carmen_statement_t *st,
    const carmen_arg_t *arg, const carmen_pair_t *pairs, const char **value)
{
    u_char               *p;
    ngx_str_t             s;
    ngx_uint_t            n;
    const carmen_pair_t  *pair;

    switch (arg->source) {

    case CARMEN_ARG_TENANT:
        *value = (char *) cr->tenant.data;
        return NGX_OK;

    case CARMEN_ARG_ACTOR:
        if (cr->identity == NULL || cr->identity->subject.len == 0) {
            return NGX_OK;
        }
        s = cr->identity->subject;
        break;

    case CARMEN_ARG_CLIENT:
        if (cr->identity == NULL || cr->identity->client.len == 0) {
            return NGX_OK;
        }
        s = cr->identity->client;
        break;

    case CARMEN_ARG_KEY:
        *value = (char *) cr->key.data;
        return NGX_OK;

    case CARMEN_ARG_HASH:
        *value = carmen_bind_hash(cr);
        return *value ? NGX_OK : NGX_ERROR;

    case CARMEN_ARG_MATCH:
        *value = (char *) cr->version.data;
        return NGX_OK;

    case CARMEN_ARG_REQUEST:
        *value = carmen_bind_request_id(cr);
        return *value ? NGX_OK : NGX_ERROR;

    case CARMEN_ARG_BODY:
        *value = cr->body.data ? (char *) cr->body.data : "{}";
        return NGX_OK;

    case CARMEN_ARG_BODY_FIELD:
        return carmen_bind_body_field(cr, arg, value);

    case CARMEN_ARG_PATH:
        s = carmen_request_path(cr, (char *) arg->name.data);
        break;

    case CARMEN_ARG_QUERY:
        s = carmen_request_query(cr, (char *) arg->name.data);
        break;

    case CARMEN_ARG_SCOPE:
        *value = carmen_request_holds(cr, (char *) arg->name.data) ? "t"
                                                                   : "f";
        return NGX_OK;

    case CARMEN_ARG_LIMIT:
        p = ngx_pnalloc(cr->http->pool, NGX_INT_T_LEN + 1);
        if (p == NULL) {
            return NGX_ERROR;
        }
        *ngx_sprintf(p, "%ui", cr->limit) = '\0';
        *value = (char *) p;
        return NGX_OK;

    case CARMEN_ARG_CURSOR:
        n = ngx_atoi(arg->name.data, arg->name.len);
        if (n < 1 || n > cr->cursor.nkeys) {
            return NGX_ERROR;
        }
        s = cr->cursor.keys[n - 1];
        break;

    case CARMEN_ARG_VALUE:
        for (pair = pairs; pair && pair->name; pair++) {
            if (ngx_strcmp(pair->name, arg->name.data) == 0) {
                s = pair->value;
                goto found;
            }
        }

        ngx_log_error(NGX_LOG_ERR, cr->http->connection->log, 0,
                      "carmen: statement \"%V\" was given no value \"%V\"",
                      &st->name, &arg->name);
        return NGX_ERROR;

    default:
        return NGX_ERROR;
    }

found:

    if (s.data == NULL) {
        return NGX_OK;
    }

    *value = carmen_cstring(cr->http->pool, &s);

    return *value ? NGX_OK : NGX_ERROR;
}


/* a top-level member: a string as it is, null and absent as SQL NULL, what is
 * not a string as JSON text */

static ngx_int_t
carmen_bind_body_field(carmen_request_t *cr, const carmen_arg_t *arg,
    const char **value)
{
    char       *text;
    json_t     *member;
    ngx_str_t   s;

    if (cr->json == NULL) {
        return NGX_OK;
    }

    member = json_object_get(cr->json, (char *) arg->name.data);

    if (member == NULL || json_is_null(member)) {
        return NGX_OK;
    }

    if (json_is_string(member)) {
        /* lives as long as the document, which is released with the pool */
        *value = json_string_value(member);
        return NGX_OK;
    }

    if (json_is_boolean(member)) {
        *value = json_is_true(member) ? "true" : "false";
        return NGX_OK;
    }

    /* 15 digits come back as they were written; ":body" keeps all of them */

    text = json_dumps(member, JSON_ENCODE_ANY|JSON_COMPACT
                              |JSON_REAL_PRECISION(15));
    if (text == NULL) {
        return NGX_ERROR;
    }

    s.data = (u_char *) text;
    s.len = ngx_strlen(text);

    *value = carmen_cstring(cr->http->pool, &s);
    free(text);

    return *value ? NGX_OK : NGX_ERROR;
}


static EVP_MD  *carmen_sha256;


static void
carmen_bind_forget(void *data)
{
    EVP_MD_free(carmen_sha256);
    carmen_sha256 = NULL;
}


/* fetched once a worker, and given back with the cycle */

static EVP_MD *
carmen_bind_sha256(void)
{
    ngx_pool_cleanup_t  *cln;

    if (carmen_sha256) {
        return carmen_sha256;
    }

    cln = ngx_pool_cleanup_add(ngx_cycle->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = carmen_bind_forget;
    carmen_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);

    return carmen_sha256;
}


/* what an Idempotency-Key stands for: method, path, arguments and body */

static const char *
carmen_bind_hash(carmen_request_t *cr)
{
    int                  ok;
    u_char              *p, md[EVP_MAX_MD_SIZE];
    unsigned             len;
    EVP_MD              *sha256;
    EVP_MD_CTX          *ctx;
    ngx_http_request_t  *r;

    r = cr->http;

    sha256 = carmen_bind_sha256();
    ctx = EVP_MD_CTX_new();
    p = ngx_pnalloc(r->pool, 65);

    if (sha256 == NULL || ctx == NULL || p == NULL) {
        EVP_MD_CTX_free(ctx);
        return NULL;
    }

    ok = EVP_DigestInit_ex2(ctx, sha256, NULL)
         && EVP_DigestUpdate(ctx, r->method_name.data, r->method_name.len)
         && EVP_DigestUpdate(ctx, " ", 1)
         && EVP_DigestUpdate(ctx, r->uri.data, r->uri.len)
         && EVP_DigestUpdate(ctx, "?", 1)
         && EVP_DigestUpdate(ctx, r->args.data, r->args.len)
         && EVP_DigestUpdate(ctx, "\n", 1)
         && EVP_DigestUpdate(ctx, cr->body.data, cr->body.len)
         && EVP_DigestFinal_ex(ctx, md, &len);

    EVP_MD_CTX_free(ctx);

    if (!ok) {
        return NULL;
    }

    *ngx_hex_dump(p, md, len) = '\0';

    return (char *) p;
}


static const char *
carmen_bind_request_id(carmen_request_t *cr)
{
    ngx_str_t  id;

    if (carmen_request_id(cr->http, &id) != NGX_OK) {
        return NULL;
    }

    return carmen_cstring(cr->http->pool, &id);
}
