
/* SCIM over HTTP: RFC 7644. */

#include "carmen_scim.h"
#include "carmen_users_register.h"
#include "users_statements.h"


#define CARMEN_SCIM_BODY   (1024 * 1024)
#define CARMEN_SCIM_COUNT  100               /* resources of a page */
#define CARMEN_SCIM_PAGE   200
#define CARMEN_SCIM_START  1000000000
#define CARMEN_SCIM_TYPE   "application/scim+json"

#define CARMEN_SCIM_READS   (NGX_HTTP_GET|NGX_HTTP_HEAD)
#define CARMEN_SCIM_WRITES  (NGX_HTTP_POST|NGX_HTTP_PUT|NGX_HTTP_PATCH        \
                             |NGX_HTTP_DELETE)


/* what was asked, taken apart */

typedef struct {
    const carmen_scim_resource_t  *resource;
    ngx_str_t                      name;     /* first segment of the path */
    ngx_str_t                      id;       /* second, data NULL: none */
    ngx_str_t                      base;
    ngx_str_t                      match;    /* data NULL: none */
    json_t                        *query;
    json_t                        *body;
    const char                    *verb;
} scim_request_t;


static void scim_reply(carmen_request_t *cr, ngx_uint_t status,
    const char *type, ngx_str_t *body);
static ngx_int_t scim_handler(ngx_http_request_t *r);
static void scim_run(carmen_request_t *cr);
static void scim_refuse(carmen_request_t *cr,
    const carmen_problem_t *problem, ngx_str_t *detail);
static ngx_int_t scim_place(carmen_request_t *cr, scim_request_t *sr);
static ngx_int_t scim_allowed(carmen_request_t *cr, scim_request_t *sr);
static void scim_discover(carmen_request_t *cr, scim_request_t *sr);
static ngx_int_t scim_query(carmen_request_t *cr, scim_request_t *sr,
    carmen_scim_error_t *error);
static ngx_int_t scim_body(carmen_request_t *cr, scim_request_t *sr,
    carmen_scim_error_t *error);
static ngx_int_t scim_match(carmen_request_t *cr, scim_request_t *sr);
static void scim_write(carmen_request_t *cr, scim_request_t *sr);
static void scim_ask(carmen_request_t *cr, scim_request_t *sr,
    const carmen_statement_t *st, const char *hash);
static void scim_answer(carmen_request_t *cr, carmen_result_t *result,
    void *data);


char *
carmen_scim_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

#if (NGX_PCRE)
    if (clcf->regex) {
        return "needs a location that is a prefix";
    }
#endif

    if (clcf->name.len && clcf->name.data[clcf->name.len - 1] == '/') {
        return "needs a location without a \"/\" at its end";
    }

    return carmen_plain_enable(cf, cmd->post, scim_handler);
}


static ngx_int_t
scim_handler(ngx_http_request_t *r)
{
    size_t  limit;

    /* the version of a resource is judged in the database */
    r->disable_not_modified = 1;

    limit = carmen_identity(r)
            && (r->method & (NGX_HTTP_POST|NGX_HTTP_PUT|NGX_HTTP_PATCH))
            ? CARMEN_SCIM_BODY : 0;

    return carmen_plain_run(r, limit, scim_run, scim_refuse);
}


static void
scim_release(void *data)
{
    json_decref(data);
}


/* makes sure that a document goes with the request */

