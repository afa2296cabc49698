
/* RFC 9457 on the wire, and what an error of the database means there. */

#include <carmen_core.h>
#include "carmen_context.h"
#include "carmen_text.h"


#define carmen_put(p, text)  ngx_cpymem(p, text, sizeof(text) - 1)


static ngx_uint_t carmen_problem_waits(ngx_http_request_t *r);


ngx_int_t
carmen_problem_send(ngx_http_request_t *r, const char *name,
    ngx_str_t *detail, ngx_str_t *members)
{
    ngx_int_t                rc;
    ngx_buf_t               *b;
    ngx_str_t                key, body, value;
    ngx_chain_t              out;
    const carmen_problem_t  *problem;

    key.data = (u_char *) name;
    key.len = ngx_strlen(name);

    problem = carmen_problem_find(&key);

    if (problem == NULL) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "carmen: the problem \"%V\" is in no table", &key);

        ngx_str_set(&key, "internal-error");
        problem = carmen_problem_find(&key);
        detail = NULL;
        members = NULL;

        if (problem == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        return NGX_ERROR;
    }

    if (carmen_problem_render(r, problem, detail, members, &body) != NGX_OK) {
        return NGX_ERROR;
    }

    r->headers_out.status = problem->status;
    r->headers_out.content_length_n = body.len;

    /* the reason phrases that nginx lacks */

    if (problem->status == 422) {
        ngx_str_set(&r->headers_out.status_line, "422 Unprocessable Content");

    } else if (problem->status == 428) {
        ngx_str_set(&r->headers_out.status_line, "428 Precondition Required");
    }
    ngx_str_set(&r->headers_out.content_type, "application/problem+json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    ngx_str_set(&value, "no-store");

    if (carmen_header_add(r, "Cache-Control", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if ((problem->status == NGX_HTTP_SERVICE_UNAVAILABLE
         || problem->status == NGX_HTTP_TOO_MANY_REQUESTS)
        && !carmen_problem_waits(r))
    {
        ngx_str_set(&value, "1");

        if (carmen_header_add(r, "Retry-After", &value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = body.data;
    b->last = body.data + body.len;
    b->memory = 1;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/* whether a handler has said how long to wait */

static ngx_uint_t
carmen_problem_waits(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].hash && h[i].key.len == sizeof("Retry-After") - 1
                && ngx_strcasecmp(h[i].key.data, (u_char *) "Retry-After")
                   == 0)
            {
                return 1;
            }
        }
    }

    return 0;
}


void
carmen_problem_reply(carmen_request_t *cr, const char *name,
    ngx_str_t *detail, ngx_str_t *members)
{
    ngx_str_t                key;
    carmen_refuse_pt         refuse;
    const carmen_problem_t  *problem;

    cr->answered = 1;

    if (cr->refuse) {
        key.data = (u_char *) name;
        key.len = ngx_strlen(name);

        problem = carmen_problem_find(&key);

        if (problem == NULL) {
            ngx_str_set(&key, "internal-error");
            problem = carmen_problem_find(&key);
        }

        /* what goes wrong in there is answered by the core */

        refuse = cr->refuse;
        cr->refuse = NULL;

        refuse(cr, problem, detail && detail->len ? detail : NULL);
        return;
    }

    carmen_request_finish(cr, carmen_problem_send(cr->http, name, detail,
                                                  members));
}


ngx_int_t
carmen_problem_render(ngx_http_request_t *r, const carmen_problem_t *problem,
    ngx_str_t *detail, ngx_str_t *members, ngx_str_t *body)
{
    u_char     *p;
    size_t      name, title, len;
    ngx_str_t   instance;

    if (carmen_request_id(r, &instance) != NGX_OK) {
        return NGX_ERROR;
    }

    name = ngx_strlen(problem->name);
    title = ngx_strlen(problem->title);

    len = sizeof("{\"type\":\"/problems/\",\"title\":\"\",\"status\":599,"
                 "\"detail\":\"\",\"instance\":\"urn:request:\",}")
          + name + title + instance.len;

    if (detail && detail->len) {
        len += detail->len + ngx_escape_json(NULL, detail->data, detail->len);
    }

    if (members) {
        len += members->len;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    body->data = p;

    /* names and titles are our own, and hold nothing to escape */

    p = carmen_put(p, "{\"type\":\"/problems/");
    p = ngx_cpymem(p, problem->name, name);
    p = carmen_put(p, "\",\"title\":\"");
    p = ngx_cpymem(p, problem->title, title);
    p = carmen_put(p, "\",\"status\":");
    *p++ = (u_char) ('0' + problem->status / 100);
    *p++ = (u_char) ('0' + problem->status / 10 % 10);
    *p++ = (u_char) ('0' + problem->status % 10);

    if (detail && detail->len) {
        p = carmen_put(p, ",\"detail\":\"");
        p = (u_char *) ngx_escape_json(p, detail->data, detail->len);
        *p++ = '"';
    }

    p = carmen_put(p, ",\"instance\":\"urn:request:");
    p = ngx_cpymem(p, instance.data, instance.len);
    *p++ = '"';

    if (members && members->len) {
        *p++ = ',';
        p = ngx_cpymem(p, members->data, members->len);
    }

    *p++ = '}';

    body->len = p - body->data;

    return NGX_OK;
}


/* core.refuse(): the message is the problem, the hint its members */

static void
carmen_refuse_own(carmen_request_t *cr, PGresult *res)
{
    size_t       len;
    ngx_str_t    detail, members, value;
    const char  *name, *text;

    name = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

    ngx_str_null(&detail);
    ngx_str_null(&members);

    text = PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL);

    if (text) {
        detail.data = (u_char *) text;
        detail.len = ngx_strlen(text);
    }

    text = PQresultErrorField(res, PG_DIAG_MESSAGE_HINT);

    if (text) {
        len = ngx_strlen(text);

        if (len > 2 && text[0] == '{' && text[len - 1] == '}') {
            members.data = (u_char *) text + 1;
            members.len = len - 2;
        }
    }

    /* RFC 9470 section 3: the token is good, but the login is too long ago */

    if (ngx_strncmp(carmen_pg_sqlstate(res), "CA401", 5) == 0) {
        ngx_str_set(&value, "Bearer realm=\"carmen\", "
                            "error=\"insufficient_user_authentication\"");

        if (carmen_header_add(cr->http, "WWW-Authenticate", &value)
            != NGX_OK)
        {
            name = "internal-error";
        }
    }

    carmen_problem_reply(cr, name ? name : "internal-error", &detail,
                         &members);
}


void
carmen_refuse_result(carmen_request_t *cr, PGresult *res)
{
    ngx_str_t    detail;
    ngx_uint_t   level;
    const char  *state, *problem, *constraint;

    static const struct {
        const char  *state;
        size_t       len;
        const char  *problem;
        const char  *detail;
    } map[] = {
        { "23505", 5, "conflict",
          "A value that must be unique is already in use." },
        { "23P01", 5, "conflict",
          "The value overlaps with one that exists." },
        { "23503", 5, "unknown-reference",
          "The request refers to something that does not exist, or is in "
          "use." },
        { "23", 2, "validation-failed",
          "The request does not fit the rules of this resource." },
        { "22", 2, "validation-failed",
          "A value cannot be read as what it should be." },
        { "40", 2, "overloaded", "Others were changing the same rows." },
        { "55P03", 5, "overloaded", "Others were changing the same rows." },
        { "53", 2, "overloaded", "The database is short of resources." },
        { "57014", 5, "timeout", "The statement took too long." },
        { "57P", 3, "database-unavailable", "The database is going down." },
        { "08", 2, "database-unavailable", "The connection was lost." },
        { "25006", 5, "internal-error", NULL },
        { NULL, 0, NULL, NULL }
    }, *m;

    state = carmen_pg_sqlstate(res);

    if (state[0] == 'C' && state[1] == 'A') {
        carmen_refuse_own(cr, res);
        return;
    }

    for (m = map; m->state; m++) {
        if (ngx_strncmp(state, m->state, m->len) == 0) {
            break;
        }
    }

    problem = m->problem ? m->problem : "internal-error";
    constraint = PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME);

    level = m->problem ? NGX_LOG_INFO : NGX_LOG_ERR;

    ngx_log_error(level, cr->http->connection->log, 0,
                  "carmen: statement \"%V\" failed: SQLSTATE %s%s%s: %s",
                  &cr->statement->name, state[0] ? state : "-",
                  constraint ? ", constraint " : "",
                  constraint ? constraint : "",
                  /* a message of the classes 22 and 23 may quote the data */
                  state[0] == '2' && (state[1] == '2' || state[1] == '3')
                  ? "the data" : PQresultErrorField(res,
                                                    PG_DIAG_MESSAGE_PRIMARY));

    if (m->detail) {
        detail.data = (u_char *) m->detail;
        detail.len = ngx_strlen(m->detail);
    }

    carmen_problem_reply(cr, problem, m->detail ? &detail : NULL, NULL);
}


void
carmen_refuse_failure(carmen_request_t *cr, carmen_op_failure_e failure)
{
    ngx_str_t    detail;
    const char  *problem;

    switch (failure) {

    case CARMEN_OP_OVERLOADED:
        problem = "overloaded";
        ngx_str_set(&detail, "Too many requests are waiting for the "
                             "database.");
        break;

    case CARMEN_OP_TIMEOUT:
        problem = "timeout";
        ngx_str_set(&detail, "The database did not answer in time.");
        break;

    case CARMEN_OP_LOST:
        problem = "database-unavailable";

        if (cr->http->method == NGX_HTTP_GET
            || cr->http->method == NGX_HTTP_HEAD)
        {
            ngx_str_set(&detail, "The connection to the database was lost.");

        } else {
            ngx_str_set(&detail, "The connection to the database was lost "
                                 "before it said whether this was done; "
                                 "repeat it with its Idempotency-Key, or "
                                 "look.");
        }
        break;

    default:
        problem = "database-unavailable";
        ngx_str_set(&detail, "The database cannot be reached; nothing was "
                             "done.");
    }

    carmen_problem_reply(cr, problem, &detail, NULL);
}


void
carmen_refuse_validation(carmen_request_t *cr, carmen_validation_t *v)
{
    ngx_str_t        members;
    ngx_uint_t       i;
    carmen_error_t  *error;
    carmen_text_t    t;

    ngx_str_null(&members);

    if (v->errors.nelts) {
        carmen_text_init(&t, cr->http->pool, 512);
        carmen_text_lit(&t, "\"errors\":[");

        error = v->errors.elts;

        for (i = 0; i < v->errors.nelts; i++) {
            carmen_text_lit(&t, "{\"pointer\":");
            carmen_text_json(&t, error[i].pointer.data, error[i].pointer.len);
            carmen_text_lit(&t, ",\"code\":");
            carmen_text_jsonc(&t, error[i].code);
            carmen_text_lit(&t, ",\"detail\":");
            carmen_text_json(&t, error[i].detail.data, error[i].detail.len);
            carmen_text_lit(&t, "},");
        }

        carmen_text_uncomma(&t);
        carmen_text_lit(&t, "]");

        if (t.failed) {
            carmen_request_finish(cr, NGX_ERROR);
            return;
        }

        members.data = t.start;
        members.len = t.last - t.start;
    }

    carmen_problem_reply(cr, v->problem, &v->detail, &members);
}
