
/*
 * Signing in with the password of a directory (RFC 4510-4516).  libldap
 * blocks, so all of it happens in a thread: find the person as the service,
 * ask for the groups, and bind as the person at last.  A bind without a
 * password is anonymous and always succeeds (RFC 4513 section 5.1.2): an empty
 * password never comes that far.
 */

#include "carmen_auth.h"
#include "auth_statements.h"

#include <ldap.h>
#include <openssl/crypto.h>


#define LDAP_NAME      256               /* bytes; see the route's fields */
#define LDAP_TEXT      1024


/* what a thread gets: no pointer into the request */

typedef struct {
    const carmen_directory_t *directory;
    char                      name[LDAP_NAME + 1];
    char                      password[LDAP_NAME + 1];

    /* NGX_OK; NGX_DECLINED: wrong; NGX_ERROR: "failed" and "code" say why */
    ngx_int_t                 rc;
    const char               *failed;
    int                       code;

    char                      subject[LDAP_NAME];
    char                      mail[LDAP_TEXT];
    char                      full[LDAP_TEXT];
    char                      given[LDAP_TEXT];
    char                      family[LDAP_TEXT];
    uint64_t                  roles;     /* bits: of directory->roles */
} ldap_work_t;


typedef struct {
    carmen_request_t         *request;
    carmen_attempt_t          attempt;
    ldap_work_t               work;
    ngx_event_t               delay;
} ldap_ctx_t;


static void ldap_close(void *data);
static void ldap_delayed(ngx_event_t *ev);
static void ldap_begin(carmen_request_t *cr, ldap_ctx_t *ctx);
static void ldap_work(void *data, ngx_log_t *log);
static LDAP *ldap_open_directory(ldap_work_t *w);
static char *ldap_find(ldap_work_t *w, LDAP *ld);
static void ldap_groups(ldap_work_t *w, LDAP *ld, const char *dn);
static int ldap_bind_as(LDAP *ld, const char *dn, const char *password,
    size_t len);
static ngx_int_t ldap_fill(char *buf, size_t size, const ngx_str_t *filter,
    const char *text);
static void ldap_read_text(LDAP *ld, LDAPMessage *entry, const char *name,
    char *buf, size_t size);
static void ldap_done(carmen_request_t *cr, void *data);
static void ldap_noted(carmen_request_t *cr, carmen_result_t *result,
    void *data);
static void ldap_person(carmen_request_t *cr, ldap_work_t *w);
static ngx_str_t ldap_copy(ngx_pool_t *pool, const char *text);


