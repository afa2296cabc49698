
/*
 * An HTTP/1.1 load generator that costs little beside what it measures: one
 * thread, keep-alive connections, a request of the plan at a time on each.
 *
 *     load [options] PLAN
 *
 *     -a ADDRESS:PORT   127.0.0.1:8080
 *     -c CONNECTIONS    64
 *     -t SECONDS        of the window that is measured
 *     -w SECONDS        before it
 *     -r RATE           requests a second; without it each connection sends
 *                       the next request when it has the last answer
 *     -p NAME=PID       CPU time of the process and all its descendants in
 *                       the window, under that name; may be repeated
 *
 * With -r a request is due at its time whether or not a connection is free,
 * and its latency counts from then: a server that stalls is charged for all
 * whom it kept waiting, not only for the one who happened to ask.
 *
 * Every answer of the run is checked as the plan says.  Prints one JSON
 * object; the exit status is 1 when any answer was wrong.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cpu.h"
#include "plan.h"


#define OUT_SIZE     32768
#define IN_SIZE      16384
#define EVENTS       256
#define DRAIN        (5 * 1000000000ull)
#define SUB_BITS     7
#define BUCKETS      ((65 - SUB_BITS) << SUB_BITS)
#define CPU_MAX      8
#define NAMES_MAX    16
#define SHOWN_MAX    3


typedef struct {
    uint64_t           n;
    uint64_t           sum;
    uint64_t           max;
    uint32_t           bucket[BUCKETS];
} histogram_t;

typedef struct conn_s  conn_t;

struct conn_s {
    int                fd;
    int                busy;
    uint64_t           since;
    plan_request_t    *req;
    choice_t           choice;
    conn_t            *free;
    char              *in;
    size_t             in_size;
    size_t             in_len;
    size_t             out_len;
    size_t             out_sent;
    char               out[OUT_SIZE];
};


static struct sockaddr_in  address;
static plan_t             *plan;
static conn_t             *conns, *free_conns;
static int                 nconns = 64, nbusy, epfd;
static double              rate, seconds = 5, warm = 1;
static int                 counting, sending = 1;
static histogram_t         total, *by_name;
static uint64_t           *sent_by_name;
static uint64_t            wrong[3], reconnects, shown;
static const char         *wrong_names[] = { "status", "body", "connection" };
static cpu_t               cpus[CPU_MAX];
static int                 ncpus;


static uint64_t
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000ull + (uint64_t) ts.tv_nsec;
}


static void
die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(2);
}


/* values up to 2^SUB_BITS exactly, above with an error under 1% */

static void
histogram_add(histogram_t *h, uint64_t v)
{
    int  shift;

    h->n++;
    h->sum += v;

    if (v > h->max) {
        h->max = v;
    }

    shift = v >> SUB_BITS ? 63 - __builtin_clzll(v) - SUB_BITS : 0;

    if (shift == 0) {
        h->bucket[v]++;
        return;
    }

    h->bucket[((size_t) shift << SUB_BITS) + (v >> shift)]++;
}


static double
histogram_us(histogram_t *h, double q)
{
    size_t    i, shift;
    uint64_t  n, want;

    if (h->n == 0) {
        return 0;
    }

    want = (uint64_t) ((double) h->n * q);
    n = 0;

    for (i = 0; i < BUCKETS; i++) {
        n += h->bucket[i];

        if (n > want) {
            break;
        }
    }

    if (i < (2u << SUB_BITS)) {
        return (double) i / 1000;
    }

    shift = (i >> SUB_BITS) - 1;

    return (double) ((i - (shift << SUB_BITS)) << shift) / 1000;
}


static void
conn_events(conn_t *c, int op, uint32_t events)
{
    struct epoll_event  ee;

    ee.events = events;
    ee.data.ptr = c;

    if (epoll_ctl(epfd, op, c->fd, &ee) == -1) {
        die("epoll_ctl");
    }
}


static void
conn_open(conn_t *c)
{
    int  one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM, 0);

    if (c->fd == -1
        || connect(c->fd, (struct sockaddr *) &address, sizeof(address)) == -1)
    {
        die("connect");
    }

    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) == -1) {
        die("fcntl");
    }

    c->in_len = 0;
    conn_events(c, EPOLL_CTL_ADD, EPOLLIN);
}


