
/* Patterns of CARMEN_STRING: see carmen_format.h for what they are. */

#include <carmen_core.h>
#include "carmen_format.h"


typedef struct {
    uint64_t                  set[2];        /* a bit for each ASCII code */
    size_t                    min;
    size_t                    max;
} carmen_piece_t;


static const char *carmen_pattern_run(const char *p, char stop,
    const u_char **s, const u_char *end, ngx_uint_t *fits);
static const char *carmen_pattern_group(const char *group, const u_char **s,
    const u_char *end, ngx_uint_t *fits);
static const char *carmen_pattern_piece(const char *p, carmen_piece_t *piece);
static const char *carmen_pattern_times(const char *p, carmen_piece_t *piece);
static const char *carmen_pattern_class(const char *p, carmen_piece_t *piece);
static const char *carmen_pattern_count(const char *p, size_t *n);


ngx_int_t
carmen_format_pattern(const char *pattern, const u_char *p, size_t len)
{
    ngx_uint_t     fits;
    const u_char  *end;

    end = p + len;

    if (*pattern != '^') {
        return NGX_ERROR;
    }

    pattern = carmen_pattern_run(pattern + 1, '$', &p, end, &fits);

    if (pattern == NULL || pattern[1] != '\0') {
        return NGX_ERROR;
    }

    return (fits && p == end) ? NGX_OK : NGX_DECLINED;
}


/*
 * Takes pieces and groups up to "stop", and moves *s; returns the place of
 * "stop", or NULL.  Reads to the end in any case, so that a malformed pattern
 * is always found out.
 */

static const char *
carmen_pattern_run(const char *p, char stop, const u_char **s,
    const u_char *end, ngx_uint_t *fits)
{
    size_t          n;
    u_char          c;
    carmen_piece_t  piece;

    *fits = 1;

    while (*p != stop) {

        if (*p == '(' && stop == '$') {
            p = carmen_pattern_group(p + 1, s, end, fits);
            if (p == NULL) {
                return NULL;
            }

            continue;
        }

        p = carmen_pattern_piece(p, &piece);
        if (p == NULL) {
            return NULL;
        }

        for (n = 0; *fits && *s < end && n < piece.max; n++) {
            c = **s;

            if (c >= 0x80 || !((piece.set[c >> 6] >> (c & 63)) & 1)) {
                break;
            }

            (*s)++;
        }

        if (n < piece.min) {
            *fits = 0;
        }
    }

    return p;
}


/* from behind "(" to what follows the group; every round takes a byte */

static const char *
carmen_pattern_group(const char *group, const u_char **s, const u_char *end,
    ngx_uint_t *fits)
{
    size_t          n;
    ngx_uint_t      good;
    const char     *p;
    const u_char   *t;
    carmen_piece_t  piece;

    t = end;
    p = carmen_pattern_run(group, ')', &t, end, &good);

    if (p == NULL) {
        return NULL;
    }

    p = carmen_pattern_times(p + 1, &piece);

    if (p == NULL || !*fits) {
        return p;
    }

    for (n = 0; n < piece.max; n++) {
        t = *s;
        (void) carmen_pattern_run(group, ')', &t, end, &good);

        if (!good) {
            break;
        }

        if (t == *s) {
            /* what fits without a byte fits any number of times */
            return p;
        }

        *s = t;
    }

    if (n < piece.min) {
        *fits = 0;
    }

    return p;
}


static ngx_inline void
carmen_piece_add(carmen_piece_t *piece, u_char c)
{
    piece->set[c >> 6] |= (uint64_t) 1 << (c & 63);
}


/* reads one piece; returns what follows it, or NULL */

static const char *
carmen_pattern_piece(const char *p, carmen_piece_t *piece)
{
    ngx_memzero(piece, sizeof(carmen_piece_t));

    if (*p == '[') {
        p = carmen_pattern_class(p + 1, piece);
        if (p == NULL) {
            return NULL;
        }

    } else if (carmen_is_alnum(*p)
               || (*p && strchr("-_:/@#%&=,;<> !~'\"", *p)))
    {
        carmen_piece_add(piece, *p++);

    } else {
        return NULL;
    }

    return carmen_pattern_times(p, piece);
}


/* how often: reads ?, *, + or {m,n} if there is one */

static const char *
carmen_pattern_times(const char *p, carmen_piece_t *piece)
{
    piece->min = 1;
    piece->max = 1;

    switch (*p) {

    case '?':
        piece->min = 0;
        return p + 1;

    case '*':
        piece->min = 0;
        /* fall through */

    case '+':
        piece->max = NGX_MAX_SIZE_T_VALUE;
        return p + 1;

    case '{':
        break;

    default:
        return p;
    }

    p = carmen_pattern_count(p + 1, &piece->min);
    if (p == NULL) {
        return NULL;
    }

    piece->max = piece->min;

    if (*p == ',') {
        p++;

        if (*p == '}') {
            piece->max = NGX_MAX_SIZE_T_VALUE;

        } else {
            p = carmen_pattern_count(p, &piece->max);
        }
    }

    if (p == NULL || *p != '}' || piece->min > piece->max) {
        return NULL;
    }

    return p + 1;
}


static const char *
carmen_pattern_count(const char *p, size_t *n)
{
    const char  *start;

    start = p;

    for (*n = 0; carmen_is_digit(*p) && p - start < 6; p++) {
        *n = *n * 10 + (*p - '0');
    }

    return p == start ? NULL : p;
}


static const char *
carmen_pattern_class(const char *p, carmen_piece_t *piece)
{
    u_char  from, to;

    if (*p == '^' || *p == ']') {
        return NULL;
    }

    while (*p != ']') {
        p += (*p == '\\');

        if ((u_char) *p < 0x20 || (u_char) *p > 0x7e) {
            return NULL;
        }

        from = *p++;
        to = from;

        if (*p == '-' && p[1] != ']') {
            p++;
            p += (*p == '\\');

            to = *p++;

            if (to < from || to > 0x7e) {
                return NULL;
            }
        }

        do {
            carmen_piece_add(piece, from);
        } while (from++ < to);
    }

    return p + 1;
}