static ngx_int_t
scim_keep(carmen_request_t *cr, json_t *json)
{
    ngx_pool_cleanup_t  *cln;

    if (json == NULL) {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(carmen_request_http(cr)->pool, 0);

    if (cln == NULL) {
        json_decref(json);
        return NGX_ERROR;
    }

    cln->handler = scim_release;
    cln->data = json;

    return NGX_OK;
}


static ngx_int_t
scim_text(carmen_request_t *cr, json_t *json, ngx_str_t *text)
{
    char  *p;

    p = json_dumps(json, JSON_COMPACT|JSON_ENCODE_ANY);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->len = ngx_strlen(p);
    text->data = ngx_pnalloc(carmen_request_http(cr)->pool, text->len + 1);

    if (text->data) {
        ngx_memcpy(text->data, p, text->len + 1);
    }

    free(p);

    return text->data ? NGX_OK : NGX_ERROR;
}


static void
scim_problem(carmen_request_t *cr, carmen_scim_error_t *error)
{
    ngx_str_t  detail;

    if (error->problem == NULL) {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
        return;
    }

    detail.data = (u_char *) (error->detail ? error->detail : "");
    detail.len = ngx_strlen(detail.data);

    carmen_problem_reply(cr, error->problem, &detail, NULL);
}


static void
scim_run(carmen_request_t *cr)
{
    scim_request_t        sr;
    ngx_http_request_t   *r;
    carmen_scim_error_t   error;

    r = carmen_request_http(cr);

    ngx_memzero(&sr, sizeof(scim_request_t));
    ngx_memzero(&error, sizeof(carmen_scim_error_t));

    if (scim_place(cr, &sr) != NGX_OK || scim_allowed(cr, &sr) != NGX_OK) {
        return;
    }

    if (sr.resource == NULL) {
        scim_discover(cr, &sr);
        return;
    }

    if (scim_query(cr, &sr, &error) != NGX_OK
        || scim_match(cr, &sr) != NGX_OK)
    {
        scim_problem(cr, &error);
        return;
    }

    if (r->method & CARMEN_SCIM_READS) {
        scim_ask(cr, &sr, sr.id.data ? &users_scim_get : &users_scim_list,
                 NULL);
        return;
    }

    if (r->method != NGX_HTTP_DELETE
        && scim_body(cr, &sr, &error) != NGX_OK)
    {
        scim_problem(cr, &error);
        return;
    }

    scim_write(cr, &sr);
}


/* base "/" name ["/" id] */

static ngx_int_t
scim_place(carmen_request_t *cr, scim_request_t *sr)
{
    u_char                        *p, *end;
    ngx_str_t                      host;
    ngx_http_request_t            *r;
    ngx_http_core_loc_conf_t      *clcf;
    const carmen_scim_resource_t  *res;

    r = carmen_request_http(cr);
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    p = r->uri.data + ngx_min(clcf->name.len, r->uri.len);
    end = r->uri.data + r->uri.len;

    if (p == end || *p++ != '/') {
        goto missing;
    }

    sr->name.data = p;

    while (p < end && *p != '/') {
        p++;
    }

    sr->name.len = p - sr->name.data;

    if (p < end && end - p > 1) {
        sr->id.data = p + 1;
        sr->id.len = end - p - 1;

        if (sr->id.len > 128
            || ngx_strlchr(sr->id.data, end, '/') != NULL
            || ngx_strlchr(sr->id.data, end, '\0') != NULL)
        {
            goto missing;
        }
    }

    for (res = carmen_scim_resources; res->name; res++) {
        if (ngx_strlen(res->endpoint) == sr->name.len + 1
            && ngx_strncmp(res->endpoint + 1, sr->name.data, sr->name.len)
               == 0)
        {
            sr->resource = res;
        }
    }

    ngx_str_null(&host);

    if (r->headers_in.host) {
        host = r->headers_in.host->value;
    }

    p = ngx_pnalloc(r->pool, sizeof("https://") + host.len + clcf->name.len);
    if (p == NULL) {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
        return NGX_ERROR;
    }

    sr->base.data = p;

    if (host.len) {
#if (NGX_HTTP_SSL)
        p = ngx_sprintf(p, "%s://%V", r->connection->ssl ? "https" : "http",
                        &host);
#else
        p = ngx_sprintf(p, "http://%V", &host);
#endif
    }

    p = ngx_cpymem(p, clcf->name.data, clcf->name.len);
    *p = '\0';
    sr->base.len = p - sr->base.data;

    return NGX_OK;

missing:

    carmen_problem_reply(cr, "not-found", NULL, NULL);

    return NGX_DECLINED;
}


static ngx_uint_t
scim_holds(carmen_identity_t *identity, const char *name)
{
    ngx_str_t        scope;
    ngx_uint_t       i;
    carmen_scopes_t  wanted;

    scope.data = (u_char *) name;
    scope.len = ngx_strlen(name);

    ngx_memzero(&wanted, sizeof(carmen_scopes_t));
    carmen_scopes_parse(&scope, &wanted);

    for (i = 0; i < CARMEN_SCOPE_WORDS; i++) {
        if (wanted.word[i]) {
            return (identity->scopes.word[i] & wanted.word[i]) != 0;
        }
    }

    return 0;
}


/* the methods of the place, who calls, and the tenant that he is of */

static ngx_int_t
scim_allowed(carmen_request_t *cr, scim_request_t *sr)
{
    ngx_str_t            detail, value;
    ngx_uint_t           writes;
    const char          *scope;
    carmen_identity_t   *identity;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);

    if (r->method & CARMEN_SCIM_READS) {
        writes = 0;

    } else if (sr->resource && (r->method & CARMEN_SCIM_WRITES)
               && (r->method == NGX_HTTP_POST) == (sr->id.data == NULL))
    {
        writes = 1;

    } else {
        ngx_str_set(&value, "GET, HEAD");

        if (sr->resource) {
            ngx_str_set(&value, "GET, HEAD, POST");

            if (sr->id.data) {
                ngx_str_set(&value, "GET, HEAD, PUT, PATCH, DELETE");
            }
        }

        (void) carmen_reply_header(cr, "Allow", &value);
        carmen_problem_reply(cr, "method-not-allowed", NULL, NULL);
        return NGX_DECLINED;
    }

    if (sr->resource == NULL) {
        return NGX_OK;
    }

    identity = carmen_identity(r);

    if (identity == NULL) {
        carmen_problem_reply(cr, "unauthorized", NULL, NULL);
        return NGX_DECLINED;
    }

    scope = writes ? "users:write" : "users:read";

    if (!scim_holds(identity, scope)) {
        detail.data = (u_char *) (writes
                                  ? "This needs the scope \"users:write\"."
                                  : "This needs the scope \"users:read\".");
        detail.len = ngx_strlen(detail.data);

        carmen_problem_reply(cr, "insufficient-scope", &detail, NULL);
        return NGX_DECLINED;
    }

    if (carmen_plain_tenant(cr, &identity->tenant) != NGX_OK) {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
        return NGX_ERROR;
    }

    sr->verb = r->method == NGX_HTTP_POST ? "create"
               : r->method == NGX_HTTP_PUT ? "replace"
               : r->method == NGX_HTTP_PATCH ? "patch" : "delete";

    return NGX_OK;
}


