
/* Bodies: what a client sent, in the words of the schema. */

#include "carmen_scim.h"


#define CARMEN_SCIM_OPERATIONS  100
#define CARMEN_SCIM_VALUES      100          /* of one attribute of a user */
#define CARMEN_SCIM_MEMBERS     10000
#define CARMEN_SCIM_TEXT        1024


static json_t *scim_plain(const carmen_scim_attr_t *attr, json_t *value,
    ngx_uint_t many, carmen_scim_error_t *error);
static json_t *scim_plain_object(const carmen_scim_attr_t *attrs,
    json_t *body, ngx_uint_t depth, carmen_scim_error_t *error);


static json_t *
scim_invalid(carmen_scim_error_t *error, const char *detail)
{
    if (error->problem == NULL) {
        error->problem = "scim-invalid-value";
        error->detail = detail;
    }

    return NULL;
}


static json_t *
scim_syntax(carmen_scim_error_t *error, const char *detail)
{
    error->problem = "scim-invalid-syntax";
    error->detail = detail;

    return NULL;
}


/* one value; null stands for "unassigned" and stays */

static json_t *
scim_plain_one(const carmen_scim_attr_t *attr, json_t *value,
    carmen_scim_error_t *error)
{
    size_t       len;
    const char  *text;

    if (json_is_null(value)) {
        return json_incref(value);
    }

    if (attr->type == CARMEN_SCIM_COMPLEX) {

        if (json_is_object(value)) {
            return scim_plain_object(attr->sub, value, 1, error);
        }

        /* "manager": "26118915" is written by some */

        if (json_is_string(value) && carmen_scim_attr(attr->sub, "value", 5)) {
            return json_pack("{s:O}", "value", value);
        }

        return scim_invalid(error, "A complex attribute is an object.");
    }

    if (attr->type == CARMEN_SCIM_BOOLEAN) {

        if (json_is_boolean(value)) {
            return json_incref(value);
        }

        text = json_string_value(value);

        if (text && ngx_strcasecmp((u_char *) text, (u_char *) "true") == 0) {
            return json_true();
        }

        if (text && ngx_strcasecmp((u_char *) text, (u_char *) "false") == 0) {
            return json_false();
        }

        return scim_invalid(error, "What is true or false is neither.");
    }

    if (!json_is_string(value)) {
        return scim_invalid(error, "A text is not a string.");
    }

    len = json_string_length(value);

    if (len > (attr->max ? attr->max : CARMEN_SCIM_TEXT)) {
        return scim_invalid(error, "A text is too long.");
    }

    if (ngx_strlen(json_string_value(value)) != len) {
        return scim_invalid(error, "A text holds a NUL.");
    }

    return json_incref(value);
}


