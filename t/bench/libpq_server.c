
/*
 * The yardstick: what it costs to answer an HTTP request with one prepared
 * statement over a pipelined libpq connection, when nothing else is done: no
 * token, no routes, no limits, no metrics, no failover.
 *
 *     libpq_server [-p PORT] [-n PROCESSES] -d CONNINFO -s FILE [ARG...]
 *
 * FILE holds the statement; each ARG is the value of a parameter, "{id}" the
 * last segment of the path, "{null}" NULL.  The first column of the first row
 * is the body; no row is 404.  A process has one epoll, its clients, and one
 * connection in pipeline mode, one Sync a request.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libpq-fe.h>


#define ARGS_MAX   16
#define IN_SIZE    8192
#define HEAD_SIZE  256
#define EVENTS     256
#define QUEUE      4096               /* a power of two */


#ifdef LIBPQ_HAS_SEND_PIPELINE_SYNC
#define pipeline_sync(conn)  PQsendPipelineSync(conn)
#else
#define pipeline_sync(conn)  PQpipelineSync(conn)
#endif


typedef struct {
    int                fd;
    int                waiting;        /* for the database */
    int                gone;
    size_t             in_len;
    char              *out;            /* what the socket did not take */
    size_t             out_len;
    char               in[IN_SIZE];
} client_t;


static PGconn     *pg;
static client_t   *queue[QUEUE];
static unsigned    queue_head, queue_tail;
static int         epfd, listener, pg_writing;
static int         nargs, id_arg = -1;
static const char *args[ARGS_MAX];


static void
die(const char *what, const char *why)
{
    fprintf(stderr, "libpq_server: %s: %s\n", what, why);
    exit(1);
}


static void
watch(int op, int fd, uint32_t events, void *ptr)
{
    struct epoll_event  ee;

    ee.events = events;
    ee.data.ptr = ptr;

    if (epoll_ctl(epfd, op, fd, &ee) == -1) {
        die("epoll_ctl", strerror(errno));
    }
}


static void
pg_flush(void)
{
    int  rc;

    rc = PQflush(pg);

    if (rc == -1) {
        die("database", PQerrorMessage(pg));
    }

    if (rc != pg_writing) {
        pg_writing = rc;
        watch(EPOLL_CTL_MOD, PQsocket(pg), EPOLLIN | (rc ? EPOLLOUT : 0),
              &pg);
    }
}


static void
client_free(client_t *c)
{
    free(c->out);
    free(c);
}


static void
client_close(client_t *c)
{
    close(c->fd);

    if (c->waiting) {
        c->gone = 1;
        return;
    }

    client_free(c);
}


static int
client_send(client_t *c, char *head, int head_len, const char *body,
    size_t body_len)
{
    ssize_t        n;
    size_t         len, sent;
    struct iovec   iov[2];
    struct msghdr  msg;

    iov[0].iov_base = head;
    iov[0].iov_len = (size_t) head_len;
    iov[1].iov_base = (char *) body;
    iov[1].iov_len = body_len;

    memset(&msg, 0, sizeof(msg));
    msg.msg_iov = iov;
    msg.msg_iovlen = 2;

    n = sendmsg(c->fd, &msg, MSG_NOSIGNAL);

    if (n == -1) {
        if (errno != EAGAIN) {
            return -1;
        }
        n = 0;
    }

    len = (size_t) head_len + body_len;
    sent = (size_t) n;

    if (sent == len) {
        return 0;
    }

    c->out = malloc(len);
    if (c->out == NULL) {
        return -1;
    }

    memcpy(c->out, head, (size_t) head_len);
    memcpy(c->out + head_len, body, body_len);
    memmove(c->out, c->out + sent, len - sent);
    c->out_len = len - sent;

    watch(EPOLL_CTL_MOD, c->fd, EPOLLIN|EPOLLOUT, c);

    return 0;
}


static int
client_reply(client_t *c, const char *status, const char *body, size_t len)
{
    int   n;
    char  head[HEAD_SIZE];

    n = snprintf(head, sizeof(head), "HTTP/1.1 %s\r\n"
                 "Content-Type: application/json\r\n"
                 "Content-Length: %zu\r\n\r\n", status, len);

    return client_send(c, head, n, body, len);
}