static void
scim_discover(carmen_request_t *cr, scim_request_t *sr)
{
    json_t     *document;
    ngx_int_t   rc;
    ngx_str_t   text;

    document = carmen_scim_document((char *) sr->name.data, sr->name.len,
                                    (char *) sr->id.data, sr->id.len,
                                    (char *) sr->base.data);
    if (document == NULL) {
        carmen_problem_reply(cr, "not-found", NULL, NULL);
        return;
    }

    rc = scim_text(cr, document, &text);
    json_decref(document);

    if (rc != NGX_OK) {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
        return;
    }

    scim_reply(cr, NGX_HTTP_OK, CARMEN_SCIM_TYPE, &text);
}


/* a number of the query; what is too small or large becomes the nearest */

static ngx_int_t
scim_number(ngx_str_t *value, ngx_int_t least, ngx_int_t most, ngx_int_t *n)
{
    size_t      i;
    ngx_str_t   digits;
    ngx_uint_t  negative;

    if (value->data == NULL) {
        return NGX_OK;
    }

    digits = *value;
    negative = digits.len && digits.data[0] == '-';

    if (negative) {
        digits.data++;
        digits.len--;
    }

    if (digits.len == 0 || digits.len > 32) {
        return NGX_DECLINED;
    }

    for (i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9') {
            return NGX_DECLINED;
        }
    }

    *n = ngx_atoi(digits.data, digits.len);

    if (*n == NGX_ERROR || *n > most) {
        *n = most;
    }

    if (negative || *n < least) {
        *n = least;
    }

    return NGX_OK;
}


