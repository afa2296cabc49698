
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "plan.h"


#define POOL_SIZE  65536


struct values_s {
    char              *name;
    char             **lines;
    size_t            *lens;
    size_t             n;
    values_t          *next;
};

struct pool_s {
    char              *name;
    char             (*items)[PLAN_VALUE];
    size_t             n;
    pool_t            *next;
};


static uint64_t  random_state = 0x9e3779b97f4a7c15;
static char      key_prefix[32];
static uint64_t  key_number;


static void
plan_die(const char *what, const char *which)
{
    fprintf(stderr, "load: %s: %s\n", what, which);
    exit(2);
}


static void *
plan_alloc(size_t size)
{
    void  *p;

    p = calloc(1, size);
    if (p == NULL) {
        plan_die("no memory", "plan");
    }

    return p;
}


uint64_t
plan_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;

    return random_state;
}


static values_t *
plan_values(plan_t *plan, const char *name, size_t len)
{
    values_t  *v;

    for (v = plan->values; v; v = v->next) {
        if (strlen(v->name) == len && memcmp(v->name, name, len) == 0) {
            return v;
        }
    }

    return NULL;
}


static void
plan_values_read(plan_t *plan, char *args)
{
    char       name[64], path[1024], *line;
    FILE      *f;
    size_t     size, room;
    ssize_t    n;
    values_t  *v;

    if (sscanf(args, "%63s %1023s", name, path) != 2) {
        plan_die("values NAME FILE", args);
    }

    f = fopen(path, "r");
    if (f == NULL) {
        plan_die("cannot open", path);
    }

    v = plan_alloc(sizeof(values_t));
    v->name = strdup(name);
    v->next = plan->values;
    plan->values = v;

    line = NULL;
    size = 0;
    room = 0;

    while ((n = getline(&line, &size, f)) > 0) {
        if (line[n - 1] == '\n') {
            line[--n] = '\0';
        }

        if (v->n == room) {
            room = room ? room * 2 : 256;
            v->lines = realloc(v->lines, room * sizeof(char *));
            v->lens = realloc(v->lens, room * sizeof(size_t));
        }

        v->lines[v->n] = strdup(line);
        v->lens[v->n++] = (size_t) n;
    }

    free(line);
    fclose(f);

    if (v->n == 0) {
        plan_die("no values in", path);
    }
}


static pool_t *
plan_pool(plan_t *plan, const char *name, size_t len)
{
    pool_t  *p;

    for (p = plan->pools; p; p = p->next) {
        if (strlen(p->name) == len && memcmp(p->name, name, len) == 0) {
            return p;
        }
    }

    p = plan_alloc(sizeof(pool_t));
    p->name = strndup(name, len);
    p->items = plan_alloc(POOL_SIZE * PLAN_VALUE);
    p->next = plan->pools;
    plan->pools = p;

    return p;
}


static part_t *
plan_part(text_t *text)
{
    text->parts = realloc(text->parts, (text->nparts + 1) * sizeof(part_t));
    memset(&text->parts[text->nparts], 0, sizeof(part_t));

    return &text->parts[text->nparts++];
}


static void
plan_literal(text_t *text, const char *s, size_t len)
{
    part_t  *part;

    if (len == 0) {
        return;
    }

    part = plan_part(text);
    part->type = PART_TEXT;
    part->text = strndup(s, len);
    part->len = len;
}


/* in a check a place is one that the request had, in order of appearance */

static void
plan_place(plan_t *plan, plan_request_t *req, text_t *text, const char *s,
    size_t len, int check)
{
    int      i;
    part_t  *part;

    part = plan_part(text);

    if (check) {
        for (i = 0; i < req->nchoices; i++) {
            if (strlen(req->choice_names[i]) == len
                && memcmp(req->choice_names[i], s, len) == 0)
            {
                part->type = PART_VALUE;
                part->choice = i;
                return;
            }
        }

        plan_die("a check for a place that the request has not", s);
    }

    if (req->nchoices == PLAN_CHOICES) {
        plan_die("too many places", s);
    }

    part->choice = req->nchoices;
    req->choice_names[req->nchoices++] = strndup(s, len);

    if (len == 3 && memcmp(s, "key", 3) == 0) {
        part->type = PART_KEY;
        return;
    }

    if (len > 5 && (memcmp(s, "take ", 5) == 0 || memcmp(s, "peek ", 5) == 0))
    {
        part->type = s[0] == 't' ? PART_TAKE : PART_PEEK;
        part->pool = plan_pool(plan, s + 5, len - 5);
        req->needs = part->pool;
        return;
    }

    part->type = PART_VALUE;
    part->values = plan_values(plan, s, len);

    if (part->values == NULL) {
        plan_die("no such values", s);
    }
}


