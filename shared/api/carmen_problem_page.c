
#include <carmen_core.h>
#include "carmen_problem_table.h"
#include "carmen_text.h"


#define CARMEN_PROBLEM_JSON  0
#define CARMEN_PROBLEM_HTML  1


/* the policy names the style by its SHA-256: change both */

#define CARMEN_PROBLEM_STYLE                                                  \
    "body{font:1.05rem/1.6 system-ui,sans-serif;max-width:44rem;margin:"      \
    "3rem auto;padding:0 1rem;color:#1b1f24;background:#fff}a{color:#0b"      \
    "4fa8}h1{line-height:1.25}dt{font-weight:600}dd{margin:0 0 1rem}cod"      \
    "e{font-size:1rem}table{border-collapse:collapse}th,td{text-align:l"      \
    "eft;padding:.3rem 1rem .3rem 0;border-bottom:1px solid #c8ccd1;ver"      \
    "tical-align:top}@media(prefers-color-scheme:dark){body{color:#e6e8"      \
    "eb;background:#14171a}a{color:#8ab8ff}th,td{border-color:#444a52}}"

#define CARMEN_PROBLEM_POLICY                                                 \
    "default-src 'none'; style-src 'sha256-"                                  \
    "gG7JNQbpFQFawd46vUfmkRcE4xXGTH/60uk65d+VsHM='; "                         \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


static ngx_int_t carmen_problem_accept(ngx_http_request_t *r);
static ngx_uint_t carmen_problem_quality(ngx_str_t *accept, const char *type);
static ngx_uint_t carmen_problem_qvalue(u_char *p, u_char *last);
static ngx_int_t carmen_problem_headers(ngx_http_request_t *r,
    ngx_int_t form);
static void carmen_problem_json(carmen_text_t *t, ngx_str_t *base,
    const carmen_problem_t *p, ngx_uint_t full);
static void carmen_problem_head(carmen_text_t *t, const char *title);
static void carmen_problem_page(carmen_text_t *t, const carmen_problem_t *p);
static void carmen_problem_index(carmen_text_t *t);


ngx_int_t
carmen_problems_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc, form;
    ngx_str_t                  name, base;
    ngx_uint_t                 i;
    carmen_text_t              t;
    const carmen_problem_t    *p;
    ngx_http_core_loc_conf_t  *clcf;

    rc = carmen_page_method(r);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    base.len = ngx_min(clcf->name.len, r->uri.len);
    base.data = r->uri.data;

    if (base.len < r->uri.len && r->uri.data[base.len - 1] != '/') {
        base.len++;
    }

    name.data = base.data + base.len;
    name.len = r->uri.len - base.len;
    p = NULL;

    if (name.len) {
        p = carmen_problem_find(&name);
        if (p == NULL) {
            return carmen_problem_send(r, "not-found", NULL, NULL);
        }
    }

    form = carmen_problem_accept(r);
    if (form == NGX_DECLINED) {
        return carmen_problem_send(r, "not-acceptable", NULL, NULL);
    }

    if (carmen_problem_headers(r, form) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    carmen_text_init(&t, r->pool, 2048);

    if (form == CARMEN_PROBLEM_HTML) {
        if (p) {
            carmen_problem_page(&t, p);
        } else {
            carmen_problem_index(&t);
        }

        return carmen_page_text(r, NGX_HTTP_OK, "text/html; charset=utf-8", &t,
                                "public, max-age=3600");
    }

    if (p) {
        carmen_problem_json(&t, &base, p, 1);

    } else {
        carmen_text_lit(&t, "{\"problems\":[");

        for (i = 0; (p = carmen_problem_at(i)) != NULL; i++) {
            carmen_problem_json(&t, &base, p, 0);
            carmen_text_lit(&t, ",");
        }

        carmen_text_uncomma(&t);
        carmen_text_lit(&t, "]}");
    }

    return carmen_page_text(r, NGX_HTTP_OK, "application/json", &t,
                            "public, max-age=3600");
}


/* RFC 9110 section 12.5.1; HTML for those who do not mind */

static ngx_int_t
carmen_problem_accept(ngx_http_request_t *r)
{
    ngx_str_t         accept;
    ngx_uint_t        i, html, json;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    ngx_str_null(&accept);

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == sizeof("Accept") - 1
            && ngx_strncasecmp(h[i].key.data, (u_char *) "Accept",
                               sizeof("Accept") - 1) == 0)
        {
            accept = h[i].value;
            break;
        }
    }

    if (accept.len == 0) {
        return CARMEN_PROBLEM_HTML;
    }

    html = carmen_problem_quality(&accept, "text/html");
    json = carmen_problem_quality(&accept, "application/json");

    if (html == 0 && json == 0) {
        return NGX_DECLINED;
    }

    return (json > html) ? CARMEN_PROBLEM_JSON : CARMEN_PROBLEM_HTML;
}


/* in thousandths; the most specific range that fits decides */