/* RFC 7644 sections 3.4.2 and 3.9 */

static ngx_int_t
scim_query(carmen_request_t *cr, scim_request_t *sr,
    carmen_scim_error_t *error)
{
    json_t              *filter, *sort, *some, *but;
    ngx_int_t            start, count;
    ngx_str_t            v[7];
    ngx_uint_t           i;
    ngx_http_request_t  *r;

    static const char *const  names[] = {
        "filter", "sortBy", "sortOrder", "startIndex", "count", "attributes",
        "excludedAttributes"
    };

    r = carmen_request_http(cr);

    for (i = 0; i < 7; i++) {
        if (carmen_form_value(r->pool, &r->args, names[i], &v[i])
            == NGX_ABORT)
        {
            error->problem = "scim-invalid-value";
            error->detail = "A parameter is there twice, or is no text.";
            return NGX_DECLINED;
        }
    }

    start = 1;
    count = CARMEN_SCIM_COUNT;
    filter = sort = some = but = NULL;

    if (scim_number(&v[3], 1, CARMEN_SCIM_START, &start) != NGX_OK
        || scim_number(&v[4], 0, CARMEN_SCIM_PAGE, &count) != NGX_OK)
    {
        error->problem = "scim-invalid-value";
        error->detail = "\"startIndex\" and \"count\" are numbers.";
        return NGX_DECLINED;
    }

    if (v[5].data && v[6].data) {
        error->problem = "scim-invalid-value";
        error->detail = "\"attributes\" and \"excludedAttributes\" exclude "
                        "each other.";
        return NGX_DECLINED;
    }

    if (sr->id.data == NULL && r->method != NGX_HTTP_POST
        && ((v[0].data && (filter = carmen_scim_filter(sr->resource, &v[0],
                                                       error)) == NULL)
            || (v[1].data && (sort = carmen_scim_path(sr->resource, &v[1],
                                                      NULL, error)) == NULL)))
    {
        goto failed;
    }

    if ((v[5].data && (some = carmen_scim_paths(sr->resource, &v[5], error))
                      == NULL)
        || (v[6].data && (but = carmen_scim_paths(sr->resource, &v[6], error))
                         == NULL))
    {
        goto failed;
    }

    sr->query = json_pack("{s:i, s:i, s:b, s:o*, s:o*, s:o*, s:o*}",
                          "start", (int) start, "count", (int) count,
                          "descending", v[2].len == 10
                          && ngx_strncasecmp(v[2].data,
                                             (u_char *) "descending", 10)
                             == 0,
                          "filter", filter, "sort", sort,
                          "attributes", some, "excluded", but);

    return scim_keep(cr, sr->query);

failed:

    json_decref(filter);
    json_decref(sort);
    json_decref(some);
    json_decref(but);

    return NGX_DECLINED;
}