static void
conn_wrong(conn_t *c, int kind, const char *what)
{
    size_t  len;

    wrong[kind]++;

    if (shown++ < SHOWN_MAX) {
        len = c->in_len < 600 ? c->in_len : 600;
        fprintf(stderr, "load: wrong answer (%s) to \"%s\"\n"
                "> %.*s\n< %.*s\n", what, c->req->name,
                (int) (c->out_len < 200 ? c->out_len : 200), c->out,
                (int) len, c->in);
    }
}


static void
conn_write(conn_t *c)
{
    ssize_t  n;

    while (c->out_sent < c->out_len) {
        n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent,
                 MSG_NOSIGNAL);
        if (n == -1) {
            if (errno == EAGAIN) {
                conn_events(c, EPOLL_CTL_MOD, EPOLLIN|EPOLLOUT);
            }
            return;
        }

        c->out_sent += (size_t) n;

        if (c->out_sent == c->out_len && c->out_sent != (size_t) n) {
            conn_events(c, EPOLL_CTL_MOD, EPOLLIN);
        }
    }
}


static void
conn_send(conn_t *c, uint64_t since)
{
    c->req = plan_pick(plan);
    c->since = since;
    c->busy = 1;
    c->in_len = 0;
    c->out_sent = 0;
    c->out_len = plan_render(c->req, &c->choice, c->out, OUT_SIZE);

    if (c->out_len == 0) {
        fprintf(stderr, "load: request \"%s\" is too long\n", c->req->name);
        exit(2);
    }

    nbusy++;
    sent_by_name[c->req - plan->requests]++;
    conn_write(c);
}


static void
conn_done(conn_t *c, uint64_t t)
{
    nbusy--;
    c->busy = 0;

    if (counting) {
        histogram_add(&total, t - c->since);
        histogram_add(&by_name[c->req - plan->requests], t - c->since);
    }

    if (rate == 0 && sending) {
        conn_send(c, t);
        return;
    }

    c->free = free_conns;
    free_conns = c;
}


static const char *
header_find(const char *head, const char *end, const char *name)
{
    size_t       len;
    const char  *p;

    len = strlen(name);

    for (p = head; (p = memchr(p, '\n', (size_t) (end - p))) != NULL; ) {
        p++;

        if ((size_t) (end - p) <= len) {
            break;
        }

        if (strncasecmp(p, name, len) == 0) {
            return p + len;
        }
    }

    return NULL;
}


/* the length of the whole answer, 0 when more is to come, -1 when malformed */

static ssize_t
answer_length(conn_t *c, int *status, int *keepalive)
{
    char        *end, *p, *last;
    size_t       head;
    const char  *value;

    if (c->in_len < 16) {
        return 0;
    }

    end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
    if (end == NULL) {
        return 0;
    }

    if (memcmp(c->in, "HTTP/1.1 ", 9) != 0) {
        return -1;
    }

    *status = atoi(c->in + 9);
    head = (size_t) (end + 4 - c->in);
    end += 2;

    value = header_find(c->in, end, "Connection:");
    *keepalive = value == NULL || strncasecmp(value, " close", 6) != 0;

    if (*status == 204 || *status == 304) {
        return (ssize_t) head;
    }

    value = header_find(c->in, end, "Content-Length:");

    if (value) {
        head += (size_t) strtoul(value, NULL, 10);
        return c->in_len >= head ? (ssize_t) head : 0;
    }

    if (header_find(c->in, end, "Transfer-Encoding: chunked") == NULL) {
        return -1;
    }

    last = c->in + c->in_len;

    for (p = c->in + head; ; p = end + 2 + head + 2) {
        end = memmem(p, (size_t) (last - p), "\r\n", 2);
        if (end == NULL) {
            return 0;
        }

        head = (size_t) strtoul(p, NULL, 16);

        if ((size_t) (last - end) < 2 + head + 2) {
            return 0;
        }

        if (head == 0) {
            return end + 4 - c->in;
        }
    }
}