ngx_int_t
carmen_ldap_login(carmen_request_t *cr)
{
    size_t                     i;
    time_t                     wait;
    json_t                    *body, *name, *password;
    u_char                    *p;
    ngx_int_t                  rc;
    ngx_str_t                  login, tenant, value;
    ngx_msec_t                 delay;
    ldap_ctx_t                *ctx;
    ngx_table_elt_t           *h;
    ngx_pool_cleanup_t        *cln;
    ngx_http_request_t        *r;
    carmen_auth_main_conf_t   *amcf;
    carmen_federation_conf_t  *fcf;

    r = carmen_request_http(cr);
    fcf = carmen_federation_conf(r);
    amcf = ngx_http_get_module_main_conf(r, ngx_http_carmen_auth_module);

    if (fcf->directory == NULL) {
        return NGX_HTTP_NOT_FOUND;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ldap_ctx_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (ctx == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ldap_close;
    cln->data = ctx;

    ctx->request = cr;
    ctx->work.directory = fcf->directory;

    body = carmen_request_body(cr);
    name = json_object_get(body, "username");
    password = json_object_get(body, "password");

    /* the fields say 1 to 256 characters: here it is bytes */

    if (json_string_length(name) > LDAP_NAME
        || json_string_length(password) > LDAP_NAME
        || json_string_length(password) == 0)
    {
        carmen_problem_reply(cr, "invalid-credentials", NULL, NULL);
        return NGX_DONE;
    }

    ngx_memcpy(ctx->work.name, json_string_value(name),
               json_string_length(name));
    ngx_memcpy(ctx->work.password, json_string_value(password),
               json_string_length(password));
    OPENSSL_cleanse((char *) json_string_value(password),
                    json_string_length(password));

    login.len = sizeof("ldap:") - 1 + json_string_length(name);
    login.data = ngx_pnalloc(r->pool, login.len);

    if (login.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(login.data, "ldap:", 5);

    for (i = 0; ctx->work.name[i]; i++) {
        *p++ = ngx_tolower(ctx->work.name[i]);
    }

    tenant = carmen_request_tenant(cr);

    rc = carmen_attempt_open(amcf->zone, &ctx->attempt, &tenant, &login,
                             r->connection->sockaddr, &delay, &wait);
    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_BUSY) {
        value.data = ngx_pnalloc(r->pool, NGX_TIME_T_LEN);
        h = ngx_list_push(&r->headers_out.headers);

        if (value.data == NULL || h == NULL) {
            return NGX_ERROR;
        }

        value.len = ngx_sprintf(value.data, "%T", wait) - value.data;

        h->hash = 1;
#if (nginx_version >= 1023000)
        h->next = NULL;
#endif
        ngx_str_set(&h->key, "Retry-After");
        h->value = value;

        carmen_problem_reply(cr, "too-many-requests", NULL, NULL);
        return NGX_DONE;
    }

    if (delay == 0) {
        ldap_begin(cr, ctx);
        return NGX_DONE;
    }

    ctx->delay.handler = ldap_delayed;
    ctx->delay.data = ctx;
    ctx->delay.log = r->connection->log;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_add_timer(&ctx->delay, delay);

    return NGX_DONE;
}


static void
ldap_close(void *data)
{
    ldap_ctx_t  *ctx = data;

    OPENSSL_cleanse(ctx->work.password, sizeof(ctx->work.password));

    if (ctx->delay.timer_set) {
        ngx_del_timer(&ctx->delay);
    }
}


static void
ldap_delayed(ngx_event_t *ev)
{
    ldap_ctx_t        *ctx = ev->data;
    ngx_connection_t  *c;

    c = carmen_request_http(ctx->request)->connection;

    ldap_begin(ctx->request, ctx);
    ngx_http_run_posted_requests(c);
}


static void
ldap_begin(carmen_request_t *cr, ldap_ctx_t *ctx)
{
    ngx_str_t            pool;
    ngx_http_request_t  *r;

    r = carmen_request_http(cr);
    pool = ctx->work.directory->pool;

    ngx_http_set_ctx(r, ctx, ngx_http_carmen_auth_module);

    if (carmen_offload(cr, &pool, ldap_work, ldap_done, &ctx->work,
                       sizeof(ldap_work_t))
        == NGX_OK)
    {
        OPENSSL_cleanse(ctx->work.password, sizeof(ctx->work.password));
    }
}


static void
ldap_work(void *data, ngx_log_t *log)
{
    ldap_work_t  *w = data;

    int    code;
    char  *dn, nobody[LDAP_TEXT];
    LDAP  *ld;

    w->rc = NGX_ERROR;

    ld = ldap_open_directory(w);

    if (ld) {
        dn = ldap_find(w, ld);

        if (w->failed == NULL) {

            /* nobody takes the same steps as somebody */

            (void) ngx_snprintf((u_char *) nobody, sizeof(nobody),
                                "cn=nobody,%V%Z", &w->directory->base);
            nobody[sizeof(nobody) - 1] = '\0';

            ldap_groups(w, ld, dn ? dn : nobody);
        }

        if (w->failed == NULL) {
            code = ldap_bind_as(ld, dn ? dn : nobody, w->password,
                                ngx_strlen(w->password));

            if (code == LDAP_SUCCESS && dn) {
                w->rc = NGX_OK;

            } else if (code == LDAP_SUCCESS || !LDAP_API_ERROR(code)) {
                w->rc = NGX_DECLINED;

            } else {
                w->failed = "the bind of the person";
                w->code = code;
            }
        }

        ldap_memfree(dn);
        (void) ldap_unbind_ext_s(ld, NULL, NULL);
    }

    OPENSSL_cleanse(w->password, sizeof(w->password));
}


static LDAP *
ldap_open_directory(ldap_work_t *w)
{
    int                        version, demand, zero;
    LDAP                      *ld;
    struct timeval             tv;
    const carmen_directory_t  *d;

    d = w->directory;
    ld = NULL;

    w->failed = "the connection";
    w->code = ldap_initialize(&ld, (char *) d->url.data);

    if (w->code != LDAP_SUCCESS) {
        return NULL;
    }

    version = LDAP_VERSION3;
    demand = LDAP_OPT_X_TLS_DEMAND;
    zero = 0;
    tv.tv_sec = d->timeout / 1000;
    tv.tv_usec = d->timeout % 1000 * 1000;

    w->code = LDAP_LOCAL_ERROR;

    if (ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version)
        || ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF)
        || ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &tv)
        || ldap_set_option(ld, LDAP_OPT_TIMEOUT, &tv)
        || ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand)
        || (d->ca.len && ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE,
                                         d->ca.data))
        || ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &zero))
    {
        goto failed;
    }

    if (d->starttls) {
        w->failed = "StartTLS";
        w->code = ldap_start_tls_s(ld, NULL, NULL);

        if (w->code != LDAP_SUCCESS) {
            goto failed;
        }
    }

    w->failed = "the bind of the service";
    w->code = ldap_bind_as(ld, d->dn.len ? (char *) d->dn.data : "",
                           (char *) d->password.data, d->password.len);

    if (w->code == LDAP_SUCCESS) {
        w->failed = NULL;
        return ld;
    }

