
/* The Prometheus text format 0.0.4. */

#include <carmen_core.h>
#include <nginx.h>
#include "carmen_metrics.h"
#include "carmen_text.h"


static void carmen_metrics_head(carmen_text_t *t, const char *name,
    size_t len, const char *help, const char *type);
static void carmen_metrics_process(carmen_text_t *t, carmen_metrics_t *m);
static void carmen_metrics_requests(carmen_text_t *t, carmen_metrics_t *m);
static void carmen_metrics_latency(carmen_text_t *t, carmen_metrics_t *m);
static void carmen_metrics_route(carmen_text_t *t, ngx_str_t *label);
static void carmen_metrics_series(carmen_text_t *t, carmen_metrics_t *m);


#define CARMEN_METRICS_NAME(code)  #code,

static const char *const  carmen_metrics_codes[CARMEN_METRICS_CODES] = {
    "other",
    CARMEN_METRICS_STATUSES(CARMEN_METRICS_NAME)
};


static const char *const  carmen_metrics_le[CARMEN_METRICS_BUCKETS] = {
    "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1",
    "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"
};


ngx_int_t
carmen_metrics_handler(ngx_http_request_t *r)
{
    ngx_int_t          rc;
    carmen_text_t      t;
    carmen_metrics_t  *m;

    rc = carmen_page_method(r);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    m = carmen_metrics_current();
    if (m == NULL) {
        return carmen_problem_send(r, "internal-error", NULL, NULL);
    }

    carmen_text_init(&t, r->pool, 16384);

    carmen_metrics_process(&t, m);
    carmen_metrics_requests(&t, m);
    carmen_metrics_latency(&t, m);
    carmen_metrics_series(&t, m);

    return carmen_page_text(r, NGX_HTTP_OK,
                            "text/plain; version=0.0.4; charset=utf-8", &t,
                            "no-store");
}


static void
carmen_metrics_head(carmen_text_t *t, const char *name, size_t len,
    const char *help, const char *type)
{
    const char  *p;

    carmen_text_lit(t, "# HELP ");
    carmen_text_add(t, name, len);
    carmen_text_lit(t, " ");

    for (p = help; *p; p++) {
        if (*p == '\n') {
            carmen_text_lit(t, "\\n");

        } else if (*p == '\\') {
            carmen_text_lit(t, "\\\\");

        } else {
            carmen_text_add(t, p, 1);
        }
    }

    carmen_text_lit(t, "\n# TYPE ");
    carmen_text_add(t, name, len);
    carmen_text_format(t, " %s\n", type);
}


#define carmen_metrics_title(t, name, help, type)                             \
    carmen_metrics_head(t, name, sizeof(name) - 1, help, type)


static void
carmen_metrics_process(carmen_text_t *t, carmen_metrics_t *m)
{
    ngx_uint_t  workers;

    carmen_metrics_title(t, "carmen_build_info",
                         "What is running; the value is 1.", "gauge");
    carmen_text_format(t, "carmen_build_info{abi=\"%d\",nginx=\""
                       NGINX_VERSION "\"} 1\n", CARMEN_ABI);

    workers = 0;
    (void) carmen_metrics_gauge(m, NULL, &workers);

    carmen_metrics_title(t, "carmen_workers", "Worker processes, those that "
                         "are finishing their requests included.", "gauge");
    carmen_text_format(t, "carmen_workers %ui\n", workers);

#if (NGX_STAT_STUB)

    carmen_metrics_title(t, "nginx_connections_accepted_total",
                         "Client connections accepted.", "counter");
    carmen_text_format(t, "nginx_connections_accepted_total %uA\n",
                       *ngx_stat_accepted);

    carmen_metrics_title(t, "nginx_connections_handled_total",
                         "Client connections that were not turned away.",
                         "counter");
    carmen_text_format(t, "nginx_connections_handled_total %uA\n",
                       *ngx_stat_handled);

    carmen_metrics_title(t, "nginx_connections",
                         "Client connections by what they do.", "gauge");
    carmen_text_format(t, "nginx_connections{state=\"reading\"} %uA\n"
                       "nginx_connections{state=\"writing\"} %uA\n"
                       "nginx_connections{state=\"waiting\"} %uA\n",
                       *ngx_stat_reading, *ngx_stat_writing,
                       *ngx_stat_waiting);

    carmen_metrics_title(t, "nginx_requests_total",
                         "Requests to nginx, Carmen's included.", "counter");
    carmen_text_format(t, "nginx_requests_total %uA\n", *ngx_stat_requests);

#endif
}