static ngx_uint_t
scim_media_type(ngx_http_request_t *r)
{
    size_t      i, len;
    ngx_str_t  *type;

    static const ngx_str_t  types[] = {
        ngx_string("application/scim+json"),
        ngx_string("application/json")
    };

    if (r->headers_in.content_type == NULL) {
        return 0;
    }

    type = &r->headers_in.content_type->value;

    for (i = 0; i < 2; i++) {
        len = types[i].len;

        if (type->len >= len
            && ngx_strncasecmp(type->data, types[i].data, len) == 0
            && (type->len == len || type->data[len] == ';'
                || type->data[len] == ' '))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
scim_body(carmen_request_t *cr, scim_request_t *sr,
    carmen_scim_error_t *error)
{
    json_t              *json;
    ngx_str_t            text;
    json_error_t         where;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);

    if (!scim_media_type(r)) {
        error->problem = "unsupported-media-type";
        error->detail = "The body is application/scim+json.";
        return NGX_DECLINED;
    }

    text = carmen_plain_body(cr);
    json = json_loadb((char *) text.data, text.len, JSON_REJECT_DUPLICATES,
                      &where);

    if (json == NULL) {
        error->problem = "scim-invalid-syntax";
        error->detail = "The body is no JSON.";
        return NGX_DECLINED;
    }

    sr->body = r->method == NGX_HTTP_PATCH
               ? carmen_scim_patch(sr->resource, json, error)
               : carmen_scim_resource(sr->resource, json, error);

    json_decref(json);

    return sr->body ? scim_keep(cr, sr->body) : NGX_DECLINED;
}


/* RFC 7644 section 3.14: a tag may be weak there */

static ngx_int_t
scim_match(carmen_request_t *cr, scim_request_t *sr)
{
    ngx_str_t            tag;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);

    if (r->headers_in.if_match == NULL || sr->id.data == NULL) {
        return NGX_OK;
    }

    tag = r->headers_in.if_match->value;

    if (tag.len == 1 && tag.data[0] == '*') {
        return NGX_OK;
    }

    if (tag.len > 2 && tag.data[0] == 'W' && tag.data[1] == '/') {
        tag.data += 2;
        tag.len -= 2;
    }

    if (tag.len >= 2 && tag.data[0] == '"' && tag.data[tag.len - 1] == '"') {
        tag.data++;
        tag.len -= 2;
    }

    /* what is no tag of ours fits no version */

    sr->match = tag;

    return NGX_OK;
}


static void
scim_hashed(carmen_request_t *cr, void *data)
{
    scim_request_t       sr;
    carmen_password_t   *pw;
    carmen_scim_error_t  error;

    pw = data;

    if (pw->rc != NGX_OK) {
        carmen_problem_reply(cr, pw->rc == NGX_DECLINED ? "weak-password"
                                 : "internal-error", NULL, NULL);
        return;
    }

    /* the thread keeps no pointer: taken apart once more */

    ngx_memzero(&sr, sizeof(scim_request_t));
    ngx_memzero(&error, sizeof(carmen_scim_error_t));

    if (scim_place(cr, &sr) != NGX_OK || scim_allowed(cr, &sr) != NGX_OK) {
        return;
    }

    if (scim_query(cr, &sr, &error) != NGX_OK
        || scim_body(cr, &sr, &error) != NGX_OK)
    {
        scim_problem(cr, &error);
        return;
    }

    (void) json_object_del(sr.body, "password");

    scim_ask(cr, &sr, &users_scim_write, pw->hash);
}


/* A password is hashed in a thread, and does not reach the database. */