failed:

    (void) ldap_unbind_ext_s(ld, NULL, NULL);

    return NULL;
}


/* the DN of the one entry there is, or NULL */

static char *
ldap_find(ldap_work_t *w, LDAP *ld)
{
    int                        n;
    char                       filter[2 * LDAP_TEXT], *dn;
    LDAPMessage               *found, *entry;
    struct berval            **id;
    const carmen_directory_t  *d;

    static const char *const  attributes[] = {
        "entryUUID", "objectGUID", "mail", "displayName", "cn", "givenName",
        "sn", NULL
    };

    d = w->directory;
    found = NULL;

    if (ldap_fill(filter, sizeof(filter), &d->filter, w->name) != NGX_OK) {
        w->failed = "the filter";
        w->code = LDAP_NO_MEMORY;
        return NULL;
    }

    w->code = ldap_search_ext_s(ld, (char *) d->base.data,
                                LDAP_SCOPE_SUBTREE, filter,
                                (char **) attributes, 0, NULL, NULL, NULL, 2,
                                &found);

    if (w->code != LDAP_SUCCESS && w->code != LDAP_SIZELIMIT_EXCEEDED) {
        w->failed = "the search of the person";
        ldap_msgfree(found);
        return NULL;
    }

    n = ldap_count_entries(ld, found);
    entry = ldap_first_entry(ld, found);

    if (n != 1 || w->code != LDAP_SUCCESS) {
        ldap_msgfree(found);
        return NULL;
    }

    dn = ldap_get_dn(ld, entry);

    /* a DN changes when somebody marries or moves */

    ldap_read_text(ld, entry, "entryUUID", w->subject, sizeof(w->subject));

    id = w->subject[0] ? NULL
                       : ldap_get_values_len(ld, entry, "objectGUID");

    if (id && id[0] && id[0]->bv_len < sizeof(w->subject) / 2) {
        *ngx_hex_dump((u_char *) w->subject, (u_char *) id[0]->bv_val,
                      id[0]->bv_len) = '\0';
    }

    ldap_value_free_len(id);

    if (w->subject[0] == '\0' && dn && ngx_strlen(dn) < sizeof(w->subject)) {
        (void) ngx_cpystrn((u_char *) w->subject, (u_char *) dn,
                           sizeof(w->subject));
    }

    ldap_read_text(ld, entry, "mail", w->mail, sizeof(w->mail));
    ldap_read_text(ld, entry, "displayName", w->full, sizeof(w->full));
    ldap_read_text(ld, entry, "givenName", w->given, sizeof(w->given));
    ldap_read_text(ld, entry, "sn", w->family, sizeof(w->family));

    if (w->full[0] == '\0') {
        ldap_read_text(ld, entry, "cn", w->full, sizeof(w->full));
    }

    ldap_msgfree(found);

    return dn;
}


