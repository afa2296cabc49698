
/* Notes: the worked example of modules/README.md. */

#include <carmen.h>
#include "notes_statements.h"


static const carmen_field_t  note_create_fields[] = {
    { "text", CARMEN_STRING, CARMEN_REQUIRED, .min = 1, .max = 500,
      .doc = "What to remember.", .example = "\"Call the carrier\"" },
    CARMEN_FIELDS_END
};

static const carmen_field_t  note_fields[] = {
    { "noteId", CARMEN_UUID, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "text", CARMEN_STRING, CARMEN_REQUIRED },
    { "createdDate", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    CARMEN_FIELDS_END
};

static const carmen_entity_t  notes_entities[] = {
    { "Note", note_fields, "A line that somebody wants to keep." },
    CARMEN_ENTITIES_END
};

static const carmen_route_t  notes_routes[] = {
    { CARMEN_GET,  "/notes",               "notes:read",  &notes_list },
    { CARMEN_GET,  "/notes/{noteId:uuid}", "notes:read",  &notes_get },
    { CARMEN_POST, "/notes",               "notes:write", &notes_create,
      note_create_fields, .flags = CARMEN_CREATES },
    CARMEN_ROUTES_END
};

static carmen_domain_t  notes_domain = {
    ngx_string("notes"), "Lines that somebody wants to keep.",
    notes_routes, notes_entities, NULL, notes_statements
};

CARMEN_DOMAIN_MODULE(notes, &notes_domain);