/* starts the request that the buffer holds, if it holds a whole one */

static int
client_request(client_t *c)
{
    char        *end, *id, *space;
    size_t       len;
    const char  *values[ARGS_MAX];

    end = memmem(c->in, c->in_len, "\r\n\r\n", 4);

    if (end == NULL) {
        return c->in_len == IN_SIZE ? -1 : 0;
    }

    len = (size_t) (end + 4 - c->in);

    if (memcmp(c->in, "GET /", 5) != 0) {
        return -1;
    }

    space = memchr(c->in + 4, ' ', len - 4);
    if (space == NULL) {
        return -1;
    }

    *space = '\0';
    id = strrchr(c->in, '/') + 1;

    memcpy(values, args, sizeof(args));

    if (id_arg >= 0) {
        values[id_arg] = id;
    }

    if (queue_tail - queue_head == QUEUE) {
        return client_reply(c, "503 Service Unavailable", "{}", 2);
    }

    if (PQsendQueryPrepared(pg, "s", nargs, values, NULL, NULL, 0) != 1
        || pipeline_sync(pg) != 1)
    {
        die("database", PQerrorMessage(pg));
    }

    queue[queue_tail++ & (QUEUE - 1)] = c;
    c->waiting = 1;

    c->in_len -= len;
    memmove(c->in, c->in + len, c->in_len);

    return 0;
}


static void
client_read(client_t *c)
{
    ssize_t  n;

    n = recv(c->fd, c->in + c->in_len, IN_SIZE - c->in_len, 0);

    if (n == -1 && errno == EAGAIN) {
        return;
    }

    if (n <= 0) {
        client_close(c);
        return;
    }

    c->in_len += (size_t) n;

    if (!c->waiting && c->out == NULL && client_request(c) == -1) {
        client_close(c);
    }
}


static void
client_write(client_t *c)
{
    ssize_t  n;

    n = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL);

    if (n == -1) {
        if (errno != EAGAIN) {
            client_close(c);
        }
        return;
    }

    c->out_len -= (size_t) n;
    memmove(c->out, c->out + n, c->out_len);

    if (c->out_len) {
        return;
    }

    free(c->out);
    c->out = NULL;
    watch(EPOLL_CTL_MOD, c->fd, EPOLLIN, c);

    if (client_request(c) == -1) {
        client_close(c);
    }
}


static void
client_accept(void)
{
    int        fd, one = 1;
    client_t  *c;

    fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (fd == -1) {
        return;
    }

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

    c = calloc(1, sizeof(client_t));
    if (c == NULL) {
        close(fd);
        return;
    }

    c->fd = fd;
    watch(EPOLL_CTL_ADD, fd, EPOLLIN, c);
}


static void
pg_result(PGresult *res)
{
    int        rc;
    client_t  *c;

    c = queue[queue_head & (QUEUE - 1)];

    if (c->gone) {
        return;
    }

    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        fprintf(stderr, "libpq_server: %s", PQresultErrorMessage(res));
        rc = client_reply(c, "500 Internal Server Error", "{}", 2);

    } else if (PQntuples(res) == 0) {
        rc = client_reply(c, "404 Not Found", "{}", 2);

    } else {
        rc = client_reply(c, "200 OK", PQgetvalue(res, 0, 0),
                          (size_t) PQgetlength(res, 0, 0));
    }

    if (rc == -1) {
        client_close(c);
    }
}


static void
pg_sync(void)
{
    client_t  *c;

    c = queue[queue_head++ & (QUEUE - 1)];
    c->waiting = 0;

    if (c->gone) {
        client_free(c);
        return;
    }

    if (c->in_len && c->out == NULL && client_request(c) == -1) {
        client_close(c);
    }
}


