
/* RFC 7643 section 4 and 7: the attributes, and the documents about them. */

#include "carmen_scim.h"


#define READ_ONLY  CARMEN_SCIM_READ_ONLY
#define MULTI      CARMEN_SCIM_MULTI
#define EXACT      CARMEN_SCIM_EXACT
#define COMMON     CARMEN_SCIM_COMMON


static const carmen_scim_attr_t  meta_attrs[] = {
    { "resourceType", CARMEN_SCIM_STRING, READ_ONLY|EXACT },
    { "created", CARMEN_SCIM_DATETIME, READ_ONLY },
    { "lastModified", CARMEN_SCIM_DATETIME, READ_ONLY },
    { "location", CARMEN_SCIM_REFERENCE, READ_ONLY|EXACT },
    { "version", CARMEN_SCIM_STRING, READ_ONLY|EXACT },
    { NULL }
};

static const carmen_scim_attr_t  name_attrs[] = {
    { "formatted", CARMEN_SCIM_STRING, 0, 300, NULL, "The whole name." },
    { "familyName", CARMEN_SCIM_STRING, 0, 100, NULL, "The family name." },
    { "givenName", CARMEN_SCIM_STRING, 0, 100, NULL, "The given name." },
    { "middleName", CARMEN_SCIM_STRING, 0, 100, NULL, "Middle names." },
    { "honorificPrefix", CARMEN_SCIM_STRING, 0, 100, NULL, "As \"Dr.\"" },
    { "honorificSuffix", CARMEN_SCIM_STRING, 0, 100, NULL, "As \"III\"" },
    { NULL }
};

static const carmen_scim_attr_t  value_attrs[] = {
    { "value", CARMEN_SCIM_STRING, 0, 254, NULL, "The address or number." },
    { "display", CARMEN_SCIM_STRING, 0, 200, NULL, "How it is shown." },
    { "type", CARMEN_SCIM_STRING, 0, 64, NULL, "As \"work\" or \"home\"." },
    { "primary", CARMEN_SCIM_BOOLEAN, 0, 0, NULL, "The one to use." },
    { NULL }
};

static const carmen_scim_attr_t  photo_attrs[] = {
    { "value", CARMEN_SCIM_REFERENCE, EXACT, 0, NULL, "Where it is." },
    { "display", CARMEN_SCIM_STRING, 0, 200, NULL, "How it is shown." },
    { "type", CARMEN_SCIM_STRING, 0, 64, NULL, "\"photo\", \"thumbnail\"." },
    { "primary", CARMEN_SCIM_BOOLEAN, 0, 0, NULL, "The one to use." },
    { NULL }
};

static const carmen_scim_attr_t  address_attrs[] = {
    { "formatted", CARMEN_SCIM_STRING, 0, 0, NULL, "The whole address." },
    { "streetAddress", CARMEN_SCIM_STRING, 0, 0, NULL, "Street and number." },
    { "locality", CARMEN_SCIM_STRING, 0, 0, NULL, "City." },
    { "region", CARMEN_SCIM_STRING, 0, 0, NULL, "State or region." },
    { "postalCode", CARMEN_SCIM_STRING, 0, 64, NULL, "Postal code." },
    { "country", CARMEN_SCIM_STRING, 0, 64, NULL, "ISO 3166-1 alpha-2." },
    { "type", CARMEN_SCIM_STRING, 0, 64, NULL, "\"work\" or \"home\"." },
    { "primary", CARMEN_SCIM_BOOLEAN, 0, 0, NULL, "The one to use." },
    { NULL }
};

static const carmen_scim_attr_t  user_group_attrs[] = {
    { "value", CARMEN_SCIM_STRING, READ_ONLY|EXACT, 0, NULL,
      "The id of the group." },
    { "$ref", CARMEN_SCIM_REFERENCE, READ_ONLY|EXACT, 0, NULL,
      "Where it is." },
    { "display", CARMEN_SCIM_STRING, READ_ONLY, 0, NULL, "Its name." },
    { "type", CARMEN_SCIM_STRING, READ_ONLY, 0, NULL, "\"direct\"." },
    { NULL }
};

