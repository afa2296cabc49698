
#include <carmen_core.h>
#include "carmen_health.h"
#include "carmen_text.h"


typedef struct {
    ngx_str_t                 name;
    const char               *type;
    carmen_health_pt          check;
    void                     *data;
} carmen_health_check_t;


/* the entries of one array of "checks" */

typedef struct {
    const char               *measurement;
    carmen_text_t             text;
} carmen_health_group_t;


struct carmen_health_s {
    ngx_pool_t               *pool;
    carmen_health_check_t    *check;
    carmen_health_e           status;        /* the worst so far */
    ngx_array_t               groups;        /* of this check */
    u_char                    time[sizeof("2026-01-02T03:04:05Z")];
    ngx_uint_t                failed;        /* unsigned  failed:1; */
};


static void carmen_health_forget(void *data);
static ngx_int_t carmen_health_live(ngx_http_request_t *r);
static ngx_int_t carmen_health_checks(ngx_http_request_t *r,
    ngx_uint_t process);
static carmen_health_group_t *carmen_health_group(carmen_health_t *health,
    const char *measurement);
static void carmen_health_write(carmen_text_t *t, carmen_health_t *health);
static void carmen_health_process(carmen_text_t *t, carmen_health_t *health);
static ngx_int_t carmen_health_send(ngx_http_request_t *r,
    carmen_health_e status, carmen_text_t *t);


static const char *const  carmen_health_names[] = { "pass", "warn", "fail" };

/* carmen_health_check_t, of the configuration being read and the running */
static ngx_array_t  *carmen_health_new;
static ngx_array_t  *carmen_health;

static time_t        carmen_health_started;


ngx_int_t
carmen_health_register(ngx_conf_t *cf, ngx_str_t *name, const char *type,
    carmen_health_pt check, void *data)
{
    ngx_array_t            *checks;
    ngx_pool_cleanup_t     *cln;
    carmen_health_check_t  *c;

    if (carmen_health_new == NULL) {

        checks = ngx_array_create(cf->cycle->pool, 4,
                                  sizeof(carmen_health_check_t));
        if (checks == NULL) {
            return NGX_ERROR;
        }

        /* the configuration may be given up at any point */

        cln = ngx_pool_cleanup_add(cf->cycle->pool, 0);
        if (cln == NULL) {
            return NGX_ERROR;
        }

        cln->handler = carmen_health_forget;
        cln->data = checks;

        carmen_health_new = checks;
    }

    c = ngx_array_push(carmen_health_new);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->name = *name;
    c->type = type;
    c->check = check;
    c->data = data;

    return NGX_OK;
}


static void
carmen_health_forget(void *data)
{
    if (carmen_health_new == data) {
        carmen_health_new = NULL;
    }

    if (carmen_health == data) {
        carmen_health = NULL;
    }
}


ngx_int_t
carmen_health_init_module(ngx_cycle_t *cycle)
{
    carmen_health = carmen_health_new;
    carmen_health_new = NULL;

    if (carmen_health_started == 0) {
        carmen_health_started = ngx_time();
    }

    return NGX_OK;
}


ngx_int_t
carmen_health_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_str_t                  rest;
    ngx_http_core_loc_conf_t  *clcf;

    rc = carmen_page_method(r);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    rest = r->uri;

    if (clcf->exact_match) {

        /* the last segment, for "location = /health/live" */

        while (rest.len && ngx_strlchr(rest.data + 1, rest.data + rest.len,
                                       '/'))
        {
            rest.data++;
            rest.len--;
        }

    } else if (rest.len >= clcf->name.len) {
        rest.data += clcf->name.len;
        rest.len -= clcf->name.len;
    }

    if (rest.len && rest.data[0] == '/') {
        rest.data++;
        rest.len--;
    }

    if (rest.len == 4 && ngx_strncmp(rest.data, "live", 4) == 0) {
        return carmen_health_live(r);
    }

    if (rest.len == 5 && ngx_strncmp(rest.data, "ready", 5) == 0) {
        return carmen_health_checks(r, 0);
    }

    if (rest.len && !clcf->exact_match) {
        return carmen_problem_send(r, "not-found", NULL, NULL);
    }

    return carmen_health_checks(r, 1);
}


static ngx_int_t
carmen_health_live(ngx_http_request_t *r)
{
    carmen_text_t  t;

    carmen_text_init(&t, r->pool, 64);
    carmen_text_lit(&t, "{\"status\":\"pass\",\"version\":\"1\"}");

    return carmen_health_send(r, CARMEN_HEALTH_PASS, &t);
}


