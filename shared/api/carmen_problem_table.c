
#include <carmen_core.h>
#include "carmen_problem_table.h"


const carmen_problem_t  carmen_core_problems[] = {

    { "bad-request", 400, "Bad request",
      "The request could not be understood: its request line, a header or its "
      "framing is malformed. Correct it; sending it again as it is will fail "
      "again." },

    { "invalid-json", 400, "The body is not valid JSON",
      "The body is not one JSON text as RFC 8259 defines it, names a key "
      "twice, is not UTF-8, or is nested or sized beyond the limits. "
      "\"detail\" says where." },

    { "invalid-parameter", 400, "A query or path parameter is not valid",
      "A parameter is unknown, given twice, or does not have the form that "
      "the route asks for. \"errors\" names each one; the pointer of a query "
      "parameter is \"?\" and its name." },

    { "invalid-cursor", 400, "The cursor is not valid",
      "A cursor belongs to one list with one sort, one set of filters and one "
      "tenant. Start again without a cursor, and follow \"next\" and \"prev\" "
      "as they are given." },

    { "idempotency-key-required", 400, "An Idempotency-Key is required",
      "A request that creates something must carry an Idempotency-Key header, "
      "so that it can be sent again without creating it twice. Choose a new "
      "random value, such as a UUID, for each thing to be created." },

    { "idempotency-key-invalid", 400, "The Idempotency-Key is not valid",
      "The Idempotency-Key header is empty, too long, given twice, or has "
      "characters that are not allowed." },

    { "unauthorized", 401, "Credentials are required",
      "The route asks for an access token and the request has none. Log in, "
      "and send the token as \"Authorization: Bearer\"." },

    { "invalid-token", 401, "The access token is not valid",
      "The access token is malformed, expired, revoked, or was not issued for "
      "this service. Get a new one by refreshing or logging in." },

    { "forbidden", 403, "Not allowed",
      "The caller may not do this. Sending the request again will not help." },

    { "insufficient-scope", 403, "The access token lacks a scope",
      "The token is valid but was not granted the scope that the route, or a "
      "field of the body, asks for." },

    { "not-found", 404, "Not found",
      "There is no such path, or no such resource that the caller may see." },

    { "method-not-allowed", 405, "Method not allowed",
      "The path exists, but not with this method. The Allow header names the "
      "methods that it has." },

    { "not-acceptable", 406, "Not acceptable",
      "The route cannot answer in any media type that the Accept header "
      "admits. It answers in application/json." },

    { "request-timeout", 408, "The request took too long to arrive",
      "The server closed the request because its header or body did not come "
      "in time." },

    { "conflict", 409, "Conflict",
      "The request collides with what is there already, such as another "
      "resource of the same name." },

    { "illegal-transition", 409, "The resource cannot go to that state",
      "The resource is in the state \"from\" and can go only to the states in "
      "\"allowed\"." },

    { "idempotency-in-flight", 409, "The first request is still running",
      "A request with this Idempotency-Key is being carried out. Wait, and "
      "send the same request again to get its answer." },

    { "weak-password", 422, "Password too easily guessed",
      "The password is one that is tried first: often used, or made of the "
      "e-mail address.  Length helps more than odd characters." },

    { "gone", 410, "Gone",
      "The resource was there and will not come back." },

    { "length-required", 411, "Length required",
      "The request has a body but does not say how long it is." },

    { "precondition-failed", 412, "The resource has changed",
      "The version in If-Match is not the current one: someone else changed "
      "the resource. Read it again, and decide on its current state." },

    { "content-too-large", 413, "The body is too large",
      "The body is larger than the server takes on this route." },

    { "uri-too-long", 414, "The URI is too long",
      "The request's URI is longer than the server takes." },

    { "unsupported-media-type", 415, "Unsupported media type",
      "The body's Content-Type or Content-Encoding is not one that the route "
      "takes. Send application/json." },

    { "range-not-satisfiable", 416, "Range not satisfiable",
      "The Range header asks for a part that is not there." },

    { "misdirected-request", 421, "Misdirected request",
      "The request reached a server that does not answer for this host over "
      "this connection." },

    { "validation-failed", 422, "The body does not fit",
      "The body is valid JSON but breaks a rule of the route. \"errors\" "
      "holds one member a mistake: \"pointer\" (RFC 6901) says where, "
      "\"code\" which rule, \"detail\" what to do." },

    { "idempotency-mismatch", 422, "The Idempotency-Key was used before",
      "This Idempotency-Key was used for a request with another method, path "
      "or body. Use a new key for a new request." },

    { "unknown-reference", 422, "A reference leads nowhere",
      "The body names something by its id that does not exist, or that the "
      "caller may not see." },

    { "precondition-required", 428, "If-Match is required",
      "A change must say which version it is made to, so that no other change "
      "is lost. Read the resource and send its ETag as If-Match." },

    { "too-many-requests", 429, "Too many requests",
      "The caller sent more requests than its limit allows. Wait for as long "
      "as Retry-After says." },

    { "header-too-large", 431, "The header is too large",
      "The request's header fields are larger than the server takes." },

    { "internal-error", 500, "Internal error",
      "The server failed in a way it did not expect. Tell its operator the "
      "\"instance\" of this answer, which is found in the log." },

    { "not-implemented", 501, "Not implemented",
      "The server does not know this method or this transfer coding." },

    { "bad-gateway", 502, "Bad gateway",
      "A service behind this server gave an answer that makes no sense." },

    { "service-unavailable", 503, "Service unavailable",
      "The server cannot answer now. Try again later." },

    { "database-unavailable", 503, "The database cannot be reached",
      "The request was not carried out, or its fate is unknown because the "
      "connection was lost in the middle. Send it again after Retry-After; "
      "with an Idempotency-Key that is always safe." },

    { "overloaded", 503, "Overloaded",
      "Too many requests wait already. This one was not carried out; send it "
      "again after Retry-After." },

    { "timeout", 504, "The request took too long",
      "The database did not finish in the time it was given. A read can be "
      "sent again; send a write again only with its Idempotency-Key." },

    { "version-not-supported", 505, "HTTP version not supported",
      "The server does not speak this version of HTTP." },

    CARMEN_PROBLEMS_END
};


