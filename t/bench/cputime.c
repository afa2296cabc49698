
/* Prints the CPU time, in nanoseconds, of process trees: cputime PID... */

#include <stdio.h>
#include <stdlib.h>

#include "cpu.h"


int
main(int argc, char **argv)
{
    int    i;
    cpu_t  cpu;

    for (i = 1; i < argc; i++) {
        cpu.pid = (pid_t) atoi(argv[i]);
        cpu_start(&cpu);
        printf("%llu\n", (unsigned long long) cpu.spent);
    }

    return 0;
}