static const carmen_scim_attr_t  manager_attrs[] = {
    { "value", CARMEN_SCIM_STRING, EXACT, 64, NULL, "The id of a user." },
    { "$ref", CARMEN_SCIM_REFERENCE, EXACT, 0, NULL, "Where it is." },
    { "displayName", CARMEN_SCIM_STRING, READ_ONLY, 0, NULL, "The name." },
    { NULL }
};

static const carmen_scim_attr_t  enterprise_attrs[] = {
    { "employeeNumber", CARMEN_SCIM_STRING, 0, 128, NULL, "A number." },
    { "costCenter", CARMEN_SCIM_STRING, 0, 200, NULL, "A cost centre." },
    { "organization", CARMEN_SCIM_STRING, 0, 200, NULL, "The company." },
    { "division", CARMEN_SCIM_STRING, 0, 200, NULL, "A division." },
    { "department", CARMEN_SCIM_STRING, 0, 200, NULL, "A department." },
    { "manager", CARMEN_SCIM_COMPLEX, 0, 0, manager_attrs,
      "Whom the user reports to." },
    { NULL }
};

#define SCIM_COMMON                                                           \
    { "schemas", CARMEN_SCIM_REFERENCE, COMMON|MULTI|READ_ONLY|EXACT },       \
    { "id", CARMEN_SCIM_STRING, COMMON|READ_ONLY|EXACT },                     \
    { "externalId", CARMEN_SCIM_STRING, COMMON|EXACT, 128 },                  \
    { "meta", CARMEN_SCIM_COMPLEX, COMMON|READ_ONLY, 0, meta_attrs }

static const carmen_scim_attr_t  user_attrs[] = {
    SCIM_COMMON,
    { "userName", CARMEN_SCIM_STRING, CARMEN_SCIM_REQUIRED|CARMEN_SCIM_SERVER,
      254, NULL, "The login name." },
    { "name", CARMEN_SCIM_COMPLEX, 0, 0, name_attrs, "The name in parts." },
    { "displayName", CARMEN_SCIM_STRING, 0, 200, NULL, "The name shown." },
    { "nickName", CARMEN_SCIM_STRING, 0, 200, NULL, "The casual name." },
    { "profileUrl", CARMEN_SCIM_REFERENCE, EXACT, 0, NULL, "A page." },
    { "title", CARMEN_SCIM_STRING, 0, 200, NULL, "As \"Vice President\"." },
    { "userType", CARMEN_SCIM_STRING, 0, 64, NULL, "As \"Employee\"." },
    { "preferredLanguage", CARMEN_SCIM_STRING, 0, 64, NULL, "RFC 9110." },
    { "locale", CARMEN_SCIM_STRING, 0, 35, NULL, "RFC 5646." },
    { "timezone", CARMEN_SCIM_STRING, 0, 64, NULL, "An IANA time zone." },
    { "active", CARMEN_SCIM_BOOLEAN, 0, 0, NULL, "Who is not cannot log in." },
    { "password", CARMEN_SCIM_STRING, CARMEN_SCIM_WRITE_ONLY|EXACT, 128, NULL,
      "Given when the user is created, and not later." },
    { "emails", CARMEN_SCIM_COMPLEX, MULTI, 0, value_attrs, "Addresses." },
    { "phoneNumbers", CARMEN_SCIM_COMPLEX, MULTI, 0, value_attrs, "Phones." },
    { "photos", CARMEN_SCIM_COMPLEX, MULTI, 0, photo_attrs, "Pictures." },
    { "addresses", CARMEN_SCIM_COMPLEX, MULTI, 0, address_attrs,
      "Postal addresses." },
    { "groups", CARMEN_SCIM_COMPLEX, MULTI|READ_ONLY, 0, user_group_attrs,
      "The groups that the user is a member of." },
    { CARMEN_SCIM_ENTERPRISE, CARMEN_SCIM_COMPLEX,
      COMMON|CARMEN_SCIM_EXTENSION, 0, enterprise_attrs },
    { NULL }
};

