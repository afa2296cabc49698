
/* The problems of the core, and their pages.  Inside the core only. */

#ifndef _CARMEN_PROBLEM_TABLE_H_INCLUDED_
#define _CARMEN_PROBLEM_TABLE_H_INCLUDED_


extern const carmen_problem_t  carmen_core_problems[];

/* the i-th of the core's table and then those of the registered domains;
 * NULL after the last */
const carmen_problem_t *carmen_problem_at(ngx_uint_t i);

/* the core's problem for a status of nginx itself: never NULL */
const carmen_problem_t *carmen_problem_status(ngx_uint_t status);

/* content handler of carmen_problems: /problems/ and /problems/<name> */
ngx_int_t carmen_problems_handler(ngx_http_request_t *r);


#endif /* _CARMEN_PROBLEM_TABLE_H_INCLUDED_ */
