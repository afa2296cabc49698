
#include <carmen_core.h>

#include <argon2.h>
#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>


#define CARMEN_BCRYPT_BYTES  72          /* bcrypt takes no more than that */


typedef struct carmen_password_hook_s  carmen_password_hook_t;

struct carmen_password_hook_s {
    ngx_cycle_t               *cycle;
    carmen_password_policy_pt  policy;
    carmen_password_hook_t    *next;
};


static void password_unregister(void *data);
static ngx_int_t password_offload(carmen_request_t *cr, carmen_password_t *pw,
    carmen_work_pt work, carmen_done_pt done);
static ngx_int_t password_key(carmen_password_t *pw, char *key);
static ngx_int_t password_crypt(const char *key, const char *setting,
    char *hash, ngx_log_t *log);
static ngx_int_t password_new(const char *key, ngx_uint_t cost, char *hash,
    ngx_log_t *log);
static ngx_int_t password_argon2(const carmen_password_t *pw, char *hash,
    ngx_log_t *log);
static ngx_uint_t password_argon2_old(const carmen_password_t *pw);
static ngx_int_t password_fit(carmen_password_t *pw, const char *key,
    ngx_log_t *log);
static ngx_uint_t password_cost(const char *hash);


/* written at configuration time: one of each living cycle */
static carmen_password_hook_t  *password_hooks;