static void
conn_lost(conn_t *c, const char *what)
{
    close(c->fd);

    if (c->busy) {
        conn_wrong(c, 2, what);
    }

    reconnects++;
    conn_open(c);

    if (c->busy) {
        conn_done(c, now());
    }
}


static void
conn_read(conn_t *c)
{
    int          status, keepalive;
    ssize_t      n, len;
    const char  *what;

    if (c->in_len == c->in_size - 1) {
        c->in_size *= 2;
        c->in = realloc(c->in, c->in_size);
        if (c->in == NULL) {
            die("realloc");
        }
    }

    n = recv(c->fd, c->in + c->in_len, c->in_size - 1 - c->in_len, 0);

    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) {
            conn_lost(c, "connection closed");
        }
        return;
    }

    c->in_len += (size_t) n;
    c->in[c->in_len] = '\0';

    if (!c->busy) {
        conn_lost(c, "bytes that nobody asked for");
        return;
    }

    len = answer_length(c, &status, &keepalive);

    if (len == 0) {
        return;
    }

    if (len == -1 || (size_t) len != c->in_len) {
        conn_lost(c, "not one HTTP/1.1 answer");
        return;
    }

    what = plan_check(c->req, &c->choice, status, c->in, c->in_len);

    if (what) {
        conn_wrong(c, what[0] == 's' ? 0 : 1, what);
    }

    if (!keepalive) {
        close(c->fd);
        conn_open(c);
        reconnects++;
    }

    conn_done(c, now());
}


static void
wait_for(uint64_t until)
{
    int                 i, n;
    conn_t             *c;
    uint64_t            t;
    struct timespec     ts;
    struct epoll_event  ees[EVENTS];

    t = now();
    t = until > t ? until - t : 0;
    ts.tv_sec = (time_t) (t / 1000000000ull);
    ts.tv_nsec = (long) (t % 1000000000ull);

    n = epoll_pwait2(epfd, ees, EVENTS, &ts, NULL);

    if (n == -1 && errno != EINTR) {
        die("epoll_pwait2");
    }

    for (i = 0; i < n; i++) {
        c = ees[i].data.ptr;

        if (ees[i].events & EPOLLOUT) {
            conn_write(c);
        }

        if (ees[i].events & ~(uint32_t) EPOLLOUT) {
            conn_read(c);
        }
    }
}


static void
send_due(uint64_t start, uint64_t *number, uint64_t t)
{
    conn_t    *c;
    uint64_t   due;

    while (free_conns) {
        due = start + (uint64_t) ((double) *number * 1e9 / rate);

        if (due > t) {
            break;
        }

        c = free_conns;
        free_conns = c->free;
        (*number)++;
        conn_send(c, due);
    }
}


static double
run(void)
{
    int       i, open, was_open;
    uint64_t  start, from, to, t, due, number;

    start = now();
    from = start + (uint64_t) (warm * 1e9);
    to = from + (uint64_t) (seconds * 1e9);
    number = 0;
    was_open = 0;

    if (rate == 0) {
        free_conns = NULL;

        for (i = 0; i < nconns; i++) {
            conn_send(&conns[i], start);
        }
    }

    for ( ;; ) {
        t = now();

        if (rate) {
            send_due(start, &number, t);
        }

        open = t >= from;

        if (open != was_open) {
            for (i = 0; i < ncpus; i++) {
                cpu_start(&cpus[i]);
            }
            from = now();
            to = from + (uint64_t) (seconds * 1e9);
            counting = 1;
            was_open = 1;
        }

        if (t >= to && open) {
            break;
        }

        due = rate && free_conns
              ? start + (uint64_t) ((double) number * 1e9 / rate)
              : open ? to : from;
        wait_for(due < to ? due : to);
    }

    t = now();

    for (i = 0; i < ncpus; i++) {
        cpu_stop(&cpus[i]);
    }

    /* those that are late count as late, those that are asked now do not */

    sending = 0;
    counting = rate != 0;
    due = t + DRAIN;

    while (nbusy && now() < due) {
        wait_for(due);
    }

    for (i = 0; i < nconns; i++) {
        if (conns[i].busy) {
            conn_wrong(&conns[i], 2, "no answer");
        }
    }

    return (double) (t - from) / 1e9;
}