static void
plan_text(plan_t *plan, plan_request_t *req, text_t *text, const char *s,
    int check)
{
    const char  *open, *close;

    while ((open = strstr(s, "<<")) != NULL
           && (close = strstr(open, ">>")) != NULL)
    {
        plan_literal(text, s, (size_t) (open - s));
        plan_place(plan, req, text, open + 2, (size_t) (close - open - 2),
                   check);
        s = close + 2;
    }

    plan_literal(text, s, strlen(s));
}


static check_t *
plan_new_check(plan_request_t *req, const char *line)
{
    if (req->nchecks == PLAN_CHECKS) {
        plan_die("too many checks", line);
    }

    return &req->checks[req->nchecks++];
}


static void
plan_directive(plan_t *plan, plan_request_t *req, char *name, char *args)
{
    char     *space;
    check_t  *check;

    if (strcmp(name, "weight") == 0) {
        req->weight = atoi(args);

    } else if (strcmp(name, "send") == 0) {
        plan_text(plan, req, &req->head, args, 0);
        plan_literal(&req->head, " HTTP/1.1\r\n", 11);

    } else if (strcmp(name, "header") == 0) {
        plan_text(plan, req, &req->head, args, 0);
        plan_literal(&req->head, "\r\n", 2);

    } else if (strcmp(name, "body") == 0) {
        plan_text(plan, req, &req->body, args, 0);

    } else if (strcmp(name, "status") == 0) {
        req->status = atoi(args);

    } else if (strcmp(name, "has") == 0) {
        check = plan_new_check(req, args);
        plan_text(plan, req, &check->has, args, 1);

    } else if (strcmp(name, "count") == 0) {
        check = plan_new_check(req, args);
        space = strchr(args, ' ');
        if (space == NULL) {
            plan_die("count N TEXT", args);
        }
        check->count = atoi(args);
        check->count_text = strdup(space + 1);

    } else if (strcmp(name, "keep") == 0) {
        space = strchr(args, ' ');
        if (space == NULL) {
            plan_die("keep POOL TEXT", args);
        }
        req->keep = plan_pool(plan, args, (size_t) (space - args));
        req->keep_text = strdup(space + 1);

    } else {
        plan_die("unknown directive", name);
    }
}


plan_t *
plan_read(const char *path)
{
    char            *line, *args;
    FILE            *f;
    size_t           size;
    plan_t          *plan;
    ssize_t          n;
    struct timespec  ts;
    plan_request_t  *req;

    f = fopen(path, "r");
    if (f == NULL) {
        plan_die("cannot open", path);
    }

    clock_gettime(CLOCK_REALTIME, &ts);
    random_state ^= (uint64_t) ts.tv_nsec << 20 ^ (uint64_t) getpid();
    snprintf(key_prefix, sizeof(key_prefix), "%lx%08lx-%x",
             (unsigned long) ts.tv_sec, (unsigned long) ts.tv_nsec,
             (unsigned) getpid());

    plan = plan_alloc(sizeof(plan_t));
    req = NULL;
    line = NULL;
    size = 0;

    while ((n = getline(&line, &size, f)) > 0) {
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == ' ')) {
            line[--n] = '\0';
        }

        args = line + strcspn(line, " ");
        if (*args != '\0') {
            *args++ = '\0';
            args += strspn(args, " ");
        }

        if (line[0] == '\0' || line[0] == '#') {
            continue;
        }

        if (strcmp(line, "values") == 0) {
            plan_values_read(plan, args);
            continue;
        }

        if (strcmp(line, "name") == 0) {
            plan->requests = realloc(plan->requests, (plan->nrequests + 1)
                                                     * sizeof(plan_request_t));
            req = &plan->requests[plan->nrequests++];
            memset(req, 0, sizeof(plan_request_t));
            req->name = strdup(args);
            req->weight = 1;
            req->status = 200;
            continue;
        }

        if (req == NULL) {
            plan_die("a directive before the first name", line);
        }

        plan_directive(plan, req, line, args);
    }

    free(line);
    fclose(f);

    if (plan->nrequests == 0 || plan->requests[0].needs) {
        plan_die("the first request must be one that needs no pool", path);
    }

    for (n = 0; n < plan->nrequests; n++) {
        plan->weights += plan->requests[n].weight;
    }

    return plan;
}