static void
scim_write(carmen_request_t *cr, scim_request_t *sr)
{
    json_t               *password;
    size_t                i;
    ngx_str_t             text, name;
    json_t               *op, *path;
    carmen_password_t     pw;
    carmen_scim_error_t   error;

    ngx_memzero(&error, sizeof(carmen_scim_error_t));

    password = json_object_get(sr->body, "password");

    json_array_foreach(sr->body, i, op) {
        path = json_array_get(json_object_get(op, "path"), 0);

        if (path && ngx_strcmp(json_string_value(path), "password") == 0) {
            password = path;
        }
    }

    if (password == NULL || json_is_null(password)) {
        scim_ask(cr, sr, &users_scim_write, NULL);
        return;
    }

    if (ngx_strcmp(sr->verb, "create") != 0) {
        error.problem = "scim-mutability";
        error.detail = "A password is changed by its owner only.";
        scim_problem(cr, &error);
        return;
    }

    text.data = (u_char *) json_string_value(password);
    text.len = json_string_length(password);

    name.data = (u_char *) json_string_value(json_object_get(sr->body,
                                                             "userName"));
    name.len = name.data ? ngx_strlen(name.data) : 0;

    if (text.len < 8
        || carmen_password_check(carmen_request_http(cr), &text, &name)
           != NGX_OK
        || carmen_password_set(&pw, &text) != NGX_OK)
    {
        carmen_problem_reply(cr, "weak-password", NULL, NULL);
        return;
    }

    /* NGX_BUSY has been answered */
    (void) carmen_password_hash(cr, &pw, scim_hashed);

    ngx_explicit_memzero(&pw, sizeof(carmen_password_t));
}


static void
scim_ask(carmen_request_t *cr, scim_request_t *sr,
    const carmen_statement_t *st, const char *hash)
{
    carmen_pair_t  values[9];

    ngx_memzero(values, sizeof(values));

    values[0].name = "kind";
    values[0].value.data = (u_char *) sr->resource->name;
    values[0].value.len = ngx_strlen(sr->resource->name);

    values[1].name = "id";
    values[1].value = sr->id;

    values[2].name = "base";
    values[2].value = sr->base;

    values[3].name = "query";

    values[4].name = "verb";
    values[4].value.data = (u_char *) sr->verb;
    values[4].value.len = ngx_strlen(sr->verb);

    values[5].name = "match";
    values[5].value = sr->match;

    values[6].name = "body";

    values[7].name = "password_hash";
    values[7].value.data = (u_char *) hash;
    values[7].value.len = hash ? ngx_strlen(hash) : 0;

    if (scim_text(cr, sr->query, &values[3].value) != NGX_OK
        || (sr->body && scim_text(cr, sr->body, &values[6].value) != NGX_OK)
        || carmen_query(cr, st, values, scim_answer, NULL) == NGX_ERROR)
    {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
    }
}


/* RFC 9110 section 13.1.2, for the one tag that a client of SCIM sends */

static ngx_uint_t
scim_known(ngx_http_request_t *r, ngx_str_t *tag)
{
    ngx_str_t  known;

    if (r->headers_in.if_none_match == NULL
        || !(r->method & CARMEN_SCIM_READS))
    {
        return 0;
    }

    known = r->headers_in.if_none_match->value;

    if (known.len == tag->len - 2) {
        /* without W/ */
        return ngx_memcmp(known.data, tag->data + 2, known.len) == 0;
    }

    return known.len == tag->len
           && ngx_memcmp(known.data, tag->data, tag->len) == 0;
}


static ngx_int_t
scim_copy(carmen_request_t *cr, ngx_str_t *text)
{
    u_char  *p;

    p = ngx_pnalloc(carmen_request_http(cr)->pool, text->len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, text->data, text->len);
    text->data = p;

    return NGX_OK;
}


static void
scim_answer(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    u_char              *p;
    ngx_str_t            status, version, location, body, tag;
    ngx_uint_t           code;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);

    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    if (carmen_result_rows(result) == 0) {
        carmen_problem_reply(cr, "not-found", NULL, NULL);
        return;
    }

    status = carmen_result_value(result, 0, "status");
    version = carmen_result_value(result, 0, "version");
    location = carmen_result_value(result, 0, "location");
    body = carmen_result_value(result, 0, "body");

    code = ngx_atoi(status.data, status.len);

    if (version.len) {
        p = ngx_pnalloc(r->pool, version.len + sizeof("W/\"\""));
        if (p == NULL) {
            goto failed;
        }

        tag.data = p;
        tag.len = ngx_sprintf(p, "W/\"%V\"", &version) - p;

        if (carmen_reply_header(cr, "ETag", &tag) != NGX_OK) {
            goto failed;
        }

        if (scim_known(r, &tag)) {
            code = NGX_HTTP_NOT_MODIFIED;
            body.len = 0;
        }
    }

    if (location.len
        && (scim_copy(cr, &location) != NGX_OK
            || carmen_reply_header(cr, code == NGX_HTTP_CREATED
                                       ? "Location" : "Content-Location",
                                   &location)
               != NGX_OK))
    {
        goto failed;
    }

    if (body.len && scim_copy(cr, &body) != NGX_OK) {
        goto failed;
    }

    scim_reply(cr, code, body.len ? CARMEN_SCIM_TYPE : "", &body);
    return;

