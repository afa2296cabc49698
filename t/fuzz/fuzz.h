
/* What the fuzz targets share. */

#ifndef _FUZZ_H_INCLUDED_
#define _FUZZ_H_INCLUDED_


#include "unit.h"


/* a promise of the code under test; breaking it is a finding */

#define must(cond)                                                            \
    if (!(cond)) {                                                            \
        fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__,    \
                #cond);                                                       \
        abort();                                                              \
    }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* of exactly its size, so that ASan sees a byte read too many */

static inline u_char *
fuzz_copy(const uint8_t *data, size_t size)
{
    u_char  *copy;

    copy = malloc(size ? size : 1);

    if (size) {
        memcpy(copy, data, size);
    }

    return copy;
}


#endif /* _FUZZ_H_INCLUDED_ */