plan_request_t *
plan_pick(plan_t *plan)
{
    int              n;
    plan_request_t  *req;

    if (plan->nrequests == 1) {
        return plan->requests;
    }

    n = (int) (plan_random() % (uint64_t) plan->weights);

    for (req = plan->requests; n >= req->weight; req++) {
        n -= req->weight;
    }

    if (req->needs && req->needs->n == 0) {
        return plan->requests;
    }

    return req;
}


static void
plan_choose(part_t *part, choice_t *choice)
{
    int      i;
    size_t   n;
    pool_t  *pool;

    i = part->choice;

    switch (part->type) {

    case PART_VALUE:
        n = plan_random() % part->values->n;
        choice->text[i] = part->values->lines[n];
        choice->len[i] = part->values->lens[n];
        return;

    case PART_KEY:
        choice->len[i] = (size_t) snprintf(choice->own[i], PLAN_VALUE,
                                           "%s-%lu", key_prefix,
                                           (unsigned long) ++key_number);
        choice->text[i] = choice->own[i];
        return;

    default:
        pool = part->pool;
        n = plan_random() % pool->n;
        memcpy(choice->own[i], pool->items[n], PLAN_VALUE);
        choice->text[i] = choice->own[i];
        choice->len[i] = strlen(choice->own[i]);

        if (part->type == PART_TAKE && n != --pool->n) {
            memcpy(pool->items[n], pool->items[pool->n], PLAN_VALUE);
        }
    }
}


static char *
plan_write(text_t *text, choice_t *choice, int choose, char *p, char *end)
{
    int          i;
    size_t       len;
    part_t      *part;
    const char  *s;

    for (i = 0; i < text->nparts && p; i++) {
        part = &text->parts[i];

        if (part->type == PART_TEXT) {
            s = part->text;
            len = part->len;

        } else {
            if (choose) {
                plan_choose(part, choice);
            }
            s = choice->text[part->choice];
            len = choice->len[part->choice];
        }

        if (len > (size_t) (end - p)) {
            return NULL;
        }

        memcpy(p, s, len);
        p += len;
    }

    return p;
}


size_t
plan_render(plan_request_t *req, choice_t *choice, char *out, size_t size)
{
    char    *p, *end;
    char     body[16384], *last;
    size_t   len;

    end = out + size;

    p = plan_write(&req->head, choice, 1, out, end);
    if (p == NULL || end - p < 64) {
        return 0;
    }

    if (req->body.nparts) {
        last = plan_write(&req->body, choice, 1, body, body + sizeof(body));
        if (last == NULL) {
            return 0;
        }

        len = (size_t) (last - body);
        p += sprintf(p, "Content-Length: %zu\r\n\r\n", len);

        if (len > (size_t) (end - p)) {
            return 0;
        }

        memcpy(p, body, len);
        return (size_t) (p - out) + len;
    }

    memcpy(p, "\r\n", 2);

    return (size_t) (p - out) + 2;
}


const char *
plan_check(plan_request_t *req, choice_t *choice, int status,
    const char *answer, size_t len)
{
    int          i, n;
    char         text[1024], *end;
    size_t       size;
    check_t     *check;
    const char  *p, *last;

    if (status != req->status) {
        return "status";
    }

    last = answer + len;

    for (i = 0; i < req->nchecks; i++) {
        check = &req->checks[i];

        if (check->count_text) {
            size = strlen(check->count_text);
            n = 0;

            for (p = answer;
                 (p = memmem(p, (size_t) (last - p), check->count_text, size));
                 p += size)
            {
                n++;
            }

            if (n != check->count) {
                return "count";
            }

            continue;
        }

        end = plan_write(&check->has, choice, 0, text, text + sizeof(text));

        if (end == NULL
            || memmem(answer, len, text, (size_t) (end - text)) == NULL)
        {
            return "body";
        }
    }

    if (req->keep) {
        size = strlen(req->keep_text);
        p = memmem(answer, len, req->keep_text, size);

        if (p == NULL) {
            return "keep";
        }

        p += size;
        end = memchr(p, '"', (size_t) (last - p));

        if (end == NULL || end - p >= PLAN_VALUE) {
            return "keep";
        }

        n = (int) (req->keep->n < POOL_SIZE ? req->keep->n++
                                            : plan_random() % POOL_SIZE);
        memcpy(req->keep->items[n], p, (size_t) (end - p));
        req->keep->items[n][end - p] = '\0';
    }

    return NULL;
}