failed:

    carmen_problem_reply(cr, "internal-error", NULL, NULL);
}


/* RFC 7644 section 3.12 */

static void
scim_refuse(carmen_request_t *cr, const carmen_problem_t *problem,
    ngx_str_t *detail)
{
    char         status[8];
    json_t      *error;
    ngx_int_t    rc;
    ngx_str_t    text, value;
    ngx_uint_t   i, code;
    const char  *type;

    static const struct {
        const char  *problem;
        const char  *type;
    } types[] = {
        { "scim-invalid-filter", "invalidFilter" },
        { "scim-invalid-path", "invalidPath" },
        { "scim-invalid-syntax", "invalidSyntax" },
        { "scim-invalid-value", "invalidValue" },
        { "scim-mutability", "mutability" },
        { "scim-no-target", "noTarget" },
        { "scim-uniqueness", "uniqueness" },
        { "conflict", "uniqueness" },
        { "duplicate-external-ref", "uniqueness" },
        { "email-unavailable", "uniqueness" },
        { "unknown-reference", "invalidValue" },
        { "validation-failed", "invalidValue" },
        { "weak-password", "invalidValue" },
        { NULL, NULL }
    };

    type = NULL;
    code = problem->status == 422 ? NGX_HTTP_BAD_REQUEST : problem->status;

    for (i = 0; types[i].problem; i++) {
        if (ngx_strcmp(types[i].problem, problem->name) == 0) {
            type = types[i].type;
        }
    }

    if (code == NGX_HTTP_UNAUTHORIZED) {
        ngx_str_set(&value, "Bearer");
        (void) carmen_reply_header(cr, "WWW-Authenticate", &value);

    } else if (code == NGX_HTTP_SERVICE_UNAVAILABLE) {
        ngx_str_set(&value, "1");
        (void) carmen_reply_header(cr, "Retry-After", &value);
    }

    *ngx_snprintf((u_char *) status, sizeof(status) - 1, "%ui", code) = '\0';

    error = json_pack("{s:[s], s:s, s:s*, s:o*}",
                      "schemas", CARMEN_SCIM_MESSAGE "Error",
                      "status", status, "scimType", type, "detail",
                      detail && detail->len
                      ? json_stringn((char *) detail->data, detail->len)
                      : json_string(problem->title));

    rc = error ? scim_text(cr, error, &text) : NGX_ERROR;
    json_decref(error);

    if (rc != NGX_OK) {
        ngx_str_set(&text, "{\"schemas\":[\"" CARMEN_SCIM_MESSAGE "Error\"],"
                           "\"status\":\"500\"}");
        code = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    scim_reply(cr, code, CARMEN_SCIM_TYPE, &text);
}


static void
scim_reply(carmen_request_t *cr, ngx_uint_t status, const char *type,
    ngx_str_t *body)
{
    ngx_str_t  value;

    ngx_str_set(&value, "no-store");

    if (carmen_reply_header(cr, "Cache-Control", &value) != NGX_OK) {
        carmen_reply_text(cr, NGX_HTTP_INTERNAL_SERVER_ERROR, "", NULL);
        return;
    }

    carmen_reply_text(cr, status, type, body->len ? body : NULL);
}