static const carmen_scim_attr_t  member_attrs[] = {
    { "value", CARMEN_SCIM_STRING, EXACT, 64, NULL, "The id of a user." },
    { "$ref", CARMEN_SCIM_REFERENCE, READ_ONLY|EXACT, 0, NULL,
      "Where it is." },
    { "display", CARMEN_SCIM_STRING, READ_ONLY, 0, NULL, "The name." },
    { "type", CARMEN_SCIM_STRING, READ_ONLY, 0, NULL, "\"User\"." },
    { NULL }
};

static const carmen_scim_attr_t  group_attrs[] = {
    SCIM_COMMON,
    { "displayName", CARMEN_SCIM_STRING, CARMEN_SCIM_REQUIRED, 128, NULL,
      "The name shown." },
    { "members", CARMEN_SCIM_COMPLEX, MULTI, 0, member_attrs,
      "The users who have this role." },
    { NULL }
};

const carmen_scim_resource_t  carmen_scim_resources[] = {
    { "User", "/Users", CARMEN_SCIM_USER, "A user.", user_attrs },
    { "Group", "/Groups", CARMEN_SCIM_GROUP, "A role and who has it.",
      group_attrs },
    { NULL }
};


const carmen_scim_attr_t *
carmen_scim_attr(const carmen_scim_attr_t *table, const char *name,
    size_t len)
{
    const carmen_scim_attr_t  *attr;

    for (attr = table; attr && attr->name; attr++) {
        if (ngx_strlen(attr->name) == len
            && ngx_strncasecmp((u_char *) attr->name, (u_char *) name, len)
               == 0)
        {
            return attr;
        }
    }

    return NULL;
}


/* RFC 7643 section 7 */

static json_t *
scim_schema_attrs(const carmen_scim_attr_t *attr)
{
    json_t  *list;

    static const char *const  types[] = {
        "string", "reference", "boolean", "dateTime", "complex"
    };

    list = json_array();

    for ( /* void */ ; list && attr && attr->name; attr++) {

        if (attr->flags & COMMON) {
            continue;
        }

        (void) json_array_append_new(list, json_pack(
            "{s:s, s:s, s:b, s:s, s:b, s:b, s:s, s:s, s:s, s:o*, s:o*}",
            "name", attr->name,
            "type", types[attr->type],
            "multiValued", (int) (attr->flags & MULTI),
            "description", attr->doc ? attr->doc : "",
            "required", (int) (attr->flags & CARMEN_SCIM_REQUIRED),
            "caseExact", (int) (attr->flags & EXACT),
            "mutability",
                attr->flags & READ_ONLY ? "readOnly"
                : attr->flags & CARMEN_SCIM_WRITE_ONLY ? "writeOnly"
                : "readWrite",
            "returned",
                attr->flags & CARMEN_SCIM_WRITE_ONLY ? "never" : "default",
            "uniqueness",
                attr->flags & CARMEN_SCIM_SERVER ? "server" : "none",
            "referenceTypes",
                attr->type == CARMEN_SCIM_REFERENCE
                ? json_pack("[s]", attr->name[0] == '$' ? "User" : "external")
                : NULL,
            "subAttributes", attr->sub ? scim_schema_attrs(attr->sub) : NULL));
    }

    return list;
}


static json_t *
scim_schema(const char *urn, const char *name, const char *doc,
    const carmen_scim_attr_t *attrs, const char *base)
{
    return json_pack("{s:[s], s:s, s:s, s:s, s:o, s:{s:s, s:s++}}",
                     "schemas", "urn:ietf:params:scim:schemas:core:2.0:Schema",
                     "id", urn, "name", name, "description", doc,
                     "attributes", scim_schema_attrs(attrs),
                     "meta", "resourceType", "Schema",
                     "location", base, "/Schemas/", urn);
}


