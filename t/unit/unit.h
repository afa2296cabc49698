
/*
 * C tests: the Test Anything Protocol, and what the shim of nginx adds to
 * ngx_create_pool() and its kind.
 */

#ifndef _UNIT_H_INCLUDED_
#define _UNIT_H_INCLUDED_


#include <carmen_core.h>
#include <stdio.h>


/* a name is a printf format; all return whether the test passed */

#define ok(good, ...)                                                         \
    unit_ok((good) ? 1 : 0, __FILE__, __LINE__, __VA_ARGS__)
#define is_int(got, expected, ...)                                            \
    unit_int((long long) (got), (long long) (expected), __FILE__, __LINE__,   \
             __VA_ARGS__)
/* C strings; both may be NULL */
#define is_text(got, expected, ...)                                           \
    unit_text(got, expected, __FILE__, __LINE__, __VA_ARGS__)
/* bytes, or an ngx_str_t *, and a C string */
#define is_mem(data, len, expected, ...)                                      \
    unit_mem(data, len, expected, __FILE__, __LINE__, __VA_ARGS__)
#define is_str(got, expected, ...)                                            \
    is_mem((got)->data, (got)->len, expected, __VA_ARGS__)

int unit_ok(int good, const char *file, int line, const char *name, ...)
    __attribute__((format(printf, 4, 5)));
int unit_int(long long got, long long expected, const char *file, int line,
    const char *name, ...) __attribute__((format(printf, 5, 6)));
int unit_text(const char *got, const char *expected, const char *file,
    int line, const char *name, ...) __attribute__((format(printf, 5, 6)));
int unit_mem(const void *got, size_t len, const char *expected,
    const char *file, int line, const char *name, ...)
    __attribute__((format(printf, 6, 7)));

/* a line for the reader */
void note(const char *text, ...) __attribute__((format(printf, 1, 2)));

/* prints the plan; the value is for main() */
int done_testing(void);


/*
 * A pool is made of pieces from malloc(), so that ASan sees the bounds of
 * each.  The n-th piece asked for from now on is refused, and all after it;
 * with -1 none is.
 */
void shim_fail_after(ngx_int_t n);


#endif /* _UNIT_H_INCLUDED_ */