static void
pg_read(void)
{
    PGresult  *res;

    if (PQconsumeInput(pg) != 1) {
        die("database", PQerrorMessage(pg));
    }

    while (queue_head != queue_tail && !PQisBusy(pg)) {
        res = PQgetResult(pg);

        if (res == NULL) {
            continue;
        }

        if (PQresultStatus(res) == PGRES_PIPELINE_SYNC) {
            pg_sync();
        } else {
            pg_result(res);
        }

        PQclear(res);
    }
}


static void
serve(void)
{
    int                 i, n;
    uint32_t            events, answers;
    client_t           *c;
    struct epoll_event  ees[EVENTS];

    for ( ;; ) {
        n = epoll_wait(epfd, ees, EVENTS, -1);
        answers = 0;

        for (i = 0; i < n; i++) {
            events = ees[i].events;

            if (ees[i].data.ptr == &pg) {
                answers = events & ~(uint32_t) EPOLLOUT;
                continue;
            }

            if (ees[i].data.ptr == &listener) {
                client_accept();
                continue;
            }

            c = ees[i].data.ptr;

            if (c->out && (events & EPOLLOUT)) {
                client_write(c);

            } else {
                client_read(c);
            }
        }

        /* last, as it may free clients that events above speak of */

        if (answers) {
            pg_read();
        }

        pg_flush();
    }
}


static void
listen_on(int port)
{
    int                 one = 1;
    struct sockaddr_in  sin;

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons((uint16_t) port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    listener = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK, 0);

    if (listener == -1
        || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one))
        || setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one))
        || bind(listener, (struct sockaddr *) &sin, sizeof(sin))
        || listen(listener, 1024))
    {
        die("listen", strerror(errno));
    }
}


static void
process(int port, const char *conninfo, const char *sql)
{
    PGresult  *res;

    prctl(PR_SET_PDEATHSIG, SIGTERM);

    pg = PQconnectdb(conninfo);
    if (PQstatus(pg) != CONNECTION_OK) {
        die("database", PQerrorMessage(pg));
    }

    res = PQprepare(pg, "s", sql, 0, NULL);
    if (PQresultStatus(res) != PGRES_COMMAND_OK) {
        die("statement", PQerrorMessage(pg));
    }
    PQclear(res);

    if (PQsetnonblocking(pg, 1) != 0 || PQenterPipelineMode(pg) != 1) {
        die("database", PQerrorMessage(pg));
    }

    epfd = epoll_create1(0);
    if (epfd == -1) {
        die("epoll_create1", strerror(errno));
    }

    listen_on(port);
    watch(EPOLL_CTL_ADD, listener, EPOLLIN, &listener);
    watch(EPOLL_CTL_ADD, PQsocket(pg), EPOLLIN, &pg);

    serve();
}


static char *
read_file(const char *path)
{
    char    *text;
    FILE    *f;
    size_t   n;

    f = fopen(path, "r");
    text = malloc(65536);

    if (f == NULL || text == NULL) {
        die(path, strerror(errno));
    }

    n = fread(text, 1, 65535, f);
    text[n] = '\0';
    fclose(f);

    return text;
}


int
main(int argc, char **argv)
{
    int          o, i, port = 8081, processes = 1;
    const char  *conninfo = "", *file = NULL;

    while ((o = getopt(argc, argv, "p:n:d:s:")) != -1) {
        switch (o) {
        case 'p':
            port = atoi(optarg);
            break;
        case 'n':
            processes = atoi(optarg);
            break;
        case 'd':
            conninfo = optarg;
            break;
        case 's':
            file = optarg;
            break;
        default:
            return 2;
        }
    }

    if (file == NULL || argc - optind > ARGS_MAX) {
        die("usage", "libpq_server [-p PORT] [-n PROCESSES] -d CONNINFO "
            "-s FILE [ARG...]");
    }

    for (i = optind; i < argc; i++) {
        if (strcmp(argv[i], "{id}") == 0) {
            id_arg = nargs;
        }
        args[nargs++] = strcmp(argv[i], "{null}") ? argv[i] : NULL;
    }

    for (i = 1; i < processes; i++) {
        if (fork() == 0) {
            break;
        }
    }

    process(port, conninfo, read_file(file));

    return 0;
}
