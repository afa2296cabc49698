
#include <carmen_core.h>

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
    carmen_password_hook_t          *hook;
    const carmen_password_policy_t  *policy;

    ngx_str_set(&pool, "default");
    pw->cost = 12;

    for (hook = password_hooks; hook; hook = hook->next) {
        if (hook->cycle == ngx_cycle) {
            policy = hook->policy(carmen_request_http(cr));
            pool = policy->pool;
            pw->cost = policy->cost;
            break;
        }
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
        pw->rc = password_new(key, pw->cost, pw->hash, log);
    }

    OPENSSL_cleanse(key, sizeof(key));
    OPENSSL_cleanse(pw->password, sizeof(pw->password));
    pw->len = 0;
}


void
carmen_password_verify_work(void *data, ngx_log_t *log)
{
    carmen_password_t  *pw = data;

    char  key[CARMEN_BCRYPT_BYTES + 1], hash[CARMEN_PASSWORD_HASH];

    pw->fresh[0] = '\0';
    pw->rc = password_key(pw, key);

    if (pw->rc != NGX_OK) {
        goto done;
    }

    if (pw->hash[0] == '\0') {
        pw->rc = password_new(key, pw->cost, hash, log);

        if (pw->rc == NGX_OK) {
            pw->rc = NGX_DECLINED;
        }

        goto done;
    }

    pw->rc = password_crypt(key, pw->hash, hash, log);

    if (pw->rc == NGX_OK
        && (ngx_strlen(hash) != ngx_strlen(pw->hash)
            || CRYPTO_memcmp(hash, pw->hash, ngx_strlen(hash)) != 0))
    {
        pw->rc = NGX_DECLINED;
    }

    /*
     * A right password goes to today's cost.  A wrong one takes the same
     * time, so that the old accounts cannot be told by the clock.
     */

    if (pw->rc != NGX_ERROR && password_cost(pw->hash) < pw->cost) {
        if (password_new(key, pw->cost, pw->fresh, log) != NGX_OK
            || pw->rc != NGX_OK)
        {
            pw->fresh[0] = '\0';
        }
    }

done:

    OPENSSL_cleanse(key, sizeof(key));
    OPENSSL_cleanse(hash, sizeof(hash));
    OPENSSL_cleanse(pw->password, sizeof(pw->password));
    pw->len = 0;
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
