
/*
 * Password hashes: bcrypt ("$2b$", crypt(5)) or argon2id (RFC 9106), made and
 * checked in a thread pool.  The auth module says which pool, kind and cost
 * (carmen_auth_thread_pool, carmen_auth_bcrypt_cost,
 * carmen_auth_password_hash).
 *
 * A handler fills a carmen_password_t, begins, and gets its copy back:
 *
 *     carmen_password_t  pw;
 *
 *     if (carmen_password_set(&pw, &text) != NGX_OK) { … 422 … }
 *     rc = carmen_password_hash(cr, &pw, hashed);
 *     ngx_explicit_memzero(&pw, sizeof(carmen_password_t));
 *     return rc == NGX_OK ? NGX_DONE : …
 *
 *     static void hashed(carmen_request_t *cr, void *data)
 *     {
 *         carmen_password_t  *pw = data;
 *         … pw->rc, pw->hash …
 *     }
 *
 * The password itself is wiped out of the copy before "done" is called, and
 * also when the client has left.
 */

#ifndef _CARMEN_PASSWORD_H_INCLUDED_
#define _CARMEN_PASSWORD_H_INCLUDED_


#define CARMEN_PASSWORD_BYTES  1024      /* the longest that is taken */
#define CARMEN_PASSWORD_HASH   128       /* a hash with its NUL */

#define CARMEN_PASSWORD_COST_MIN  4
#define CARMEN_PASSWORD_COST_MAX  16


/* memory 0: bcrypt is what new hashes are made with */

typedef struct {
    ngx_uint_t                memory;        /* KiB */
    ngx_uint_t                passes;
    ngx_flag_t                alone;         /* no bcrypt hashes are left */
} carmen_argon2_t;


typedef struct {
    u_char                    password[CARMEN_PASSWORD_BYTES];
    size_t                    len;

    /*
     * Hash: the result.  Verify: what to check against, given by the caller;
     * empty for an unknown account, which then takes the same time.
     */
    char                      hash[CARMEN_PASSWORD_HASH];

    /* verify: the same password at today's cost, or empty if not needed */
    char                      fresh[CARMEN_PASSWORD_HASH];

    ngx_uint_t                cost;          /* of bcrypt */
    carmen_argon2_t           argon2;

    /* NGX_OK; NGX_DECLINED: does not fit; NGX_ERROR: failed, logged */
    ngx_int_t                 rc;
} carmen_password_t;


typedef struct {
    ngx_str_t                 pool;
    ngx_uint_t                cost;
    carmen_argon2_t           argon2;
    ngx_array_t              *blocked;       /* uint64_t, sorted; or NULL */
} carmen_password_policy_t;

typedef const carmen_password_policy_t *(*carmen_password_policy_pt)(
    ngx_http_request_t *r);


/*
 * Takes a password.  NGX_OK; NGX_DECLINED: empty, too long, or with a NUL in
 * it.  Whether it is a good password is for the caller to say.
 */
CARMEN_API ngx_int_t carmen_password_set(carmen_password_t *pw,
    ngx_str_t *text);

/*
 * NGX_OK, or NGX_DECLINED for a password that is tried first: one of a list,
 * a run, or the e-mail address (which may be empty).
 */
CARMEN_API ngx_int_t carmen_password_check(ngx_http_request_t *r,
    ngx_str_t *password, ngx_str_t *email);

/* how a list of passwords keeps one; NGX_OK, NGX_ERROR */
CARMEN_API ngx_int_t carmen_password_digest(const u_char *password,
    size_t len, uint64_t *digest);

/* what the auth module says for a request, or NULL */
const carmen_password_policy_t *carmen_password_policy(
    ngx_http_request_t *r);

/* as carmen_offload(); "done" gets the carmen_password_t */
CARMEN_API ngx_int_t carmen_password_hash(carmen_request_t *cr,
    carmen_password_t *pw, carmen_done_pt done);
CARMEN_API ngx_int_t carmen_password_verify(carmen_request_t *cr,
    carmen_password_t *pw, carmen_done_pt done);

/* what the threads do: data is a carmen_password_t with cost set */
CARMEN_API void carmen_password_hash_work(void *data, ngx_log_t *log);
CARMEN_API void carmen_password_verify_work(void *data, ngx_log_t *log);

/* config time: who knows pool and cost in this cycle */
CARMEN_API ngx_int_t carmen_password_register(ngx_conf_t *cf,
    carmen_password_policy_pt policy);


#endif /* _CARMEN_PASSWORD_H_INCLUDED_ */
