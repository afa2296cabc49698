
/* Patterns of fields: a line with the pattern, then the text. */

#include "fuzz.h"
#include "carmen_format.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char           *pattern;
    u_char         *text;
    size_t          len;
    ngx_int_t       rc;
    const uint8_t  *line;

    line = memchr(data, '\n', size);
    if (line == NULL) {
        return 0;
    }

    pattern = (char *) fuzz_copy(data, line - data + 1);
    pattern[line - data] = '\0';

    len = size - (line + 1 - data);
    text = fuzz_copy(line + 1, len);

    rc = carmen_format_pattern(pattern, text, len);
    must(rc == NGX_OK || rc == NGX_DECLINED || rc == NGX_ERROR);

    /* malformed is malformed with any text */
    must((rc == NGX_ERROR)
         == (carmen_format_pattern(pattern, text, 0) == NGX_ERROR));

    free(pattern);
    free(text);

    return 0;
}