static void
carmen_metrics_requests(carmen_text_t *t, carmen_metrics_t *m)
{
    ngx_uint_t  i, n, values[CARMEN_METRICS_CODES];

    carmen_metrics_title(t, "carmen_http_requests_total",
                         "Requests answered, by route and status.", "counter");

    for (i = 0; i < m->nroutes; i++) {
        carmen_metrics_read(m, &m->routes[i], CARMEN_METRICS_CODES, values);

        for (n = 0; n < CARMEN_METRICS_CODES; n++) {
            if (values[n] == 0) {
                continue;
            }

            carmen_text_lit(t, "carmen_http_requests_total{");
            carmen_metrics_route(t, &m->routes[i].key);
            carmen_text_format(t, ",status=\"%s\"} %ui\n",
                               carmen_metrics_codes[n], values[n]);
        }
    }
}


static void
carmen_metrics_latency(carmen_text_t *t, carmen_metrics_t *m)
{
    ngx_str_t   *key;
    ngx_uint_t   i, n, count, sum, cells[CARMEN_METRICS_ROUTE];

    carmen_metrics_title(t, "carmen_http_request_duration_seconds",
                         "Time from the start of a request to its answer.",
                         "histogram");

    for (i = 0; i < m->nroutes; i++) {
        key = &m->routes[i].key;

        carmen_metrics_read(m, &m->routes[i], CARMEN_METRICS_ROUTE, cells);

        sum = cells[CARMEN_METRICS_SUM];
        count = 0;

        for (n = 0; n < CARMEN_METRICS_BUCKETS; n++) {
            count += cells[CARMEN_METRICS_LATENCY + n];
        }

        if (count == 0) {
            continue;
        }

        count = 0;

        for (n = 0; n < CARMEN_METRICS_BUCKETS; n++) {
            count += cells[CARMEN_METRICS_LATENCY + n];

            carmen_text_lit(t, "carmen_http_request_duration_seconds_bucket{");
            carmen_metrics_route(t, key);
            carmen_text_format(t, ",le=\"%s\"} %ui\n", carmen_metrics_le[n],
                               count);
        }

        carmen_text_lit(t, "carmen_http_request_duration_seconds_sum{");
        carmen_metrics_route(t, key);
        carmen_text_format(t, "} %ui.%06ui\n", sum / 1000000, sum % 1000000);

        carmen_text_lit(t, "carmen_http_request_duration_seconds_count{");
        carmen_metrics_route(t, key);
        carmen_text_format(t, "} %ui\n", count);
    }
}


/* "GET /orders/{orderId}" */

static void
carmen_metrics_route(carmen_text_t *t, ngx_str_t *label)
{
    u_char  *p, *end;

    end = label->data + label->len;

    p = ngx_strlchr(label->data, end, ' ');
    if (p == NULL) {
        p = end;
    }

    carmen_text_lit(t, "method=");
    carmen_text_label(t, label->data, p - label->data);
    carmen_text_lit(t, ",route=");

    if (p < end) {
        p++;
    }

    carmen_text_label(t, p, end - p);
}


/* the series of a name must be together, however they were registered */

static void
carmen_metrics_series(carmen_text_t *t, carmen_metrics_t *m)
{
    ngx_uint_t                i, n, value;
    carmen_metrics_series_t  *s;

    s = m->series.elts;

#define carmen_metrics_same(a, b)                                             \
    (s[a].family == s[b].family                                               \
     && ngx_strncmp(s[a].key.data, s[b].key.data, s[a].family) == 0)

    for (i = 0; i < m->series.nelts; i++) {

        for (n = 0; n < i && !carmen_metrics_same(n, i); n++) { /* void */ }

        if (n < i) {
            continue;
        }

        carmen_metrics_head(t, (char *) s[i].key.data, s[i].family, s[i].help,
                            s[i].type == CARMEN_GAUGE ? "gauge" : "counter");

        for (n = i; n < m->series.nelts; n++) {

            if (!carmen_metrics_same(n, i)) {
                continue;
            }

            carmen_text_str(t, &s[n].key);

            if (s[n].type == CARMEN_GAUGE) {
                carmen_text_format(t, " %i\n",
                                   carmen_metrics_gauge(m, &s[n], NULL));
            } else {
                carmen_metrics_read(m, &s[n], 1, &value);
                carmen_text_format(t, " %ui\n", value);
            }
        }
    }

#undef carmen_metrics_same
}