static const carmen_problem_t *carmen_problem_in(const carmen_problem_t *table,
    ngx_str_t *name);


static const carmen_problem_t *
carmen_problem_in(const carmen_problem_t *table, ngx_str_t *name)
{
    const carmen_problem_t  *p;

    for (p = table; p->name; p++) {
        if (ngx_strncmp(p->name, name->data, name->len) == 0
            && p->name[name->len] == '\0')
        {
            return p;
        }
    }

    return NULL;
}


const carmen_problem_t *
carmen_problem_find(ngx_str_t *name)
{
    ngx_uint_t               i;
    carmen_domain_t        **domains;
    carmen_registry_t       *reg;
    const carmen_problem_t  *p;

    p = carmen_problem_in(carmen_core_problems, name);
    if (p) {
        return p;
    }

    reg = carmen_registry();
    if (reg == NULL) {
        return NULL;
    }

    domains = reg->domains.elts;

    for (i = 0; i < reg->domains.nelts; i++) {
        if (domains[i]->problems) {
            p = carmen_problem_in(domains[i]->problems, name);
            if (p) {
                return p;
            }
        }
    }

    return NULL;
}


const carmen_problem_t *
carmen_problem_at(ngx_uint_t i)
{
    ngx_uint_t               n;
    carmen_domain_t        **domains;
    carmen_registry_t       *reg;
    const carmen_problem_t  *p;

    for (p = carmen_core_problems; p->name; p++) {
        if (i-- == 0) {
            return p;
        }
    }

    reg = carmen_registry();
    if (reg == NULL) {
        return NULL;
    }

    domains = reg->domains.elts;

    for (n = 0; n < reg->domains.nelts; n++) {
        for (p = domains[n]->problems; p && p->name; p++) {
            if (i-- == 0) {
                return p;
            }
        }
    }

    return NULL;
}


const carmen_problem_t *
carmen_problem_status(ngx_uint_t status)
{
    ngx_str_t                name;
    const carmen_problem_t  *p;

    /* of the problems of a status the first is the one without a cause */

    for (p = carmen_core_problems; p->name; p++) {
        if (p->status == status) {
            return p;
        }
    }

    if (status >= 400 && status < 500) {
        return carmen_core_problems;
    }

    ngx_str_set(&name, "internal-error");

    return carmen_problem_find(&name);
}