static json_t *
scim_schemas(const char *base)
{
    json_t                        *list;
    const carmen_scim_resource_t  *res;

    list = json_array();

    for (res = carmen_scim_resources; list && res->name; res++) {
        (void) json_array_append_new(list,
            scim_schema(res->urn, res->name, res->doc, res->attrs, base));
    }

    (void) json_array_append_new(list,
        scim_schema(CARMEN_SCIM_ENTERPRISE, "EnterpriseUser",
                    "What a company says of a user.", enterprise_attrs,
                    base));

    return list;
}


/* RFC 7643 section 6 */

static json_t *
scim_resource_types(const char *base)
{
    json_t                        *list, *type;
    const carmen_scim_attr_t      *attr;
    const carmen_scim_resource_t  *res;

    list = json_array();

    for (res = carmen_scim_resources; list && res->name; res++) {

        type = json_pack("{s:[s], s:s, s:s, s:s, s:s, s:s, s:{s:s, s:s++}}",
            "schemas", "urn:ietf:params:scim:schemas:core:2.0:ResourceType",
            "id", res->name, "name", res->name, "endpoint", res->endpoint,
            "description", res->doc, "schema", res->urn,
            "meta", "resourceType", "ResourceType",
            "location", base, "/ResourceTypes/", res->name);

        for (attr = res->attrs; type && attr->name; attr++) {
            if (attr->flags & CARMEN_SCIM_EXTENSION) {
                (void) json_object_set_new(type, "schemaExtensions",
                    json_pack("[{s:s, s:b}]", "schema", attr->name,
                              "required", 0));
            }
        }

        (void) json_array_append_new(list, type);
    }

    return list;
}


/* RFC 7643 section 5 */

static json_t *
scim_provider(const char *base)
{
    return json_pack(
        "{s:[s], s:{s:b}, s:{s:b, s:i, s:i}, s:{s:b, s:i}, s:{s:b}, s:{s:b},"
        " s:{s:b}, s:[{s:s, s:s, s:s, s:s, s:b}], s:{s:s, s:s+}}",
        "schemas",
        "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig",
        "patch", "supported", 1,
        "bulk", "supported", 0, "maxOperations", 0, "maxPayloadSize", 0,
        "filter", "supported", 1, "maxResults", 200,
        "changePassword", "supported", 0,
        "sort", "supported", 1,
        "etag", "supported", 1,
        "authenticationSchemes", "type", "oauthbearertoken",
        "name", "OAuth 2.0 bearer token",
        "description", "An access token with the scope users:read, and "
                       "users:write to change anything.",
        "specUri", "https://www.rfc-editor.org/info/rfc6750", "primary", 1,
        "meta", "resourceType", "ServiceProviderConfig",
        "location", base, "/ServiceProviderConfig");
}


json_t *
carmen_scim_document(const char *name, size_t len, const char *id,
    size_t id_len, const char *base)
{
    size_t   i;
    json_t  *list, *item, *found;

    if (len == 21 && ngx_strncmp(name, "ServiceProviderConfig", len) == 0) {
        return id ? NULL : scim_provider(base);
    }

    if (len == 13 && ngx_strncmp(name, "ResourceTypes", len) == 0) {
        list = scim_resource_types(base);

    } else if (len == 7 && ngx_strncmp(name, "Schemas", len) == 0) {
        list = scim_schemas(base);

    } else {
        return NULL;
    }

    if (id == NULL) {
        return json_pack("{s:[s], s:i, s:i, s:i, s:o}",
                         "schemas", CARMEN_SCIM_MESSAGE "ListResponse",
                         "totalResults", (int) json_array_size(list),
                         "startIndex", 1,
                         "itemsPerPage", (int) json_array_size(list),
                         "Resources", list);
    }

    found = NULL;

    json_array_foreach(list, i, item) {
        name = json_string_value(json_object_get(item, "id"));

        if (name && ngx_strlen(name) == id_len
            && ngx_strncasecmp((u_char *) name, (u_char *) id, id_len) == 0)
        {
            found = json_incref(item);
            break;
        }
    }

    json_decref(list);

    return found;
}