ngx_int_t
carmen_password_register(ngx_conf_t *cf, carmen_password_policy_pt policy)
{
    ngx_pool_cleanup_t      *cln;
    carmen_password_hook_t  *hook;

    cln = ngx_pool_cleanup_add(cf->cycle->pool,
                               sizeof(carmen_password_hook_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    hook = cln->data;
    hook->cycle = cf->cycle;
    hook->policy = policy;
    hook->next = password_hooks;

    password_hooks = hook;
    cln->handler = password_unregister;

    return NGX_OK;
}


static void
password_unregister(void *data)
{
    carmen_password_hook_t  *hook = data, **p;

    for (p = &password_hooks; *p; p = &(*p)->next) {
        if (*p == hook) {
            *p = hook->next;
            return;
        }
    }
}


const carmen_password_policy_t *
carmen_password_policy(ngx_http_request_t *r)
{
    carmen_password_hook_t  *hook;

    for (hook = password_hooks; hook; hook = hook->next) {
        if (hook->cycle == ngx_cycle) {
            return hook->policy(r);
        }
    }

    return NULL;
}


ngx_int_t
carmen_password_set(carmen_password_t *pw, ngx_str_t *text)
{
    ngx_memzero(pw, sizeof(carmen_password_t));

    if (text->len == 0
        || text->len > CARMEN_PASSWORD_BYTES
        || memchr(text->data, '\0', text->len) != NULL)
    {
        return NGX_DECLINED;
    }

    ngx_memcpy(pw->password, text->data, text->len);
    pw->len = text->len;

    return NGX_OK;
}


ngx_int_t
carmen_password_hash(carmen_request_t *cr, carmen_password_t *pw,
    carmen_done_pt done)
{
    return password_offload(cr, pw, carmen_password_hash_work, done);
}


ngx_int_t
carmen_password_verify(carmen_request_t *cr, carmen_password_t *pw,
    carmen_done_pt done)
{
    return password_offload(cr, pw, carmen_password_verify_work, done);
}


static ngx_int_t
password_offload(carmen_request_t *cr, carmen_password_t *pw,
    carmen_work_pt work, carmen_done_pt done)
{
    ngx_str_t                        pool;
    const carmen_password_policy_t  *policy;

    ngx_str_set(&pool, "default");
    pw->cost = 12;
    policy = carmen_password_policy(carmen_request_http(cr));

    if (policy) {
        pool = policy->pool;
        pw->cost = policy->cost;
        pw->argon2 = policy->argon2;
    }

    return carmen_offload(cr, &pool, work, done, pw,
                          sizeof(carmen_password_t));
}


void
carmen_password_hash_work(void *data, ngx_log_t *log)
{
    carmen_password_t  *pw = data;

    char  key[CARMEN_BCRYPT_BYTES + 1];

    pw->rc = password_key(pw, key);

    if (pw->rc == NGX_OK) {
        pw->rc = pw->argon2.memory ? password_argon2(pw, pw->hash, log)
                 : password_new(key, pw->cost, pw->hash, log);
    }

    OPENSSL_cleanse(key, sizeof(key));
    OPENSSL_cleanse(pw->password, sizeof(pw->password));
    pw->len = 0;
}


/*
 * Whatever the hash is, and whether the password fits, the work is the same,
 * so that accounts cannot be told apart by the clock: one bcrypt; with
 * argon2id, one of that and one bcrypt, as long as there may be hashes of
 * either kind.  Only a change of parameters shows while it is under way.
 */

void
carmen_password_verify_work(void *data, ngx_log_t *log)
{
    carmen_password_t  *pw = data;

    char        key[CARMEN_BCRYPT_BYTES + 1], other[CARMEN_PASSWORD_HASH];
    ngx_uint_t  cost, old;

    pw->fresh[0] = '\0';
    pw->rc = password_key(pw, key);

    if (pw->rc != NGX_OK) {
        goto done;
    }

    pw->rc = password_fit(pw, key, log);
    cost = password_cost(pw->hash);

    if (pw->rc == NGX_ERROR) {
        goto done;
    }

    /* a right password goes to today's form and cost */

    if (pw->argon2.memory) {
        old = cost || (pw->hash[0] && password_argon2_old(pw));

        if ((old && password_argon2(pw, pw->fresh, log) != NGX_OK)
            || (cost == 0 && !pw->argon2.alone
                && password_new(key, pw->cost, other, log) != NGX_OK))
        {
            old = 0;
        }

    } else {
        old = cost && cost < pw->cost
              && password_new(key, pw->cost, pw->fresh, log) == NGX_OK;
    }

    if (!old || pw->rc != NGX_OK) {
        pw->fresh[0] = '\0';
    }

done:

    OPENSSL_cleanse(key, sizeof(key));
    OPENSSL_cleanse(other, sizeof(other));
    OPENSSL_cleanse(pw->password, sizeof(pw->password));
    pw->len = 0;
}


static ngx_int_t
password_fit(carmen_password_t *pw, const char *key, ngx_log_t *log)
{
    int        rc;
    char       hash[CARMEN_PASSWORD_HASH];
    ngx_int_t  fits;

    if (pw->hash[0] == '\0') {
        fits = pw->argon2.memory ? password_argon2(pw, hash, log)
               : password_new(key, pw->cost, hash, log);

        return fits == NGX_OK ? NGX_DECLINED : fits;
    }

    if (ngx_strncmp(pw->hash, "$argon2id$", 10) == 0) {
        rc = argon2id_verify(pw->hash, pw->password, pw->len);

        if (rc == ARGON2_OK || rc == ARGON2_VERIFY_MISMATCH) {
            return rc == ARGON2_OK ? NGX_OK : NGX_DECLINED;
        }

        ngx_log_error(NGX_LOG_ERR, log, 0, "carmen: argon2: %s",
                      argon2_error_message(rc));
        return NGX_ERROR;
    }

    fits = password_crypt(key, pw->hash, hash, log);

    if (fits == NGX_OK
        && (ngx_strlen(hash) != ngx_strlen(pw->hash)
            || CRYPTO_memcmp(hash, pw->hash, ngx_strlen(hash)) != 0))
    {
        fits = NGX_DECLINED;
    }

    OPENSSL_cleanse(hash, sizeof(hash));

    return fits;
}


/* one lane: more of them would be threads of their own */

static ngx_int_t
password_argon2(const carmen_password_t *pw, char *hash, ngx_log_t *log)
{
    int     rc;
    u_char  salt[16];

    if (RAND_bytes(salt, sizeof(salt)) != 1) {
        return NGX_ERROR;
    }

    rc = argon2id_hash_encoded(pw->argon2.passes, pw->argon2.memory, 1,
                               pw->password, pw->len, salt, sizeof(salt), 32,
                               hash, CARMEN_PASSWORD_HASH);
    if (rc == ARGON2_OK) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ERR, log, 0, "carmen: argon2: %s",
                  argon2_error_message(rc));

    return NGX_ERROR;
}


/* "$argon2id$v=19$m=19456,t=2,p=1$..." of less than today's cost */

static ngx_uint_t
password_argon2_old(const carmen_password_t *pw)
{
    unsigned  memory, passes;

    return sscanf(pw->hash, "$argon2id$v=19$m=%u,t=%u", &memory, &passes)
           != 2
           || memory < pw->argon2.memory || passes < pw->argon2.passes;
}


/*
 * What bcrypt is given: the password, or when bcrypt would cut it, a digest
 * of the whole, as text because bcrypt ends at a NUL.
 */

static ngx_int_t
password_key(carmen_password_t *pw, char *key)
{
    size_t  len;
    u_char  md[32];

    static const char  label[] = "carmen long password";

    if (pw->len == 0 || pw->len > CARMEN_PASSWORD_BYTES) {
        return NGX_ERROR;
    }

    if (pw->len <= CARMEN_BCRYPT_BYTES) {
        ngx_memcpy(key, pw->password, pw->len);
        key[pw->len] = '\0';
        return NGX_OK;
    }

    if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, label,
                  sizeof(label) - 1, pw->password, pw->len, md, sizeof(md),
                  &len)
        == NULL)
    {
        return NGX_ERROR;
    }

    (void) EVP_EncodeBlock((u_char *) key, md, sizeof(md));
    OPENSSL_cleanse(md, sizeof(md));

    return NGX_OK;
}


