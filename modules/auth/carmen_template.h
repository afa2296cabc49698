
/*
 * Templates of the pages: a small part of Mustache, compiled at configuration
 * time.
 *
 *   {{name}}                    the value, escaped for text and attributes
 *   {{{name}}}                  the value as it is: HTML of our own
 *   {{#name}} ... {{/name}}     when it is there, not empty and not false; of
 *                               an array once for each element, whose members
 *                               are seen first
 *   {{^name}} ... {{/name}}     otherwise
 *   {{! ... }}                  a comment
 *
 * A name that is not there is empty.
 */

#ifndef _CARMEN_TEMPLATE_H_INCLUDED_
#define _CARMEN_TEMPLATE_H_INCLUDED_


#include <carmen.h>
#include <jansson.h>


typedef struct carmen_template_s  carmen_template_t;


/*
 * "text" must live as long as the template.  NULL: "*why" says what is wrong,
 * and "*line" where.
 */
carmen_template_t *carmen_template_compile(ngx_pool_t *pool, ngx_str_t *text,
    const char **why, ngx_uint_t *line);

/* NGX_OK, NGX_ERROR (memory) */
ngx_int_t carmen_template_render(carmen_template_t *tpl, ngx_pool_t *pool,
    json_t *data, ngx_str_t *out);


#endif /* _CARMEN_TEMPLATE_H_INCLUDED_ */
