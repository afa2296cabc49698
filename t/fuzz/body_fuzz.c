
/*
 * JSON bodies against a table with every type.  The first byte says which
 * scope the caller holds.  Every pointer must lead into the document, or to
 * a member that is missing there.
 */

#include "fuzz.h"
#include "carmen_validate.h"
#include "carmen_format.h"
#include "fields.h"


static ngx_int_t
holds(void *data, const char *scope)
{
    return strcmp(data, scope) == 0;
}


static size_t
depth(json_t *json)
{
    void       *iter;
    size_t      i, n, most;

    most = 0;

    if (json_is_array(json)) {
        must(json_array_size(json) <= CARMEN_JSON_ITEMS);

        for (i = 0; i < json_array_size(json); i++) {
            n = depth(json_array_get(json, i));
            most = ngx_max(most, n);
        }

        return most + 1;
    }

    if (json_is_object(json)) {
        for (iter = json_object_iter(json); iter;
             iter = json_object_iter_next(json, iter))
        {
            n = depth(json_object_iter_value(iter));
            most = ngx_max(most, n);
        }

        return most + 1;
    }

    return 0;
}


/* RFC 6901; "missing" allows the last step to lead nowhere */

static void
resolve(json_t *json, ngx_str_t *pointer, ngx_uint_t missing)
{
    size_t   n, i;
    u_char  *p, *end;
    char     key[CARMEN_ERRORS_MAX * 64];

    p = pointer->data;
    end = p + pointer->len;

    while (p < end) {
        must(*p++ == '/');
        must(json);

        for (n = 0; p < end && *p != '/'; p++) {
            must(n < sizeof(key) - 1);

            if (*p == '~') {
                p++;
                must(p < end && (*p == '0' || *p == '1'));
                key[n++] = (*p == '0') ? '~' : '/';
                continue;
            }

            key[n++] = *p;
        }

        key[n] = '\0';

        if (json_is_array(json)) {
            for (i = 0; i < n; i++) {
                must(key[i] >= '0' && key[i] <= '9');
            }

            json = json_array_get(json, atoi(key));
            must(json);

        } else {
            must(json_is_object(json));
            json = json_object_getn(json, key, n);
        }
    }

    must(json || missing);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char               *body;
    size_t                i;
    json_t               *root, *whole;
    ngx_int_t             rc;
    carmen_error_t       *e;
    carmen_validation_t   v;

    if (size == 0) {
        return 0;
    }

    memset(&v, 0x5a, sizeof(v));
    v.pool = ngx_create_pool(4096, NULL);
    v.holds = holds;
    v.data = (*data & 1) ? "orders:price" : "";

    size--;
    body = fuzz_copy(data + 1, size);

    rc = carmen_validate_body(&v, body, size, test_fields, &root);

    if (rc == NGX_OK) {
        must(depth(root) <= CARMEN_JSON_DEPTH);
        must(json_is_string(json_object_get(root, "name")));
        must(v.errors.nelts == 0);
        json_decref(root);

    } else {
        must(rc == NGX_DECLINED && root == NULL && v.problem);
        must(v.errors.nelts <= CARMEN_ERRORS_MAX);
        must(carmen_format_text(v.detail.data, v.detail.len));

        whole = json_loadb((char *) body, size,
                           JSON_REJECT_DUPLICATES|JSON_DECODE_ANY, NULL);
        e = v.errors.elts;

        if (strcmp(v.problem, "invalid-json") == 0) {
            must(v.errors.nelts == 0);

        } else {
            must(whole && v.errors.nelts > 0);
        }

        for (i = 0; i < v.errors.nelts; i++) {
            must(carmen_utf8_length(e[i].pointer.data, e[i].pointer.len) >= 0);
            must(carmen_format_text(e[i].detail.data, e[i].detail.len));
            resolve(whole, &e[i].pointer,
                    strcmp(e[i].code, "required") == 0);
        }

        json_decref(whole);
    }

    free(body);
    ngx_destroy_pool(v.pool);

    return 0;
}
