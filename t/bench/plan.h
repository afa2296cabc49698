
/*
 * What the load generator sends: a plan is a text file of requests with
 * places for values.  A paragraph is a request, a line is a directive:
 *
 *     values  product /tmp/ids         (of the plan; a value a line)
 *
 *     name    read
 *     weight  70
 *     send    GET /api/v1/products/<<product>>
 *     header  Authorization: Bearer …
 *     body    {"lines":[<<lines>>]}
 *     status  200
 *     has     "productId":"<<product>>"
 *     count   20 "productId":
 *     keep    orders "orderId":"
 *
 * <<x>> is a random line of the values x, <<key>> is text that no other
 * request has, <<take x>> removes and <<peek x>> copies an element of the
 * pool x, which "keep" fills from answers with what stands between its text
 * and the next quotation mark.  In "has" a place stands for what the request
 * got there.  A request that needs an empty pool gives way to the first
 * request of the plan.
 */

#ifndef _BENCH_PLAN_H_INCLUDED_
#define _BENCH_PLAN_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define PLAN_CHOICES   8              /* places of one request */
#define PLAN_CHECKS    4
#define PLAN_VALUE     128            /* bytes of a key or a kept value */


typedef struct values_s  values_t;
typedef struct pool_s    pool_t;

typedef enum {
    PART_TEXT = 0,
    PART_VALUE,
    PART_KEY,
    PART_TAKE,
    PART_PEEK
} part_e;

typedef struct {
    part_e             type;
    const char        *text;
    size_t             len;
    values_t          *values;
    pool_t            *pool;
    int                choice;         /* index in choice_t */
} part_t;

typedef struct {
    part_t            *parts;
    int                nparts;
} text_t;

typedef struct {
    text_t             has;
    const char        *count_text;     /* NULL: it is a "has" */
    int                count;
} check_t;

typedef struct {
    char              *name;
    int                weight;
    int                status;
    text_t             head;
    text_t             body;           /* no parts: no body */
    check_t            checks[PLAN_CHECKS];
    int                nchecks;
    int                nchoices;
    char              *choice_names[PLAN_CHOICES];
    pool_t            *needs;
    pool_t            *keep;
    const char        *keep_text;
} plan_request_t;

typedef struct {
    plan_request_t    *requests;
    int                nrequests;
    int                weights;        /* the sum */
    values_t          *values;
    pool_t            *pools;
} plan_t;

/* what one request got in its places */

typedef struct {
    const char        *text[PLAN_CHOICES];
    size_t             len[PLAN_CHOICES];
    char               own[PLAN_CHOICES][PLAN_VALUE];
} choice_t;


/* exits with a message when the plan cannot be read */
plan_t *plan_read(const char *path);

/* a request by weight; never one that needs an empty pool */
plan_request_t *plan_pick(plan_t *plan);

/* the request as bytes in "out"; returns their number, 0 if they don't fit */
size_t plan_render(plan_request_t *req, choice_t *choice, char *out,
    size_t size);

/* NULL, or what is wrong with the answer; keeps what is to be kept */
const char *plan_check(plan_request_t *req, choice_t *choice, int status,
    const char *answer, size_t len);

uint64_t plan_random(void);


#endif /* _BENCH_PLAN_H_INCLUDED_ */
