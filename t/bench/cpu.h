
/* CPU time of a process tree, to the nanosecond, from /proc. */

#ifndef _BENCH_CPU_H_INCLUDED_
#define _BENCH_CPU_H_INCLUDED_


#include <stdint.h>
#include <sys/types.h>


typedef struct {
    const char        *name;
    pid_t              pid;
    uint64_t           spent;          /* ns, once stopped */
} cpu_t;


void cpu_start(cpu_t *cpu);
void cpu_stop(cpu_t *cpu);


#endif /* _BENCH_CPU_H_INCLUDED_ */
