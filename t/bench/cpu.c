
/*
 * schedstat counts what ran, in nanoseconds, a thread; the parent's cutime
 * and cstime count what its children spent that ended meanwhile (in ticks,
 * which is good enough for the few that do).
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu.h"


#define PROCS_MAX  4096


typedef struct {
    pid_t              pid;
    pid_t              parent;
    uint64_t           ended;
} proc_t;


static uint64_t
cpu_threads(pid_t pid)
{
    DIR                *dir;
    char                path[300];
    FILE               *f;
    uint64_t            sum;
    unsigned long long  ns;
    struct dirent      *entry;

    snprintf(path, sizeof(path), "/proc/%d/task", (int) pid);

    dir = opendir(path);
    if (dir == NULL) {
        return 0;
    }

    sum = 0;

    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.') {
            continue;
        }

        snprintf(path, sizeof(path), "/proc/%d/task/%.16s/schedstat",
                 (int) pid, entry->d_name);

        f = fopen(path, "r");
        if (f == NULL) {
            continue;
        }

        if (fscanf(f, "%llu", &ns) == 1) {
            sum += ns;
        }

        fclose(f);
    }

    closedir(dir);

    return sum;
}


static int
cpu_stat(pid_t pid, proc_t *proc)
{
    int         ppid;
    char        path[64], line[1024], *p;
    FILE       *f;
    long long   cutime, cstime;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);

    f = fopen(path, "r");
    if (f == NULL) {
        return 0;
    }

    p = fgets(line, sizeof(line), f);
    fclose(f);

    if (p == NULL || (p = strrchr(line, ')')) == NULL) {
        return 0;
    }

    if (sscanf(p + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u "
               "%lld %lld", &ppid, &cutime, &cstime)
        != 3)
    {
        return 0;
    }

    proc->pid = pid;
    proc->parent = (pid_t) ppid;
    proc->ended = (uint64_t) (cutime + cstime) * 1000000000ull
                  / (uint64_t) sysconf(_SC_CLK_TCK);

    return 1;
}


static uint64_t
cpu_tree(pid_t root)
{
    int             i, j, n, found;
    DIR            *dir;
    char            in[PROCS_MAX];
    pid_t           pid;
    uint64_t        sum;
    struct dirent  *entry;
    static proc_t   procs[PROCS_MAX];

    dir = opendir("/proc");
    if (dir == NULL) {
        return 0;
    }

    n = 0;

    while (n < PROCS_MAX && (entry = readdir(dir)) != NULL) {
        pid = (pid_t) atoi(entry->d_name);

        if (pid > 0 && cpu_stat(pid, &procs[n])) {
            in[n] = pid == root;
            n++;
        }
    }

    closedir(dir);

    do {
        found = 0;

        for (i = 0; i < n; i++) {
            for (j = 0; j < n && !in[i]; j++) {
                if (in[j] && procs[j].pid == procs[i].parent) {
                    in[i] = 1;
                    found = 1;
                }
            }
        }
    } while (found);

    sum = 0;

    for (i = 0; i < n; i++) {
        if (in[i]) {
            sum += cpu_threads(procs[i].pid) + procs[i].ended;
        }
    }

    return sum;
}


void
cpu_start(cpu_t *cpu)
{
    cpu->spent = cpu_tree(cpu->pid);
}


void
cpu_stop(cpu_t *cpu)
{
    cpu->spent = cpu_tree(cpu->pid) - cpu->spent;
}
