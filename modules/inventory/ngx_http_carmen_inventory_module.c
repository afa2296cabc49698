
/* Inventory: ship nodes, stock, availability, reservations. */

#include <carmen.h>
#include "inventory_statements.h"


#define INVENTORY_LINES_MAX     100
#define INVENTORY_BATCH_MAX     500
#define INVENTORY_ITEMS_MAX     100
#define INVENTORY_PIECES_MAX    1000000000000
#define INVENTORY_HOLD_MAX      86400


static const char *const  node_types[] = {
    "warehouse", "store", "supplier", "crossdock", NULL
};

static const char *const  node_states[] = { "active", "inactive", NULL };

static const char *const  reservation_states[] = {
    "held", "confirmed", "consumed", "released", "expired", NULL
};

static const char *const  inconsistency_kinds[] = {
    "shortfall", "quantity", "reserved", NULL
};


/* ship nodes */

static const carmen_field_t  node_create_fields[] = {
    { "id", CARMEN_CODE, CARMEN_REQUIRED, .max = 64,
      .doc = "The code by which everything names the node.",
      .example = "\"HAM1\"" },
    { "name", CARMEN_STRING, CARMEN_REQUIRED, .min = 1, .max = 200,
      .example = "\"Hamburg\"" },
    { "enterpriseCode", CARMEN_CODE, 0, .max = 64,
      .doc = "DEFAULT if absent." },
    { "nodeType", CARMEN_ENUM, 0, .values = node_types,
      .doc = "warehouse if absent." },
    { "timeZone", CARMEN_STRING, 0, .min = 1, .max = 64,
      .doc = "A name of the IANA database; UTC if absent.",
      .example = "\"Europe/Berlin\"" },
    { "status", CARMEN_ENUM, 0, .values = node_states,
      .doc = "active if absent." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  node_replace_fields[] = {
    { "name", CARMEN_STRING, CARMEN_REQUIRED, .min = 1, .max = 200 },
    { "enterpriseCode", CARMEN_CODE, 0, .max = 64,
      .doc = "DEFAULT if absent." },
    { "nodeType", CARMEN_ENUM, 0, .values = node_types,
      .doc = "warehouse if absent." },
    { "timeZone", CARMEN_STRING, 0, .min = 1, .max = 64,
      .doc = "UTC if absent." },
    { "status", CARMEN_ENUM, 0, .values = node_states,
      .doc = "active if absent.  Nothing is sold from an inactive node." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  node_query[] = {
    { "status", CARMEN_ENUM, 0, .values = node_states },
    { "nodeType", CARMEN_ENUM, 0, .values = node_types },
    CARMEN_FIELDS_END
};

static const carmen_field_t  node_fields[] = {
    { "id", CARMEN_CODE, CARMEN_REQUIRED },
    { "name", CARMEN_STRING, CARMEN_REQUIRED },
    { "enterpriseCode", CARMEN_CODE, CARMEN_REQUIRED },
    { "nodeType", CARMEN_ENUM, CARMEN_REQUIRED, .values = node_types },
    { "timeZone", CARMEN_STRING, CARMEN_REQUIRED },
    { "status", CARMEN_ENUM, CARMEN_REQUIRED, .values = node_states },
    { "version", CARMEN_INTEGER, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "createts", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "modifyts", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    CARMEN_FIELDS_END
};


/* stock */

static const carmen_field_t  sync_fields[] = {
    { "quantity", CARMEN_INTEGER, CARMEN_REQUIRED,
      .max = INVENTORY_PIECES_MAX, .doc = "Pieces at the node." },
    { "threshold", CARMEN_INTEGER, 0, .max = INVENTORY_PIECES_MAX,
      .doc = "Pieces that are not for sale; 0 if absent." },
    { "infinite", CARMEN_BOOLEAN, 0,
      .doc = "Never runs out; false if absent." },
    { "modifyts", CARMEN_TIMESTAMP, 0,
      .doc = "When the figure was true; now if absent.  Older than what is "
             "known: nothing changes." },
    { "enterpriseCode", CARMEN_CODE, 0, .max = 64,
      .doc = "DEFAULT if absent." },
    CARMEN_FIELDS_END
};

#define inventory_figures                                                     \
    { "itemId", CARMEN_STRING, CARMEN_REQUIRED, .doc = "The SKU." },          \
    { "shipNode", CARMEN_CODE, CARMEN_REQUIRED },                             \
    { "enterpriseCode", CARMEN_CODE, CARMEN_REQUIRED },                       \
    { "quantity", CARMEN_INTEGER, CARMEN_REQUIRED },                          \
    { "reserved", CARMEN_INTEGER, CARMEN_REQUIRED|CARMEN_READ_ONLY,           \
      .doc = "Held or confirmed for reservations and orders." },              \
    { "threshold", CARMEN_INTEGER, CARMEN_REQUIRED },                         \
    { "infinite", CARMEN_BOOLEAN, CARMEN_REQUIRED },                          \
    { "available", CARMEN_INTEGER,                                            \
      CARMEN_REQUIRED|CARMEN_NULLABLE|CARMEN_READ_ONLY,                       \
      .doc = "quantity - reserved - threshold, at least 0; null if "          \
             "infinite." },                                                   \
    { "shortfall", CARMEN_INTEGER, CARMEN_REQUIRED|CARMEN_READ_ONLY,          \
      .doc = "What the last count found missing below reserved; still part "  \
             "of quantity." },                                                \
    { "version", CARMEN_INTEGER, CARMEN_REQUIRED|CARMEN_READ_ONLY },          \
    { "createts", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },       \
    { "modifyts", CARMEN_TIMESTAMP, CARMEN_REQUIRED }

static const carmen_field_t  inventory_fields[] = {
    inventory_figures,
    CARMEN_FIELDS_END
};

static const carmen_field_t  inventory_sync_fields[] = {
    inventory_figures,
    { "applied", CARMEN_BOOLEAN, CARMEN_REQUIRED|CARMEN_READ_ONLY,
      .doc = "false: older than what is known, nothing was changed." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  enterprise_query[] = {
    { "enterpriseCode", CARMEN_CODE, 0, .max = 64,
      .doc = "DEFAULT if absent." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  inventory_query[] = {
    { "itemId", CARMEN_STRING, 0, .min = 1, .max = 128 },
    { "shipNode", CARMEN_CODE, 0, .max = 64 },
    { "available", CARMEN_BOOLEAN, 0,
      .doc = "Only what can, or cannot, be sold now." },
    { "enterpriseCode", CARMEN_CODE, 0, .max = 64,
      .doc = "DEFAULT if absent." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  movement_fields[] = {
    { "movementId", CARMEN_UUID, CARMEN_REQUIRED },
    { "itemId", CARMEN_STRING, CARMEN_REQUIRED },
    { "shipNode", CARMEN_CODE, CARMEN_REQUIRED },
    { "enterpriseCode", CARMEN_CODE, CARMEN_REQUIRED },
    { "delta", CARMEN_INTEGER, CARMEN_REQUIRED },
    { "quantity", CARMEN_INTEGER, CARMEN_REQUIRED,
      .doc = "Of the node after the movement." },
    { "reason", CARMEN_STRING, CARMEN_REQUIRED,
      .doc = "sync, shortfall, or that of an adjustment." },
    { "reference", CARMEN_STRING, CARMEN_REQUIRED|CARMEN_NULLABLE },
    { "actor", CARMEN_STRING, CARMEN_REQUIRED|CARMEN_NULLABLE },
    { "createts", CARMEN_TIMESTAMP, CARMEN_REQUIRED },
    CARMEN_FIELDS_END
};

static const carmen_field_t  adjustment_line_fields[] = {
    { "itemId", CARMEN_STRING, CARMEN_REQUIRED, .min = 1, .max = 128 },
    { "shipNode", CARMEN_CODE, CARMEN_REQUIRED, .max = 64 },
    { "delta", CARMEN_INTEGER, CARMEN_REQUIRED,
      .min = -INVENTORY_PIECES_MAX, .max = INVENTORY_PIECES_MAX,
      .doc = "Pieces added, or taken if negative." },
    { "enterpriseCode", CARMEN_CODE, 0, .max = 64,
      .doc = "DEFAULT if absent." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  adjustment_line = {
    NULL, CARMEN_OBJECT, 0, .fields = adjustment_line_fields
};

static const carmen_field_t  adjust_fields[] = {
    { "reason", CARMEN_CODE, CARMEN_REQUIRED, .max = 64,
      .example = "\"receipt\"" },
    { "reference", CARMEN_STRING, 0, .min = 1, .max = 200,
      .doc = "A document of the caller, kept with the movements." },
    { "lines", CARMEN_ARRAY, CARMEN_REQUIRED, .min = 1,
      .max = INVENTORY_BATCH_MAX, .item = &adjustment_line },
    CARMEN_FIELDS_END
};

static const carmen_field_t  inventory_item = {
    NULL, CARMEN_OBJECT, 0, .fields = inventory_fields
};

static const carmen_field_t  adjustment_fields[] = {
    { "adjustmentId", CARMEN_UUID, CARMEN_REQUIRED },
    { "reason", CARMEN_CODE, CARMEN_REQUIRED },
    { "items", CARMEN_ARRAY, CARMEN_REQUIRED, .item = &inventory_item,
      .doc = "The rows as they became, in key order." },
    CARMEN_FIELDS_END
};


/* availability */

static const carmen_field_t  sku = {
    NULL, CARMEN_STRING, 0, .min = 1, .max = 128
};

static const carmen_field_t  node_code = { NULL, CARMEN_CODE, 0, .max = 64 };

static const carmen_field_t  availability_query[] = {
    { "items", CARMEN_ARRAY, CARMEN_REQUIRED, .min = 1,
      .max = INVENTORY_ITEMS_MAX, .item = &sku,
      .doc = "SKUs.", .example = "\"TEA-1,TEA-2\"" },
    { "nodes", CARMEN_ARRAY, 0, .min = 1, .max = INVENTORY_ITEMS_MAX,
      .item = &node_code, .doc = "Only these; all active nodes if absent." },
    { "enterpriseCode", CARMEN_CODE, 0, .max = 64,
      .doc = "DEFAULT if absent." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  availability_network_fields[] = {
    { "available", CARMEN_INTEGER, CARMEN_REQUIRED|CARMEN_NULLABLE },
    { "infinite", CARMEN_BOOLEAN, CARMEN_REQUIRED },
    CARMEN_FIELDS_END
};

static const carmen_field_t  availability_node_fields[] = {
    { "shipNode", CARMEN_CODE, CARMEN_REQUIRED },
    { "available", CARMEN_INTEGER, CARMEN_REQUIRED|CARMEN_NULLABLE },
    { "infinite", CARMEN_BOOLEAN, CARMEN_REQUIRED },
    CARMEN_FIELDS_END
};

static const carmen_field_t  availability_node = {
    NULL, CARMEN_OBJECT, 0, .fields = availability_node_fields
};

static const carmen_field_t  availability_item_fields[] = {
    { "itemId", CARMEN_STRING, CARMEN_REQUIRED },
    { "network", CARMEN_OBJECT, CARMEN_REQUIRED,
      .fields = availability_network_fields,
      .doc = "Over the nodes; available is null if infinite." },
    { "nodes", CARMEN_ARRAY, CARMEN_REQUIRED, .item = &availability_node },
    CARMEN_FIELDS_END
};

static const carmen_field_t  availability_item = {
    NULL, CARMEN_OBJECT, 0, .fields = availability_item_fields
};

static const carmen_field_t  availability_fields[] = {
    { "items", CARMEN_ARRAY, CARMEN_REQUIRED, .item = &availability_item,
      .doc = "In the order asked for; an unknown item has no nodes." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  inconsistency_fields[] = {
    { "itemId", CARMEN_STRING, CARMEN_REQUIRED },
    { "shipNode", CARMEN_CODE, CARMEN_REQUIRED },
    { "enterpriseCode", CARMEN_CODE, CARMEN_REQUIRED },
    { "kind", CARMEN_ENUM, CARMEN_REQUIRED, .values = inconsistency_kinds,
      .doc = "shortfall: a count below what is promised.  quantity: not the "
             "sum of its movements.  reserved: not the sum of its holds." },
    { "expected", CARMEN_INTEGER, CARMEN_REQUIRED },
    { "found", CARMEN_INTEGER, CARMEN_REQUIRED },
    { "since", CARMEN_TIMESTAMP, CARMEN_REQUIRED },
    CARMEN_FIELDS_END
};


/* reservations */

static const carmen_field_t  reserve_line_fields[] = {
    { "itemId", CARMEN_STRING, CARMEN_REQUIRED, .min = 1, .max = 128,
      .doc = "The SKU." },
    { "quantity", CARMEN_INTEGER, CARMEN_REQUIRED, .min = 1,
      .max = INVENTORY_PIECES_MAX },
    { "shipNode", CARMEN_CODE, 0, .max = 64,
      .doc = "Only from there; from any active node if absent." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  reserve_line = {
    NULL, CARMEN_OBJECT, 0, .fields = reserve_line_fields
};

static const carmen_field_t  reserve_fields[] = {
    { "lines", CARMEN_ARRAY, CARMEN_REQUIRED, .min = 1,
      .max = INVENTORY_LINES_MAX, .item = &reserve_line },
    { "cartId", CARMEN_UUID, 0 },
    { "expiresIn", CARMEN_INTEGER, 0, .min = 1, .max = INVENTORY_HOLD_MAX,
      .doc = "Seconds; 900 if absent." },
    { "enterpriseCode", CARMEN_CODE, 0, .max = 64,
      .doc = "DEFAULT if absent." },
    { "ownerId", CARMEN_STRING, CARMEN_TRUSTED, .min = 1, .max = 200,
      .scope = "inventory:write",
      .doc = "Whose reservation it is; the caller's if absent." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  extend_fields[] = {
    { "expiresIn", CARMEN_INTEGER, CARMEN_REQUIRED, .min = 1,
      .max = INVENTORY_HOLD_MAX, .doc = "Seconds from now." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  verb_fields[] = {
    CARMEN_FIELDS_END
};

static const carmen_field_t  reservation_line_fields[] = {
    { "line", CARMEN_INTEGER, CARMEN_REQUIRED },
    { "itemId", CARMEN_STRING, CARMEN_REQUIRED },
    { "shipNode", CARMEN_CODE, CARMEN_REQUIRED },
    { "quantity", CARMEN_INTEGER, CARMEN_REQUIRED },
    CARMEN_FIELDS_END
};

static const carmen_field_t  reservation_line = {
    NULL, CARMEN_OBJECT, 0, .fields = reservation_line_fields
};

static const carmen_field_t  reservation_fields[] = {
    { "reservationId", CARMEN_UUID, CARMEN_REQUIRED },
    { "enterpriseCode", CARMEN_CODE, CARMEN_REQUIRED },
    { "ownerId", CARMEN_STRING, CARMEN_REQUIRED },
    { "cartId", CARMEN_UUID, CARMEN_REQUIRED|CARMEN_NULLABLE },
    { "orderId", CARMEN_UUID, CARMEN_REQUIRED|CARMEN_NULLABLE },
    { "state", CARMEN_ENUM, CARMEN_REQUIRED, .values = reservation_states },
    { "expiresAt", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_NULLABLE,
      .doc = "null: no more time, as with confirmed." },
    { "lines", CARMEN_ARRAY, CARMEN_REQUIRED, .item = &reservation_line,
      .doc = "A line that no single node covers stands here once a node." },
    { "version", CARMEN_INTEGER, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "createts", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "modifyts", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    CARMEN_FIELDS_END
};


static const carmen_entity_t  inventory_entities[] = {
    { "ShipNode", node_fields, "A place that stock is sent from." },
    { "Inventory", inventory_fields, "An item at a node." },
    { "InventorySync", inventory_sync_fields,
      "An item at a node after a synchronisation." },
    { "Movement", movement_fields, "A change of a quantity, for ever." },
    { "Adjustment", adjustment_fields, "A batch of changes, carried out." },
    { "Availability", availability_fields, "What can be promised now." },
    { "Inconsistency", inconsistency_fields,
      "Figures that contradict each other." },
    { "Reservation", reservation_fields, "Stock held for somebody." },
    CARMEN_ENTITIES_END
};


static const carmen_problem_t  inventory_problems[] = {
    { "out-of-stock", 409, "Not enough stock",
      "Lines ask for more than is available.  \"lines\" has line, itemId, "
      "requested and available of each; ask for less, or for other items." },
    { "stock-reserved", 409, "The stock is promised",
      "An adjustment would leave less than is reserved.  Release or cancel "
      "first; a count that found less goes through the synchronisation, "
      "which records the shortfall." },
    { "node-in-use", 409, "The ship node has stock records",
      "A node that held stock cannot be deleted, since its movements name "
      "it.  Set its status to inactive." },
    { "reservation-in-order", 409, "The reservation belongs to an order",
      "What an order holds is changed through the order alone." },
    CARMEN_PROBLEMS_END
};


static const char *const  node_create_problems[] = { "conflict", NULL };
static const char *const  node_delete_problems[] = { "node-in-use", NULL };
static const char *const  sync_problems[] = { "precondition-failed", NULL };
static const char *const  adjust_problems[] = { "stock-reserved", NULL };
static const char *const  reserve_problems[] = { "out-of-stock", NULL };
static const char *const  verb_problems[] = {
    "illegal-transition", "reservation-in-order", NULL
};


static const carmen_route_t  inventory_routes[] = {

    { CARMEN_GET, "/ship-nodes", "inventory:read", &inventory_node_list,
      .query = node_query, .summary = "List ship nodes." },

    { CARMEN_POST, "/ship-nodes", "inventory:write", &inventory_node_create,
      node_create_fields, .flags = CARMEN_CREATES,
      .summary = "Create a ship node.", .problems = node_create_problems },

    { CARMEN_GET, "/ship-nodes/{id:code}", "inventory:read",
      &inventory_node_get, .summary = "Read a ship node." },

    { CARMEN_PUT, "/ship-nodes/{id:code}", "inventory:write",
      &inventory_node_replace, node_replace_fields,
      .flags = CARMEN_VERSIONED, .summary = "Replace a ship node." },

    { CARMEN_DELETE, "/ship-nodes/{id:code}", "inventory:write",
      &inventory_node_delete, .flags = CARMEN_VERSIONED,
      .summary = "Delete a ship node that never held stock.",
      .status = 204, .problems = node_delete_problems },

    { CARMEN_GET, "/inventory", "inventory:read", &inventory_list,
      .query = inventory_query, .summary = "List stock by item and node." },

    { CARMEN_GET, "/inventory/availability", "inventory:read",
      &inventory_availability, .query = availability_query,
      .summary = "What of some items can be promised." },

    { CARMEN_POST, "/inventory/adjustments", "inventory:write",
      &inventory_adjust, adjust_fields, .flags = CARMEN_CREATES,
      .summary = "Add to and take from stock, all lines or none.",
      .status = 200, .problems = adjust_problems },

    { CARMEN_GET, "/inventory/inconsistencies", "inventory:write",
      &inventory_inconsistencies,
      .summary = "List stock whose figures contradict each other." },

    { CARMEN_GET, "/inventory/{itemId}/nodes/{shipNode:code}",
      "inventory:read", &inventory_get, .query = enterprise_query,
      .summary = "Read an item at a node." },

    { CARMEN_PUT, "/inventory/{itemId}/nodes/{shipNode:code}",
      "inventory:write", &inventory_sync, sync_fields,
      .flags = CARMEN_MATCHES,
      .summary = "Set an item at a node to another system's figures.",
      .problems = sync_problems },

    { CARMEN_GET, "/inventory/{itemId}/nodes/{shipNode:code}/movements",
      "inventory:write", &inventory_movement_list,
      .query = enterprise_query,
      .summary = "List the movements of an item at a node." },

    { CARMEN_POST, "/reservations", "inventory:reserve", &inventory_reserve,
      reserve_fields, .flags = CARMEN_CREATES,
      .summary = "Hold stock for a while.", .problems = reserve_problems },

    { CARMEN_GET, "/reservations/{reservationId:uuid}", "inventory:reserve",
      &inventory_reservation_get, .summary = "Read a reservation." },

    { CARMEN_POST, "/reservations/{reservationId:uuid}/confirm",
      "inventory:reserve", &inventory_reservation_confirm, verb_fields,
      .flags = CARMEN_KEYED, .summary = "Hold it without a time.",
      .problems = verb_problems },

    { CARMEN_POST, "/reservations/{reservationId:uuid}/release",
      "inventory:reserve", &inventory_reservation_release, verb_fields,
      .flags = CARMEN_KEYED, .summary = "Give the stock back.",
      .problems = verb_problems },

    { CARMEN_POST, "/reservations/{reservationId:uuid}/extend",
      "inventory:reserve", &inventory_reservation_extend, extend_fields,
      .flags = CARMEN_KEYED, .summary = "Hold it longer.",
      .problems = verb_problems },

    CARMEN_ROUTES_END
};


static carmen_domain_t  inventory_domain = {
    ngx_string("inventory"),
    "Ship nodes, the stock at each, what of it can be promised, and the "
    "reservations that hold it.",
    inventory_routes, inventory_entities, inventory_problems,
    inventory_statements
};


CARMEN_DOMAIN_MODULE(inventory, &inventory_domain);
