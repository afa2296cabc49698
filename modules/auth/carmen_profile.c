
/* What providers say of a person, each in its own way. */

#include "carmen_federation.h"


static ngx_int_t profile_subject(ngx_pool_t *pool, json_t *id,
    carmen_person_t *person);
static void profile_held(json_t *value, carmen_role_map_t *map,
    json_t *roles);
static ngx_int_t profile_dump(ngx_pool_t *pool, json_t *roles,
    ngx_str_t *text);


ngx_str_t
carmen_json_text(ngx_pool_t *pool, json_t *value, size_t max)
{
    size_t       len;
    ngx_str_t    text;
    const char  *s;

    ngx_str_null(&text);

    s = json_string_value(value);
    len = json_string_length(value);

    /* a NUL within: PostgreSQL would not have it */

    if (s == NULL || len == 0 || len > max || ngx_strlen(s) != len) {
        return text;
    }

    text.data = ngx_pnalloc(pool, len + 1);

    if (text.data) {
        ngx_memcpy(text.data, s, len + 1);
        text.len = len;
    }

    return text;
}


/* OpenID Connect Core 5.1: claims of the ID token or of userinfo */

ngx_int_t
carmen_profile_oidc(ngx_pool_t *pool, json_t *claims, carmen_person_t *person)
{
    json_t  *verified;

    person->email = carmen_json_text(pool, json_object_get(claims, "email"),
                                     320);
    person->name = carmen_json_text(pool, json_object_get(claims, "name"),
                                    200);
    person->given = carmen_json_text(pool,
                                     json_object_get(claims, "given_name"),
                                     100);
    person->family = carmen_json_text(pool,
                                      json_object_get(claims, "family_name"),
                                      100);

    /* some write the boolean as a string */

    verified = json_object_get(claims, "email_verified");

    person->verified = json_is_true(verified)
                       || (json_is_string(verified)
                           && ngx_strcmp(json_string_value(verified), "true")
                              == 0);

    return profile_subject(pool, json_object_get(claims, "sub"), person);
}


/* the login name can change hands: the number cannot */

ngx_int_t
carmen_profile_github(ngx_pool_t *pool, json_t *user, json_t *emails,
    carmen_person_t *person)
{
    size_t   i;
    json_t  *item;

    person->name = carmen_json_text(pool, json_object_get(user, "name"), 200);

    if (person->name.data == NULL) {
        person->name = carmen_json_text(pool, json_object_get(user, "login"),
                                        200);
    }

    /* the "email" of the profile is what its owner typed */

    json_array_foreach(emails, i, item) {
        if (json_is_true(json_object_get(item, "primary"))) {
            person->email = carmen_json_text(pool,
                                             json_object_get(item, "email"),
                                             320);
            person->verified =
                json_is_true(json_object_get(item, "verified"));
            break;
        }
    }

    if (!json_is_integer(json_object_get(user, "id"))) {
        return NGX_DECLINED;
    }

    return profile_subject(pool, json_object_get(user, "id"), person);
}


/* Facebook does not say whether it has verified the address */

ngx_int_t
carmen_profile_facebook(ngx_pool_t *pool, json_t *user,
    carmen_person_t *person)
{
    person->email = carmen_json_text(pool, json_object_get(user, "email"),
                                     320);
    person->name = carmen_json_text(pool, json_object_get(user, "name"), 200);
    person->given = carmen_json_text(pool,
                                     json_object_get(user, "first_name"),
                                     100);
    person->family = carmen_json_text(pool,
                                      json_object_get(user, "last_name"),
                                      100);
    person->verified = 0;

    return profile_subject(pool, json_object_get(user, "id"), person);
}


static ngx_int_t
profile_subject(ngx_pool_t *pool, json_t *id, carmen_person_t *person)
{
    u_char  *p;

    if (json_is_integer(id)) {
        p = ngx_pnalloc(pool, NGX_INT64_LEN + 1);
        if (p == NULL) {
            return NGX_ERROR;
        }

        person->subject.data = p;
        person->subject.len = ngx_sprintf(p, "%L%Z",
                                          (int64_t) json_integer_value(id))
                              - p - 1;
        return NGX_OK;
    }

    person->subject = carmen_json_text(pool, id, 255);

    return person->subject.data ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
carmen_profile_roles(ngx_pool_t *pool, ngx_array_t *map, json_t *claims,
    carmen_person_t *person)
{
    size_t              n;
    json_t             *held, *managed, *value, *item;
    ngx_int_t           rc;
    ngx_uint_t          i;
    carmen_role_map_t  *m;

    held = json_array();
    managed = json_array();
    m = map->elts;

    for (i = 0; i < map->nelts; i++) {
        (void) json_array_append_new(managed,
                                     json_stringn((char *) m[i].role.data,
                                                  m[i].role.len));

        value = json_object_get(claims, (char *) m[i].claim.data);

        if (json_is_array(value)) {
            json_array_foreach(value, n, item) {
                profile_held(item, &m[i], held);
            }

        } else {
            profile_held(value, &m[i], held);
        }
    }

    rc = profile_dump(pool, held, &person->roles);

    if (rc == NGX_OK) {
        rc = profile_dump(pool, managed, &person->managed);
    }

    json_decref(held);
    json_decref(managed);

    return rc;
}


static void
profile_held(json_t *value, carmen_role_map_t *map, json_t *roles)
{
    if (json_is_string(value)
        && json_string_length(value) == map->value.len
        && ngx_memcmp(json_string_value(value), map->value.data,
                      map->value.len)
           == 0)
    {
        (void) json_array_append_new(roles,
                                     json_stringn((char *) map->role.data,
                                                  map->role.len));
    }
}


static ngx_int_t
profile_dump(ngx_pool_t *pool, json_t *roles, ngx_str_t *text)
{
    char  *s;

    s = json_dumps(roles, JSON_COMPACT);
    if (s == NULL) {
        return NGX_ERROR;
    }

    text->len = ngx_strlen(s);
    text->data = ngx_pnalloc(pool, text->len + 1);

    if (text->data) {
        ngx_memcpy(text->data, s, text->len + 1);
    }

    free(s);

    return text->data ? NGX_OK : NGX_ERROR;
}