static void
ldap_groups(ldap_work_t *w, LDAP *ld, const char *dn)
{
    char                      *group, filter[2 * LDAP_TEXT];
    ngx_uint_t                 i;
    LDAPMessage               *found, *entry;
    carmen_role_map_t         *map;
    const carmen_directory_t  *d;

    static const char *const  attributes[] = { LDAP_NO_ATTRS, NULL };

    d = w->directory;

    if (d->group_base.len == 0 || d->roles.nelts == 0) {
        return;
    }

    found = NULL;
    w->code = LDAP_NO_MEMORY;

    if (ldap_fill(filter, sizeof(filter), &d->group_filter, dn) == NGX_OK) {
        w->code = ldap_search_ext_s(ld, (char *) d->group_base.data,
                                    LDAP_SCOPE_SUBTREE, filter,
                                    (char **) attributes, 0, NULL, NULL,
                                    NULL, 1000, &found);
    }

    if (w->code != LDAP_SUCCESS) {
        w->failed = "the search of the groups";
        ldap_msgfree(found);
        return;
    }

    map = d->roles.elts;

    for (entry = ldap_first_entry(ld, found); entry;
         entry = ldap_next_entry(ld, entry))
    {
        group = ldap_get_dn(ld, entry);

        for (i = 0; group && i < d->roles.nelts; i++) {
            if (ngx_strcasecmp((u_char *) group, map[i].value.data) == 0) {
                w->roles |= (uint64_t) 1 << i;
            }
        }

        ldap_memfree(group);
    }

    ldap_msgfree(found);
}


static int
ldap_bind_as(LDAP *ld, const char *dn, const char *password, size_t len)
{
    struct berval  cred;

    cred.bv_val = (char *) password;
    cred.bv_len = len;

    return ldap_sasl_bind_s(ld, dn, LDAP_SASL_SIMPLE, &cred, NULL, NULL,
                            NULL);
}


/* each %s is the text, escaped (RFC 4515 section 3) */

static ngx_int_t
ldap_fill(char *buf, size_t size, const ngx_str_t *filter, const char *text)
{
    char           *p, *end;
    size_t          i;
    struct berval   in, out;

    in.bv_val = (char *) text;
    in.bv_len = ngx_strlen(text);
    out.bv_val = NULL;

    if (ldap_bv2escaped_filter_value(&in, &out) != 0) {
        return NGX_ERROR;
    }

    p = buf;
    end = buf + size - 1;

    for (i = 0; i < filter->len; i++) {

        if (filter->data[i] == '%' && i + 1 < filter->len
            && filter->data[i + 1] == 's')
        {
            if ((size_t) (end - p) < out.bv_len) {
                break;
            }

            p = (char *) ngx_cpymem(p, out.bv_val, out.bv_len);
            i++;
            continue;
        }

        if (p == end) {
            break;
        }

        *p++ = filter->data[i];
    }

    *p = '\0';
    ldap_memfree(out.bv_val);

    return i == filter->len ? NGX_OK : NGX_ERROR;
}