static ngx_int_t
password_new(const char *key, ngx_uint_t cost, char *hash, ngx_log_t *log)
{
    char  salt[16], setting[CRYPT_GENSALT_OUTPUT_SIZE];

    if (RAND_bytes((u_char *) salt, sizeof(salt)) != 1
        || crypt_gensalt_rn("$2b$", cost, salt, sizeof(salt), setting,
                            sizeof(setting))
           == NULL)
    {
        ngx_log_error(NGX_LOG_ERR, log, 0, "carmen: no salt for a password");
        return NGX_ERROR;
    }

    return password_crypt(key, setting, hash, log);
}


/* bcrypt only, whatever else crypt(5) of this system knows */

static ngx_int_t
password_crypt(const char *key, const char *setting, char *hash,
    ngx_log_t *log)
{
    char               *out;
    size_t              len;
    ngx_int_t           rc;
    struct crypt_data  *cd;

    cd = ngx_alloc(sizeof(struct crypt_data), log);
    if (cd == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(cd, sizeof(struct crypt_data));

    rc = NGX_ERROR;
    out = password_cost(setting) ? crypt_r(key, setting, cd) : NULL;

    if (out != NULL && out[0] == '$') {
        len = ngx_strlen(out);

        if (len < CARMEN_PASSWORD_HASH) {
            ngx_memcpy(hash, out, len + 1);
            rc = NGX_OK;
        }
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "carmen: crypt() refused the form of a password hash");
    }

    OPENSSL_cleanse(cd, sizeof(struct crypt_data));
    ngx_free(cd);

    return rc;
}


/* "$2b$12$…" is 12; 0 when it is not bcrypt */

static ngx_uint_t
password_cost(const char *hash)
{
    if (hash[0] != '$' || hash[1] != '2'
        || (hash[2] != 'a' && hash[2] != 'b' && hash[2] != 'y')
        || hash[3] != '$'
        || hash[4] < '0' || hash[4] > '9'
        || hash[5] < '0' || hash[5] > '9'
        || hash[6] != '$')
    {
        return 0;
    }

    return (hash[4] - '0') * 10 + (hash[5] - '0');
}