static json_t *
scim_plain(const carmen_scim_attr_t *attr, json_t *value, ngx_uint_t many,
    carmen_scim_error_t *error)
{
    size_t   i, max;
    json_t  *list, *item, *one;

    if (!many || json_is_null(value)) {
        return scim_plain_one(attr, value, error);
    }

    list = json_array();
    if (list == NULL) {
        return NULL;
    }

    if (!json_is_array(value)) {
        one = scim_plain_one(attr, value, error);

        if (one == NULL || json_array_append_new(list, one)) {
            json_decref(list);
            return NULL;
        }

        return list;
    }

    max = ngx_strcmp(attr->name, "members") == 0 ? CARMEN_SCIM_MEMBERS
                                                  : CARMEN_SCIM_VALUES;

    if (json_array_size(value) > max) {
        json_decref(list);
        return scim_invalid(error, "An attribute has too many values.");
    }

    json_array_foreach(value, i, item) {

        one = json_is_null(item)
              ? scim_invalid(error, "A value in a list is null.")
              : scim_plain_one(attr, item, error);

        if (one == NULL || json_array_append_new(list, one)) {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}


static json_t *
scim_plain_object(const carmen_scim_attr_t *attrs, json_t *body,
    ngx_uint_t depth, carmen_scim_error_t *error)
{
    json_t                    *object, *value, *plain;
    const char                *name;
    const carmen_scim_attr_t  *attr;

    object = json_object();
    if (object == NULL) {
        return NULL;
    }

    json_object_foreach(body, name, value) {

        attr = carmen_scim_attr(attrs, name, ngx_strlen(name));

        if (attr == NULL || (attr->flags & CARMEN_SCIM_READ_ONLY)) {
            continue;
        }

        if (json_object_get(object, attr->name)) {
            scim_invalid(error, "An attribute is there twice.");
            plain = NULL;

        } else {
            plain = scim_plain(attr, value, attr->flags & CARMEN_SCIM_MULTI,
                               error);
        }

        if (plain == NULL || json_object_set_new(object, attr->name, plain)) {
            json_decref(object);
            return NULL;
        }
    }

    return object;
}


/* whether "schemas" names that one */

static ngx_uint_t
scim_is(json_t *body, const char *urn)
{
    size_t       i;
    json_t      *list, *item;
    const char  *text;

    list = json_object_get(body, "schemas");

    json_array_foreach(list, i, item) {
        text = json_string_value(item);

        if (text && ngx_strcasecmp((u_char *) text, (u_char *) urn) == 0) {
            return 1;
        }
    }

    return 0;
}


json_t *
carmen_scim_resource(const carmen_scim_resource_t *res, json_t *body,
    carmen_scim_error_t *error)
{
    if (!json_is_object(body)) {
        return scim_syntax(error, "The body is no JSON object.");
    }

    if (!scim_is(body, res->urn)) {
        return scim_syntax(error, "\"schemas\" does not name the schema of "
                                  "this resource.");
    }

    return scim_plain_object(res->attrs, body, 0, error);
}


/* an operation with a path; takes the reference of "target" */

static ngx_int_t
scim_operation(json_t *list, const char *op, json_t *target,
    const carmen_scim_attr_t *attr, json_t *value, carmen_scim_error_t *error)
{
    json_t      *plain;
    ngx_uint_t   whole, many;

    whole = json_object_get(target, "filter") == NULL
            && json_object_get(target, "sub") == NULL;

    many = whole && json_is_true(json_object_get(target, "multi"));

    if (attr->flags & CARMEN_SCIM_READ_ONLY) {
        error->problem = "scim-mutability";
        error->detail = "The attribute is read-only.";
        goto failed;
    }

    if (json_object_set_new(target, "op", json_string(op)) != 0) {
        goto failed;
    }

    if (value) {
        plain = scim_plain(attr, value, many, error);

        if (plain == NULL || json_object_set_new(target, "value", plain)) {
            goto failed;
        }

    } else if (ngx_strcmp(op, "remove") != 0) {
        scim_invalid(error, "An operation lacks its \"value\".");
        goto failed;
    }

    return json_array_append_new(list, target) == 0 ? NGX_OK : NGX_ERROR;

failed:

    json_decref(target);

    return NGX_ERROR;
}


/* without a path: an operation for each member, whose name may be a path */

static ngx_int_t
scim_operations(const carmen_scim_resource_t *res, json_t *list,
    const char *op, json_t *value, const char *within,
    carmen_scim_error_t *error)
{
    char                       buf[512];
    json_t                    *target, *member;
    ngx_str_t                  text;
    const char                *name;
    const carmen_scim_attr_t  *attr;
    carmen_scim_error_t        unknown;

    json_object_foreach(value, name, member) {

        text.data = (u_char *) buf;
        text.len = ngx_snprintf((u_char *) buf, sizeof(buf), "%s%s%s",
                                within ? within : "", within ? ":" : "", name)
                   - text.data;

        ngx_memzero(&unknown, sizeof(carmen_scim_error_t));
        target = carmen_scim_target(res, &text, &attr, &unknown);

        if (target == NULL) {

            if (unknown.problem == NULL) {
                return NGX_ERROR;
            }

            /* as in a resource: what is not known is passed over */
            continue;
        }

        if (attr && (attr->flags & CARMEN_SCIM_EXTENSION)
            && json_is_object(member) && within == NULL)
        {
            json_decref(target);

            if (scim_operations(res, list, op, member, attr->name, error)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            continue;
        }

        if (attr == NULL || (attr->flags & CARMEN_SCIM_READ_ONLY)) {
            json_decref(target);
            continue;
        }

        if (scim_operation(list, op, target, attr, member, error) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* a member of an operation, in any case: some write "Op" */

static json_t *
scim_member(json_t *object, const char *wanted)
{
    json_t      *value;
    const char  *name;

    json_object_foreach(object, name, value) {
        if (ngx_strcasecmp((u_char *) name, (u_char *) wanted) == 0) {
            return value;
        }
    }

    return NULL;
}


json_t *
carmen_scim_patch(const carmen_scim_resource_t *res, json_t *body,
    carmen_scim_error_t *error)
{
    size_t                     i;
    json_t                    *list, *ops, *item, *path, *value, *target;
    ngx_str_t                  text;
    ngx_uint_t                 n;
    const char                *op;
    const carmen_scim_attr_t  *attr;

    static const char *const  names[] = { "add", "replace", "remove", NULL };

    ops = scim_member(body, "Operations");

    if (!json_is_array(ops) || !scim_is(body, CARMEN_SCIM_MESSAGE "PatchOp"))
    {
        return scim_syntax(error, "The body is no PatchOp with "
                                  "\"Operations\".");
    }

    if (json_array_size(ops) == 0
        || json_array_size(ops) > CARMEN_SCIM_OPERATIONS)
    {
        return scim_syntax(error, "There are no operations, or too many.");
    }

    list = json_array();
    if (list == NULL) {
        return NULL;
    }

    json_array_foreach(ops, i, item) {

        op = json_string_value(scim_member(item, "op"));
        path = scim_member(item, "path");
        value = scim_member(item, "value");

        for (n = 0; names[n]; n++) {
            if (op && ngx_strcasecmp((u_char *) op, (u_char *) names[n]) == 0)
            {
                break;
            }
        }

        if (names[n] == NULL) {
            scim_syntax(error, "\"op\" is none of add, replace, remove.");
            goto failed;
        }

        if (path && !json_is_null(path)) {

            if (!json_is_string(path)) {
                scim_syntax(error, "\"path\" is not a string.");
                goto failed;
            }

            text.data = (u_char *) json_string_value(path);
            text.len = json_string_length(path);

            target = carmen_scim_target(res, &text, &attr, error);

            if (target == NULL
                || scim_operation(list, names[n], target, attr, value, error)
                   != NGX_OK)
            {
                goto failed;
            }

            continue;
        }

        if (n == 2) {
            error->problem = "scim-no-target";
            error->detail = "What is to be removed is not said.";
            goto failed;
        }

        if (!json_is_object(value)) {
            scim_invalid(error, "Without a path the value is an object.");
            goto failed;
        }

        if (scim_operations(res, list, names[n], value, NULL, error)
            != NGX_OK)
        {
            goto failed;
        }
    }

    return list;

failed:

    json_decref(list);

    return NULL;
}
