
#include "unit.h"


static int  unit_count, unit_failed;


/* the name without what would end its line or begin a directive */

static int
unit_report(int good, const char *file, int line, const char *name,
    va_list args)
{
    char  text[512], *p;

    unit_count++;
    unit_failed += !good;

    vsnprintf(text, sizeof(text), name, args);

    for (p = text; *p; p++) {
        if ((u_char) *p < 0x20 || *p == '#') {
            *p = '.';
        }
    }

    printf("%sok %d - %s\n", good ? "" : "not ", unit_count, text);

    if (!good) {
        note("at %s line %d", file, line);
    }

    fflush(stdout);

    return good;
}


int
unit_ok(int good, const char *file, int line, const char *name, ...)
{
    va_list  args;

    va_start(args, name);
    unit_report(good, file, line, name, args);
    va_end(args);

    return good;
}


int
unit_int(long long got, long long expected, const char *file, int line,
    const char *name, ...)
{
    va_list  args;

    va_start(args, name);
    unit_report(got == expected, file, line, name, args);
    va_end(args);

    if (got != expected) {
        note("got %lld, expected %lld", got, expected);
    }

    return got == expected;
}


int
unit_text(const char *got, const char *expected, const char *file, int line,
    const char *name, ...)
{
    int      same;
    va_list  args;

    same = (got == expected
            || (got && expected && strcmp(got, expected) == 0));

    va_start(args, name);
    unit_report(same, file, line, name, args);
    va_end(args);

    if (!same) {
        note("got \"%s\", expected \"%s\"", got ? got : "NULL",
             expected ? expected : "NULL");
    }

    return same;
}


int
unit_mem(const void *got, size_t len, const char *expected, const char *file,
    int line, const char *name, ...)
{
    int      same;
    va_list  args;

    same = (len == strlen(expected)
            && (len == 0 || memcmp(got, expected, len) == 0));

    va_start(args, name);
    unit_report(same, file, line, name, args);
    va_end(args);

    if (!same) {
        note("got \"%.*s\", expected \"%s\"", (int) len, (const char *) got,
             expected);
    }

    return same;
}


void
note(const char *text, ...)
{
    va_list  args;

    printf("#   ");
    va_start(args, text);
    vprintf(text, args);
    va_end(args);
    printf("\n");
}


int
done_testing(void)
{
    printf("1..%d\n", unit_count);

    return unit_failed ? 1 : 0;
}