static void
ldap_read_text(LDAP *ld, LDAPMessage *entry, const char *name, char *buf,
    size_t size)
{
    struct berval  **values;

    values = ldap_get_values_len(ld, entry, name);

    if (values && values[0] && values[0]->bv_len < size
        && memchr(values[0]->bv_val, '\0', values[0]->bv_len) == NULL)
    {
        ngx_memcpy(buf, values[0]->bv_val, values[0]->bv_len);
        buf[values[0]->bv_len] = '\0';
    }

    ldap_value_free_len(values);
}


static void
ldap_done(carmen_request_t *cr, void *data)
{
    ldap_work_t  *w = data;

    ldap_ctx_t               *ctx;
    ngx_http_request_t       *r;
    carmen_auth_main_conf_t  *amcf;

    r = carmen_request_http(cr);
    ctx = ngx_http_get_module_ctx(r, ngx_http_carmen_auth_module);
    amcf = ngx_http_get_module_main_conf(r, ngx_http_carmen_auth_module);

    if (w->rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "carmen: the directory \"%V\": %s failed: %s",
                      &w->directory->url, w->failed,
                      ldap_err2string(w->code));
        carmen_problem_reply(cr, "provider-unavailable", NULL, NULL);
        return;
    }

    carmen_attempt_close(amcf->zone, &ctx->attempt, w->rc == NGX_OK);

    if (w->rc == NGX_OK && w->subject[0]) {
        ldap_person(cr, w);
        return;
    }

    carmen_pair_t  values[] = {
        { "tenant", carmen_request_tenant(cr) },
        { "user", ngx_null_string },
        { "address", r->connection->addr_text },
        { NULL, ngx_null_string }
    };

    if (carmen_query(cr, &auth_login_failed, values, ldap_noted, NULL)
        == NGX_ERROR)
    {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
    }
}


static void
ldap_noted(carmen_request_t *cr, carmen_result_t *result, void *data)
{
    if (carmen_result_failed(result)) {
        carmen_result_refuse(cr, result);
        return;
    }

    carmen_problem_reply(cr, "invalid-credentials", NULL, NULL);
}


/* whoever runs the directory vouches for what stands in it */

static void
ldap_person(carmen_request_t *cr, ldap_work_t *w)
{
    json_t              *claims, *groups;
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_pool_t          *pool;
    carmen_person_t      person;
    carmen_role_map_t   *map;

    pool = carmen_request_http(cr)->pool;
    map = w->directory->roles.elts;

    ngx_memzero(&person, sizeof(carmen_person_t));

    ngx_str_set(&person.provider, "ldap");
    person.subject = ldap_copy(pool, w->subject);
    person.email = ldap_copy(pool, w->mail);
    person.name = ldap_copy(pool, w->full);
    person.given = ldap_copy(pool, w->given);
    person.family = ldap_copy(pool, w->family);
    person.verified = 1;

    groups = json_array();

    for (i = 0; i < w->directory->roles.nelts; i++) {
        if (w->roles & (uint64_t) 1 << i) {
            (void) json_array_append_new(groups,
                                    json_string((char *) map[i].value.data));
        }
    }

    claims = json_pack("{so}", "group", groups);
    rc = NGX_ERROR;

    if (claims && person.subject.data) {
        rc = carmen_profile_roles(pool,
                                  (ngx_array_t *) &w->directory->roles,
                                  claims, &person);
    }

    json_decref(claims);

    if (rc != NGX_OK) {
        carmen_problem_reply(cr, "internal-error", NULL, NULL);
        return;
    }

    carmen_federation_login(cr, &person);
}


/* data NULL: empty */

static ngx_str_t
ldap_copy(ngx_pool_t *pool, const char *text)
{
    ngx_str_t  copy;

    copy.len = ngx_strlen(text);
    copy.data = copy.len ? ngx_pnalloc(pool, copy.len + 1) : NULL;

    if (copy.data) {
        ngx_memcpy(copy.data, text, copy.len + 1);

    } else {
        copy.len = 0;
    }

    return copy;
}
