
/* Orders: placing, reading, confirming, holding, cancelling. */

#include <carmen.h>
#include "orders_statements.h"


#define ORDERS_LINES_MAX     100
#define ORDERS_PIECES_MAX    1000000
#define ORDERS_AMOUNT_MAX    1000000000000


static const char *const  order_states[] = {
    "draft", "placed", "confirmed", "allocated", "partially_shipped",
    "shipped", "delivered", "closed", "cancelled", "on_hold", NULL
};

static const char *const  payment_states[] = {
    "pending", "authorized", "paid", "failed", "refunded", "voided", NULL
};

static const char *const  fulfilment_states[] = {
    "pending", "picking", "packed", "shipped", "delivered", "cancelled", NULL
};

static const char *const  timeline_events[] = {
    "placed", "confirmed", "held", "released", "cancelled", NULL
};


static const carmen_field_t  money_fields[] = {
    { "amount", CARMEN_INTEGER, CARMEN_REQUIRED, .max = ORDERS_AMOUNT_MAX,
      .doc = "Minor units.", .example = "1999" },
    { "currency", CARMEN_CURRENCY, CARMEN_REQUIRED, .example = "\"EUR\"" },
    CARMEN_FIELDS_END
};


static const carmen_field_t  place_line_fields[] = {
    { "itemId", CARMEN_STRING, CARMEN_REQUIRED, .min = 1, .max = 128,
      .doc = "The SKU of an active variant.", .example = "\"TEA-1\"" },
    { "quantity", CARMEN_INTEGER, CARMEN_REQUIRED, .min = 1,
      .max = ORDERS_PIECES_MAX },
    { "shipNode", CARMEN_CODE, 0, .max = 64,
      .doc = "Only from there; from the nodes that fit best if absent." },
    { "unitPrice", CARMEN_OBJECT, CARMEN_TRUSTED, .fields = money_fields,
      .scope = "orders:price",
      .doc = "Instead of the price of the catalog; in the currency of the "
             "order." },
    { "discount", CARMEN_NUMBER, CARMEN_TRUSTED, .max = 1,
      .scope = "orders:price",
      .doc = "The part taken off: 0.15 is 15 %.  The line's net is rounded "
             "to the minor unit, half up.", .example = "0.15" },
    CARMEN_FIELDS_END
};

static const carmen_field_t  place_line = {
    NULL, CARMEN_OBJECT, 0, .fields = place_line_fields
};

static const carmen_field_t  place_fields[] = {
    { "currency", CARMEN_CURRENCY, CARMEN_REQUIRED, .example = "\"EUR\"" },
    { "lines", CARMEN_ARRAY, 0, .min = 1, .max = ORDERS_LINES_MAX,
      .item = &place_line, .doc = "Either these or a reservationId." },
    { "reservationId", CARMEN_UUID, 0,
      .doc = "The order takes over what it holds." },
    { "channel", CARMEN_CODE, 0, .max = 64,
      .doc = "Whose prices apply; default if absent." },
    { "note", CARMEN_STRING, 0, .max = 500 },
    { "enterpriseCode", CARMEN_CODE, 0, .max = 64,
      .doc = "Whose stock; DEFAULT if absent." },
    { "customerId", CARMEN_STRING, CARMEN_TRUSTED, .min = 1, .max = 200,
      .scope = "orders:price", .doc = "The caller if absent." },
    { "externalRef", CARMEN_STRING, CARMEN_TRUSTED, .min = 1, .max = 200,
      .scope = "orders:price",
      .doc = "The order's number elsewhere; once a tenant." },
    { "orderedAt", CARMEN_TIMESTAMP, CARMEN_TRUSTED,
      .scope = "orders:price", .doc = "Now if absent." },
    { "freight", CARMEN_OBJECT, CARMEN_TRUSTED, .fields = money_fields,
      .scope = "orders:price" },
    CARMEN_FIELDS_END
};

static const carmen_field_t  verb_fields[] = {
    { "reason", CARMEN_STRING, 0, .max = 500,
      .doc = "Kept in the timeline." },
    CARMEN_FIELDS_END
};

#define orders_range_query                                                    \
    { "status", CARMEN_ENUM, 0, .values = order_states },                     \
    { "customerId", CARMEN_STRING, 0, .min = 1, .max = 200 },                 \
    { "orderedFrom", CARMEN_TIMESTAMP, 0, .doc = "Included." },               \
    { "orderedTo", CARMEN_TIMESTAMP, 0, .doc = "Excluded." }

static const carmen_field_t  list_query[] = {
    orders_range_query,
    { "externalRef", CARMEN_STRING, 0, .min = 1, .max = 200 },
    CARMEN_FIELDS_END
};