static ngx_int_t
carmen_health_checks(ngx_http_request_t *r, ngx_uint_t process)
{
    ngx_tm_t                tm;
    ngx_uint_t              i;
    carmen_text_t           t, checks;
    carmen_health_t         health;
    carmen_health_check_t  *check;

    ngx_memzero(&health, sizeof(carmen_health_t));

    health.pool = r->pool;
    health.status = CARMEN_HEALTH_PASS;

    ngx_gmtime(ngx_time(), &tm);
    (void) ngx_sprintf(health.time, "%4d-%02d-%02dT%02d:%02d:%02dZ%Z",
                       tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                       tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec);

    carmen_text_init(&checks, r->pool, 1024);

    if (carmen_health) {
        check = carmen_health->elts;

        for (i = 0; i < carmen_health->nelts; i++) {

            if (ngx_array_init(&health.groups, r->pool, 4,
                               sizeof(carmen_health_group_t))
                != NGX_OK)
            {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            health.check = &check[i];
            check[i].check(&health, check[i].data);

            carmen_health_write(&checks, &health);
        }
    }

    carmen_health_process(&checks, &health);

    if (health.failed || checks.failed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    carmen_text_init(&t, r->pool, 128 + (checks.last - checks.start));

    carmen_text_format(&t, "{\"status\":\"%s\",\"version\":\"1\"",
                       carmen_health_names[health.status]);

    if (process) {
        carmen_text_lit(&t, ",\"description\":\"Carmen in nginx\"");
    }

    carmen_text_uncomma(&checks);
    carmen_text_lit(&t, ",\"checks\":{");
    carmen_text_add(&t, checks.start, checks.last - checks.start);
    carmen_text_lit(&t, "}}");

    return carmen_health_send(r, health.status, &t);
}


void
carmen_health_report(carmen_health_t *health,
    const carmen_health_entry_t *entry)
{
    carmen_text_t          *t;
    carmen_health_group_t  *group;

    group = carmen_health_group(health, entry->measurement);
    if (group == NULL) {
        health->failed = 1;
        return;
    }

    t = &group->text;

    carmen_text_lit(t, "{");

    if (entry->component.len) {
        carmen_text_lit(t, "\"componentId\":");
        carmen_text_json(t, entry->component.data, entry->component.len);
        carmen_text_lit(t, ",");
    }

    carmen_text_lit(t, "\"componentType\":");
    carmen_text_jsonc(t, health->check->type);

    if (entry->unit) {
        carmen_text_format(t, ",\"observedValue\":%i,\"observedUnit\":",
                           entry->value);
        carmen_text_jsonc(t, entry->unit);
    }

    carmen_text_format(t, ",\"status\":\"%s\"",
                       carmen_health_names[entry->status]);

    if (entry->output.len && entry->status != CARMEN_HEALTH_PASS) {
        carmen_text_lit(t, ",\"output\":");
        carmen_text_json(t, entry->output.data, entry->output.len);
    }

    carmen_text_format(t, ",\"time\":\"%s\"},", health->time);

    if (entry->status > health->status) {
        health->status = entry->status;
    }
}


static carmen_health_group_t *
carmen_health_group(carmen_health_t *health, const char *measurement)
{
    ngx_uint_t              i;
    carmen_health_group_t  *group;

    group = health->groups.elts;

    for (i = 0; i < health->groups.nelts; i++) {
        if (ngx_strcmp(group[i].measurement, measurement) == 0) {
            return &group[i];
        }
    }

    group = ngx_array_push(&health->groups);

    if (group) {
        group->measurement = measurement;
        carmen_text_init(&group->text, health->pool, 512);
    }

    return group;
}


static void
carmen_health_write(carmen_text_t *t, carmen_health_t *health)
{
    u_char                 *p;
    ngx_str_t               key;
    ngx_uint_t              i;
    carmen_health_group_t  *group;

    group = health->groups.elts;

    for (i = 0; i < health->groups.nelts; i++) {

        key.len = health->check->name.len + 1
                  + ngx_strlen(group[i].measurement);

        key.data = ngx_pnalloc(health->pool, key.len);

        if (key.data == NULL || group[i].text.failed) {
            health->failed = 1;
            return;
        }

        p = ngx_cpymem(key.data, health->check->name.data,
                       health->check->name.len);
        *p++ = ':';
        ngx_memcpy(p, group[i].measurement, key.data + key.len - p);

        carmen_text_uncomma(&group[i].text);

        carmen_text_json(t, key.data, key.len);
        carmen_text_lit(t, ":[");
        carmen_text_add(t, group[i].text.start,
                        group[i].text.last - group[i].text.start);
        carmen_text_lit(t, "],");
    }
}


/* a worker that is leaving asks to be left out */

static void
carmen_health_process(carmen_text_t *t, carmen_health_t *health)
{
    ngx_uint_t  leaving;

    leaving = (ngx_exiting || ngx_quit || ngx_terminate);

    carmen_text_format(t, "\"uptime\":[{\"componentType\":\"system\","
                       "\"observedValue\":%T,\"observedUnit\":\"s\","
                       "\"status\":\"%s\"",
                       ngx_time() - carmen_health_started,
                       leaving ? "fail" : "pass");

    if (leaving) {
        carmen_text_lit(t, ",\"output\":\"This process is shutting down.\"");
        health->status = CARMEN_HEALTH_FAIL;
    }

    carmen_text_format(t, ",\"time\":\"%s\"}],", health->time);
}


static ngx_int_t
carmen_health_send(ngx_http_request_t *r, carmen_health_e status,
    carmen_text_t *t)
{
    return carmen_page_text(r, status == CARMEN_HEALTH_FAIL
                               ? NGX_HTTP_SERVICE_UNAVAILABLE : NGX_HTTP_OK,
                            "application/health+json", t, "no-store");
}