static void
print_histogram(histogram_t *h)
{
    printf("\"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"p999\": %.1f, "
           "\"max\": %.1f, \"mean\": %.1f",
           histogram_us(h, 0.5), histogram_us(h, 0.9), histogram_us(h, 0.99),
           histogram_us(h, 0.999), (double) h->max / 1000,
           h->n ? (double) h->sum / (double) h->n / 1000 : 0);
}


static void
print(double took)
{
    int  i;

    printf("{\"requests\": %lu, \"seconds\": %.3f, \"rate\": %.1f, "
           "\"latency_us\": {", (unsigned long) total.n, took,
           (double) total.n / took);
    print_histogram(&total);

    printf("}, \"cpu_us\": {");

    for (i = 0; i < ncpus; i++) {
        printf("%s\"%s\": %.3f", i ? ", " : "", cpus[i].name,
               total.n ? (double) cpus[i].spent / 1000 / (double) total.n : 0);
    }

    printf("}, \"wrong\": {");

    for (i = 0; i < 3; i++) {
        printf("%s\"%s\": %lu", i ? ", " : "", wrong_names[i],
               (unsigned long) wrong[i]);
    }

    printf("}, \"reconnects\": %lu, \"by\": {", (unsigned long) reconnects);

    for (i = 0; i < plan->nrequests; i++) {
        printf("%s\"%s\": {\"sent\": %lu, \"measured\": %lu, ",
               i ? ", " : "", plan->requests[i].name,
               (unsigned long) sent_by_name[i],
               (unsigned long) by_name[i].n);
        print_histogram(&by_name[i]);
        printf("}");
    }

    printf("}}\n");
}


static void
options(int argc, char **argv)
{
    int    o;
    char  *colon;

    address.sin_family = AF_INET;
    address.sin_port = htons(8080);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    cpus[ncpus++] = (cpu_t) { .name = "load", .pid = getpid() };

    while ((o = getopt(argc, argv, "a:c:t:w:r:p:")) != -1) {
        switch (o) {

        case 'a':
            colon = strchr(optarg, ':');
            if (colon == NULL) {
                goto usage;
            }
            *colon = '\0';
            address.sin_port = htons((uint16_t) atoi(colon + 1));
            if (inet_pton(AF_INET, optarg, &address.sin_addr) != 1) {
                goto usage;
            }
            break;

        case 'c':
            nconns = atoi(optarg);
            break;

        case 't':
            seconds = atof(optarg);
            break;

        case 'w':
            warm = atof(optarg);
            break;

        case 'r':
            rate = atof(optarg);
            break;

        case 'p':
            colon = strchr(optarg, '=');
            if (colon == NULL || ncpus == CPU_MAX) {
                goto usage;
            }
            *colon = '\0';
            cpus[ncpus++] = (cpu_t) { .name = optarg, .pid = atoi(colon + 1) };
            break;

        default:
            goto usage;
        }
    }

    if (optind != argc - 1 || nconns < 1 || seconds <= 0 || warm < 0) {
        goto usage;
    }

    return;

usage:

    fprintf(stderr, "usage: load [-a ADDRESS:PORT] [-c CONNECTIONS] "
            "[-t SECONDS] [-w SECONDS] [-r RATE] [-p NAME=PID]... PLAN\n");
    exit(2);
}


int
main(int argc, char **argv)
{
    int     i;
    double  took;

    options(argc, argv);

    plan = plan_read(argv[optind]);
    by_name = calloc((size_t) plan->nrequests, sizeof(histogram_t));
    sent_by_name = calloc((size_t) plan->nrequests, sizeof(uint64_t));
    conns = calloc((size_t) nconns, sizeof(conn_t));
    epfd = epoll_create1(0);

    if (by_name == NULL || sent_by_name == NULL || conns == NULL || epfd == -1)
    {
        die("start");
    }

    for (i = 0; i < nconns; i++) {
        conns[i].in_size = IN_SIZE;
        conns[i].in = malloc(IN_SIZE);
        if (conns[i].in == NULL) {
            die("malloc");
        }
        conn_open(&conns[i]);
        conns[i].free = free_conns;
        free_conns = &conns[i];
    }

    took = run();
    print(took);

    return wrong[0] || wrong[1] || wrong[2];
}