static const carmen_field_t  summary_query[] = {
    orders_range_query,
    CARMEN_FIELDS_END
};


static const carmen_field_t  allocation_fields[] = {
    { "shipNode", CARMEN_CODE, CARMEN_REQUIRED },
    { "quantity", CARMEN_INTEGER, CARMEN_REQUIRED },
    CARMEN_FIELDS_END
};

static const carmen_field_t  allocation = {
    NULL, CARMEN_OBJECT, 0, .fields = allocation_fields
};

static const carmen_field_t  line_fields[] = {
    { "line", CARMEN_INTEGER, CARMEN_REQUIRED, .doc = "From 1." },
    { "itemId", CARMEN_STRING, CARMEN_REQUIRED },
    { "variantId", CARMEN_UUID, CARMEN_REQUIRED },
    { "name", CARMEN_STRING, CARMEN_REQUIRED|CARMEN_NULLABLE,
      .doc = "As it was when the order was placed." },
    { "quantity", CARMEN_INTEGER, CARMEN_REQUIRED },
    { "unitPrice", CARMEN_OBJECT, CARMEN_REQUIRED, .fields = money_fields },
    { "discount", CARMEN_NUMBER, CARMEN_REQUIRED },
    { "gross", CARMEN_OBJECT, CARMEN_REQUIRED, .fields = money_fields },
    { "net", CARMEN_OBJECT, CARMEN_REQUIRED, .fields = money_fields },
    { "allocated", CARMEN_INTEGER, CARMEN_REQUIRED },
    { "shipped", CARMEN_INTEGER, CARMEN_REQUIRED },
    { "cancelled", CARMEN_INTEGER, CARMEN_REQUIRED },
    { "returned", CARMEN_INTEGER, CARMEN_REQUIRED },
    { "allocations", CARMEN_ARRAY, CARMEN_REQUIRED, .item = &allocation,
      .doc = "Which nodes serve the line." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  line = {
    NULL, CARMEN_OBJECT, 0, .fields = line_fields
};

#define orders_sums                                                           \
    { "gross", CARMEN_INTEGER, CARMEN_REQUIRED,                               \
      .doc = "Unit prices times quantities." },                               \
    { "discount", CARMEN_INTEGER, CARMEN_REQUIRED,                            \
      .doc = "gross - net." },                                                \
    { "net", CARMEN_INTEGER, CARMEN_REQUIRED,                                 \
      .doc = "The sum of the rounded lines." },                               \
    { "freight", CARMEN_INTEGER, CARMEN_REQUIRED },                           \
    { "total", CARMEN_INTEGER, CARMEN_REQUIRED, .doc = "net + freight." },    \
    { "currency", CARMEN_CURRENCY, CARMEN_REQUIRED }

static const carmen_field_t  totals_fields[] = {
    orders_sums,
    CARMEN_FIELDS_END
};

static const carmen_field_t  order_fields[] = {
    { "orderId", CARMEN_UUID, CARMEN_REQUIRED },
    { "enterpriseCode", CARMEN_CODE, CARMEN_REQUIRED },
    { "status", CARMEN_ENUM, CARMEN_REQUIRED, .values = order_states },
    { "heldFrom", CARMEN_ENUM, CARMEN_REQUIRED|CARMEN_NULLABLE,
      .values = order_states, .doc = "Where release goes back to." },
    { "paymentStatus", CARMEN_ENUM, CARMEN_REQUIRED,
      .values = payment_states },
    { "fulfilmentStatus", CARMEN_ENUM, CARMEN_REQUIRED,
      .values = fulfilment_states },
    { "customerId", CARMEN_STRING, CARMEN_REQUIRED },
    { "placedBy", CARMEN_STRING, CARMEN_REQUIRED },
    { "externalRef", CARMEN_STRING, CARMEN_REQUIRED|CARMEN_NULLABLE },
    { "cartId", CARMEN_UUID, CARMEN_REQUIRED|CARMEN_NULLABLE },
    { "reservationId", CARMEN_UUID, CARMEN_REQUIRED|CARMEN_NULLABLE },
    { "channel", CARMEN_CODE, CARMEN_REQUIRED },
    { "currency", CARMEN_CURRENCY, CARMEN_REQUIRED },
    { "orderedAt", CARMEN_TIMESTAMP, CARMEN_REQUIRED },
    { "note", CARMEN_STRING, CARMEN_REQUIRED|CARMEN_NULLABLE },
    { "totals", CARMEN_OBJECT, CARMEN_REQUIRED, .fields = totals_fields,
      .doc = "Minor units." },
    { "lines", CARMEN_ARRAY, 0, .item = &line,
      .doc = "Not in lists." },
    { "version", CARMEN_INTEGER, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "createts", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    { "modifyts", CARMEN_TIMESTAMP, CARMEN_REQUIRED|CARMEN_READ_ONLY },
    CARMEN_FIELDS_END
};

static const carmen_field_t  summary_item_fields[] = {
    { "count", CARMEN_INTEGER, CARMEN_REQUIRED },
    orders_sums,
    CARMEN_FIELDS_END
};

static const carmen_field_t  summary_item = {
    NULL, CARMEN_OBJECT, 0, .fields = summary_item_fields
};

static const carmen_field_t  summary_fields[] = {
    { "items", CARMEN_ARRAY, CARMEN_REQUIRED, .item = &summary_item,
      .doc = "One a currency." },
    CARMEN_FIELDS_END
};

static const carmen_field_t  timeline_item_fields[] = {
    { "version", CARMEN_INTEGER, CARMEN_REQUIRED,
      .doc = "Of the order after the event." },
    { "event", CARMEN_ENUM, CARMEN_REQUIRED, .values = timeline_events },
    { "status", CARMEN_ENUM, CARMEN_REQUIRED, .values = order_states,
      .doc = "After the event." },
    { "note", CARMEN_STRING, CARMEN_REQUIRED|CARMEN_NULLABLE },
    { "actor", CARMEN_STRING, CARMEN_REQUIRED },
    { "at", CARMEN_TIMESTAMP, CARMEN_REQUIRED },
    CARMEN_FIELDS_END
};

static const carmen_field_t  timeline_item = {
    NULL, CARMEN_OBJECT, 0, .fields = timeline_item_fields
};

static const carmen_field_t  timeline_fields[] = {
    { "items", CARMEN_ARRAY, CARMEN_REQUIRED, .item = &timeline_item },
    CARMEN_FIELDS_END
};


static const carmen_entity_t  orders_entities[] = {
    { "Order", order_fields, "What somebody bought." },
    { "OrderSummary", summary_fields, "Sums over orders." },
    { "Timeline", timeline_fields, "What became of an order." },
    CARMEN_ENTITIES_END
};


static const carmen_problem_t  orders_problems[] = {
    { "reservation-over", 409, "The reservation holds nothing any more",
      "It expired, was released, or is consumed; \"state\" says which.  "
      "Reserve anew." },
    CARMEN_PROBLEMS_END
};


static const char *const  place_problems[] = {
    "out-of-stock", "unknown-reference", "reservation-in-order",
    "reservation-over", "conflict", NULL
};

static const char *const  verb_problems[] = { "illegal-transition", NULL };


static const carmen_route_t  orders_routes[] = {

    { CARMEN_POST, "/orders", "orders:write", &orders_place, place_fields,
      .flags = CARMEN_CREATES,
      .summary = "Price, reserve and order in one transaction.",
      .problems = place_problems },

    { CARMEN_GET, "/orders", "orders:read", &orders_list,
      .query = list_query, .summary = "List orders, the newest first." },

    { CARMEN_GET, "/orders/summary", "orders:read", &orders_summary,
      .query = summary_query, .summary = "The sums of orders." },

    { CARMEN_GET, "/orders/{orderId:uuid}", "orders:read", &orders_get,
      .summary = "Read an order with its lines." },

    { CARMEN_GET, "/orders/{orderId:uuid}/timeline", "orders:read",
      &orders_timeline, .summary = "What became of an order." },

    { CARMEN_POST, "/orders/{orderId:uuid}/cancel", "orders:write",
      &orders_cancel, verb_fields, .flags = CARMEN_KEYED,
      .summary = "End the order and give its stock back.",
      .problems = verb_problems },

    { CARMEN_POST, "/orders/{orderId:uuid}/confirm", "orders:manage",
      &orders_confirm, verb_fields, .flags = CARMEN_KEYED,
      .summary = "Make the order and its stock certain.",
      .problems = verb_problems },

    { CARMEN_POST, "/orders/{orderId:uuid}/hold", "orders:manage",
      &orders_hold, verb_fields, .flags = CARMEN_KEYED,
      .summary = "Stop the order until it is released.",
      .problems = verb_problems },

    { CARMEN_POST, "/orders/{orderId:uuid}/release", "orders:manage",
      &orders_release, verb_fields, .flags = CARMEN_KEYED,
      .summary = "Let an order on hold go on.",
      .problems = verb_problems },

    CARMEN_ROUTES_END
};


static carmen_domain_t  orders_domain = {
    ngx_string("orders"),
    "Orders: priced, reserved and placed in one transaction, read, "
    "confirmed, held, cancelled.",
    orders_routes, orders_entities, orders_problems, orders_statements
};


CARMEN_DOMAIN_MODULE(orders, &orders_domain);
