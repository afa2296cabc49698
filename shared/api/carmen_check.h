
/*
 * What the validators of bodies and queries share: places, the errors found
 * there, and the check of one text.  Inside the core only.
 *
 * Functions that can add an error return NGX_OK to go on, NGX_ABORT when
 * CARMEN_ERRORS_MAX errors are enough, NGX_ERROR without memory.
 */

#ifndef _CARMEN_CHECK_H_INCLUDED_
#define _CARMEN_CHECK_H_INCLUDED_


#define CARMEN_POINTER_MAX  1024             /* bytes; a longer one is cut to
                                                that of an ancestor */
#define CARMEN_DETAIL_MAX   200


/* a place in the request; the text of its pointer is made for errors only */

typedef struct carmen_place_s  carmen_place_t;

struct carmen_place_s {
    const carmen_place_t     *up;            /* NULL: "name" is the pointer */
    const char               *name;          /* NULL: "index" */
    size_t                    len;
    size_t                    index;
};


/* before the first error */
void carmen_check_start(carmen_validation_t *v);

/* "detail" is a printf format of the C library */
ngx_int_t carmen_check_error(carmen_validation_t *v,
    const carmen_place_t *place, const char *code, const char *detail, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * After the last one: NGX_OK, or NGX_DECLINED with the problem, which is
 * "insufficient-scope" if a field needs a scope that the caller lacks.
 */
ngx_int_t carmen_check_finish(carmen_validation_t *v, const char *problem,
    const char *detail);

/* a field with CARMEN_TRUSTED that is present */
ngx_int_t carmen_check_scope(carmen_validation_t *v,
    const carmen_place_t *place, const carmen_field_t *field);

/* a text of UTF-8 as the value of a field of a type that JSON has as string */
ngx_int_t carmen_check_string(carmen_validation_t *v,
    const carmen_place_t *place, ngx_str_t *s, const carmen_field_t *field);

/* values of CARMEN_INTEGER and CARMEN_NUMBER */
ngx_int_t carmen_check_integer(carmen_validation_t *v,
    const carmen_place_t *place, int64_t value, const carmen_field_t *field);
ngx_int_t carmen_check_number(carmen_validation_t *v,
    const carmen_place_t *place, double value, const carmen_field_t *field);

/* a number of characters or items against min and max */
ngx_int_t carmen_check_count(carmen_validation_t *v,
    const carmen_place_t *place, size_t n, const carmen_field_t *field);

/* any scalar as text of the query */
ngx_int_t carmen_check_text(carmen_validation_t *v,
    const carmen_place_t *place, ngx_str_t *value,
    const carmen_field_t *field);


/*
 * Bounds: none with both 0; no upper one when max is less than min, so that
 * ".min = 1" alone means what it says.
 */
#define carmen_field_bounded(f)      ((f)->min != 0 || (f)->max != 0)
#define carmen_field_bounded_up(f)                                            \
    (carmen_field_bounded(f) && (f)->max >= (f)->min)


#endif /* _CARMEN_CHECK_H_INCLUDED_ */