static ngx_uint_t
carmen_problem_quality(ngx_str_t *accept, const char *type)
{
    size_t       len, all, major;
    u_char      *p, *end, *last, *range;
    ngx_uint_t   q, best, rank;

    all = ngx_strlen(type);
    major = (u_char *) ngx_strchr(type, '/') - (u_char *) type + 1;

    q = 0;
    best = 0;

    for (p = accept->data, end = p + accept->len; p < end; p = last + 1) {

        last = ngx_strlchr(p, end, ',');
        if (last == NULL) {
            last = end;
        }

        while (p < last && (*p == ' ' || *p == '\t')) {
            p++;
        }

        range = p;

        while (p < last && *p != ';' && *p != ' ' && *p != '\t') {
            p++;
        }

        len = p - range;

        if (len == all
            && ngx_strncasecmp(range, (u_char *) type, all) == 0)
        {
            rank = 3;

        } else if (len == major + 1 && range[major] == '*'
                   && ngx_strncasecmp(range, (u_char *) type, major) == 0)
        {
            rank = 2;

        } else if (len == 3 && ngx_strncmp(range, "*/*", 3) == 0) {
            rank = 1;

        } else {
            continue;
        }

        if (rank > best) {
            best = rank;
            q = carmen_problem_qvalue(p, last);
        }
    }

    return q;
}


static ngx_uint_t
carmen_problem_qvalue(u_char *p, u_char *last)
{
    ngx_uint_t  q, unit;

    for ( /* void */ ; p + 2 < last; p++) {
        if ((p[0] == ';' || p[0] == ' ') && (p[1] == 'q' || p[1] == 'Q')
            && p[2] == '=')
        {
            break;
        }
    }

    if (p + 3 >= last) {
        return 1000;
    }

    if (p[3] == '1') {
        return 1000;
    }

    q = 0;
    unit = 100;

    for (p += 5; p < last && *p >= '0' && *p <= '9' && unit; p++) {
        q += (*p - '0') * unit;
        unit /= 10;
    }

    return q;
}


static ngx_int_t
carmen_problem_headers(ngx_http_request_t *r, ngx_int_t form)
{
    static ngx_str_t  vary = ngx_string("Accept");
    static ngx_str_t  policy = ngx_string(CARMEN_PROBLEM_POLICY);
    static ngx_str_t  referrer = ngx_string("no-referrer");

    if (carmen_page_header(r, "Vary", &vary) != NGX_OK) {
        return NGX_ERROR;
    }

    if (form == CARMEN_PROBLEM_HTML
        && (carmen_page_header(r, "Content-Security-Policy", &policy) != NGX_OK
            || carmen_page_header(r, "Referrer-Policy", &referrer) != NGX_OK))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
carmen_problem_json(carmen_text_t *t, ngx_str_t *base,
    const carmen_problem_t *p, ngx_uint_t full)
{
    ngx_str_t  type;

    type.len = base->len + ngx_strlen(p->name);
    type.data = ngx_pnalloc(t->pool, type.len);

    if (type.data == NULL) {
        t->failed = 1;
        return;
    }

    ngx_memcpy(ngx_cpymem(type.data, base->data, base->len), p->name,
               type.len - base->len);

    carmen_text_lit(t, "{\"type\":");
    carmen_text_json(t, type.data, type.len);
    carmen_text_format(t, ",\"status\":%ui,\"title\":", p->status);
    carmen_text_jsonc(t, p->title);

    if (full && p->doc) {
        carmen_text_lit(t, ",\"description\":");
        carmen_text_jsonc(t, p->doc);
    }

    carmen_text_lit(t, "}");
}


static void
carmen_problem_head(carmen_text_t *t, const char *title)
{
    carmen_text_lit(t, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
        "<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width,"
        "initial-scale=1\">\n<title>");
    carmen_text_html(t, title);
    carmen_text_lit(t, "</title>\n<style>" CARMEN_PROBLEM_STYLE "</style>\n"
        "</head>\n<body>\n<main>\n<h1>");
    carmen_text_html(t, title);
    carmen_text_lit(t, "</h1>\n");
}


static void
carmen_problem_page(carmen_text_t *t, const carmen_problem_t *p)
{
    carmen_problem_head(t, p->title);

    if (p->doc) {
        carmen_text_lit(t, "<p>");
        carmen_text_html(t, p->doc);
        carmen_text_lit(t, "</p>\n");
    }

    carmen_text_lit(t, "<dl>\n<dt>Problem</dt><dd><code>");
    carmen_text_html(t, p->name);
    carmen_text_format(t, "</code></dd>\n<dt>HTTP status</dt><dd>%ui</dd>\n"
                       "</dl>\n", p->status);
    carmen_text_lit(t, "<p><a href=\"./\">All problems</a></p>\n"
                    "</main>\n</body>\n</html>\n");
}


static void
carmen_problem_index(carmen_text_t *t)
{
    ngx_uint_t               i;
    const carmen_problem_t  *p;

    carmen_problem_head(t, "Problems");

    carmen_text_lit(t, "<p>What an <code>application/problem+json</code> "
        "answer (RFC 9457) can say.</p>\n<table>\n<thead><tr>"
        "<th scope=\"col\">Status</th><th scope=\"col\">Problem</th>"
        "<th scope=\"col\">Meaning</th></tr></thead>\n<tbody>\n");

    for (i = 0; (p = carmen_problem_at(i)) != NULL; i++) {
        carmen_text_format(t, "<tr><td>%ui</td><td><a href=\"", p->status);
        carmen_text_html(t, p->name);
        carmen_text_lit(t, "\">");
        carmen_text_html(t, p->name);
        carmen_text_lit(t, "</a></td><td>");
        carmen_text_html(t, p->title);
        carmen_text_lit(t, "</td></tr>\n");
    }

    carmen_text_lit(t, "</tbody>\n</table>\n</main>\n</body>\n</html>\n");
}
