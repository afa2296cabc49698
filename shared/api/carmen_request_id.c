
/*
 * The id of a request: $request_id where the configuration uses that (a log,
 * a header), so that both are the same; otherwise 128 random bits of the
 * same form, of which a worker keeps a store.
 */

#include <carmen_core.h>
#include <openssl/rand.h>
#include "carmen_context.h"


#define CARMEN_ID_LEN    16
#define CARMEN_ID_STORE  256


static ngx_int_t   carmen_id_index = NGX_ERROR;
static ngx_uint_t  carmen_id_left;
static u_char      carmen_id_store[CARMEN_ID_STORE][CARMEN_ID_LEN];


/* worker start: the index of $request_id, if something uses it */

void
carmen_request_id_init(ngx_cycle_t *cycle)
{
    ngx_uint_t                  i;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    carmen_id_index = NGX_ERROR;
    carmen_id_left = 0;

    cmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_core_module);
    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        if (v[i].name.len == sizeof("request_id") - 1
            && ngx_strncmp(v[i].name.data, "request_id", v[i].name.len) == 0)
        {
            carmen_id_index = i;
            return;
        }
    }
}


ngx_int_t
carmen_request_id(ngx_http_request_t *r, ngx_str_t *id)
{
    carmen_request_t           *cr;
    ngx_http_variable_value_t  *v;

    if (carmen_id_index != NGX_ERROR) {
        v = ngx_http_get_indexed_variable(r, carmen_id_index);

        if (v && !v->not_found) {
            id->data = v->data;
            id->len = v->len;
            return NGX_OK;
        }
    }

    cr = carmen_request_get(r);
    if (cr == NULL) {
        return NGX_ERROR;
    }

    if (cr->id.data == NULL) {

        if (carmen_id_left == 0) {
            if (RAND_bytes((u_char *) carmen_id_store,
                           sizeof(carmen_id_store)) != 1)
            {
                return NGX_ERROR;
            }

            carmen_id_left = CARMEN_ID_STORE;
        }

        cr->id.data = ngx_pnalloc(r->pool, CARMEN_ID_LEN * 2 + 1);
        if (cr->id.data == NULL) {
            return NGX_ERROR;
        }

        carmen_id_left--;

        *ngx_hex_dump(cr->id.data, carmen_id_store[carmen_id_left],
                      CARMEN_ID_LEN) = '\0';
        cr->id.len = CARMEN_ID_LEN * 2;
    }

    *id = cr->id;

    return NGX_OK;
}
