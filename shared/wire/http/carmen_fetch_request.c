
/* The request of a fetch: a URL becomes a target and the text to send. */

#include <carmen_core.h>
#include "carmen_fetch.h"


static ngx_int_t carmen_fetch_build(carmen_fetch_t *f);


/* RFC 3986, as far as http and https go: no user information, no fragment */

ngx_int_t
carmen_fetch_prepare(carmen_fetch_t *f)
{
    u_char      *p, *end;
    ngx_str_t    rest;
    ngx_url_t   *u;

    for (p = f->url.data; p < f->url.data + f->url.len; p++) {
        if (*p <= 0x20 || *p >= 0x7f || *p == '#') {
            carmen_fetch_end(f, "the URL has a character that it must not "
                             "have");
            return NGX_ERROR;
        }
    }

    rest = f->url;

    if (rest.len > 8
        && ngx_strncasecmp(rest.data, (u_char *) "https://", 8) == 0)
    {
        f->tls = 1;
        rest.data += 8;
        rest.len -= 8;

        if (f->policy->ssl == NULL) {
            carmen_fetch_end(f, "https is not configured");
            return NGX_ERROR;
        }

    } else if (f->policy->allow_plain && rest.len > 7
               && ngx_strncasecmp(rest.data, (u_char *) "http://", 7) == 0)
    {
        rest.data += 7;
        rest.len -= 7;

    } else {
        carmen_fetch_end(f, "the URL is not https");
        return NGX_ERROR;
    }

    end = rest.data + rest.len;

    for (p = rest.data; p < end && *p != '/' && *p != '?'; p++) {
        if (*p == '@') {
            carmen_fetch_end(f, "the URL names a user");
            return NGX_ERROR;
        }
    }

    u = &f->target;
    u->url = rest;
    u->default_port = f->tls ? 443 : 80;
    u->uri_part = 1;
    u->no_resolve = 1;

    if (ngx_parse_url(f->pool, u) != NGX_OK || u->family == AF_UNIX) {
        carmen_fetch_end(f, "the URL cannot be read");
        return NGX_ERROR;
    }

    f->host = u->host;

    if (f->host.len && f->host.data[0] == '[') {
        f->host.data++;
        f->host.len -= 2;
    }

    return carmen_fetch_build(f);
}


static ngx_int_t
carmen_fetch_build(carmen_fetch_t *f)
{
    u_char        *p;
    size_t         len;
    ngx_str_t      method;
    ngx_url_t     *u;
    ngx_uint_t     i, slash;
    ngx_keyval_t  *kv;

    u = &f->target;
    kv = f->headers.elts;

    ngx_str_set(&method, "GET");

    if (f->method.len) {
        method = f->method;
    }

    /* "https://host?query" lacks a slash */

    slash = (u->uri.len == 0 || u->uri.data[0] != '/');

    len = method.len + u->uri.len + u->host.len + f->body.len
          + sizeof(" / HTTP/1.1" CRLF "Host: :65535" CRLF
                   "Connection: close" CRLF "User-Agent: Carmen" CRLF
                   "Content-Length: " CRLF CRLF) + NGX_OFF_T_LEN;

    for (i = 0; i < f->headers.nelts; i++) {
        len += kv[i].key.len + kv[i].value.len + sizeof(": " CRLF);
    }

    p = ngx_pnalloc(f->pool, len);
    if (p == NULL) {
        carmen_fetch_end(f, "no memory");
        return NGX_ERROR;
    }

    f->request.data = p;

    p = ngx_sprintf(p, "%V %s%V HTTP/1.1" CRLF "Host: %V", &method,
                    slash ? "/" : "", &u->uri, &u->host);

    if (u->port != u->default_port) {
        p = ngx_sprintf(p, ":%d", (int) u->port);
    }

    p = ngx_sprintf(p, CRLF "Connection: close" CRLF
                    "User-Agent: Carmen" CRLF);

    if (f->body.data) {
        p = ngx_sprintf(p, "Content-Length: %uz" CRLF, f->body.len);
    }

    for (i = 0; i < f->headers.nelts; i++) {
        p = ngx_sprintf(p, "%V: %V" CRLF, &kv[i].key, &kv[i].value);
    }

    *p++ = CR;
    *p++ = LF;

    if (f->body.len) {
        p = ngx_cpymem(p, f->body.data, f->body.len);
    }

    f->request.len = p - f->request.data;

    return NGX_OK;
}
