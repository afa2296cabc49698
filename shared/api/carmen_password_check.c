
/* Whether a password is one that is tried first. */

#include <carmen_core.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>


/*
 * Lower case, of eight characters and more; digits and signs at the end do
 * not count, so that "password" stands for "Password123!" as well.
 */

static const char *const  often_used[] = {
    "password", "passw0rd", "passwort", "motdepasse", "contrasena",
    "qwertyuiop", "qwertyui", "qwertzuiop", "qwertzui", "azertyuiop",
    "asdfghjkl", "asdfasdf", "zxcvbnm", "qazwsxedc", "iloveyou", "sunshine",
    "princess", "football", "baseball", "superman", "starwars", "whatever",
    "trustno", "welcome", "letmein", "computer", "internet", "michelle",
    "jennifer", "changeme", "administrator", "carmencarmen", "abcdefgh",
    "abcdefghi", "secret", "administ", "customer", NULL
};


static size_t
password_stem(const u_char *p, size_t len)
{
    while (len && !((p[len - 1] >= 'a' && p[len - 1] <= 'z')
                    || p[len - 1] >= 0x80))
    {
        len--;
    }

    return len;
}


/* steps of 0, 1 or -1 only: "aaaaaaaa", "12345678", "87654321" */

static ngx_uint_t
password_monotone(const u_char *p, size_t len)
{
    int     step;
    size_t  i;

    step = p[1] - p[0];

    if (step < -1 || step > 1) {
        return 0;
    }

    for (i = 2; i < len; i++) {
        if (p[i] - p[i - 1] != step) {
            return 0;
        }
    }

    return 1;
}


/*
 * The 64 bits under which a list has a password, in lower case.  Two may be
 * alike: then one that is good is refused, once in a life of many servers.
 */

ngx_int_t
carmen_password_digest(const u_char *password, size_t len, uint64_t *digest)
{
    size_t      i;
    u_char      low[CARMEN_PASSWORD_BYTES], md[32];
    ngx_int_t   rc;

    len = ngx_min(len, sizeof(low));
    ngx_strlow(low, (u_char *) password, len);

    rc = EVP_Digest(low, len, md, NULL, EVP_sha256(), NULL) == 1
         ? NGX_OK : NGX_ERROR;

    OPENSSL_cleanse(low, sizeof(low));

    for (*digest = 0, i = 0; rc == NGX_OK && i < 8; i++) {
        *digest = (*digest << 8) | md[i];
    }

    return rc;
}


static ngx_uint_t
password_blocked(ngx_http_request_t *r, ngx_str_t *password)
{
    uint64_t                        *list, digest;
    ngx_uint_t                       from, to, middle;
    const carmen_password_policy_t  *policy;

    policy = carmen_password_policy(r);

    if (policy == NULL || policy->blocked == NULL
        || carmen_password_digest(password->data, password->len, &digest)
           != NGX_OK)
    {
        return 0;
    }

    list = policy->blocked->elts;
    from = 0;
    to = policy->blocked->nelts;

    while (from < to) {
        middle = from + (to - from) / 2;

        if (list[middle] == digest) {
            return 1;
        }

        if (list[middle] < digest) {
            from = middle + 1;

        } else {
            to = middle;
        }
    }

    return 0;
}


ngx_int_t
carmen_password_check(ngx_http_request_t *r, ngx_str_t *password,
    ngx_str_t *email)
{
    u_char      *at;
    size_t       len, stem, local;
    ngx_int_t    rc;
    ngx_uint_t   i;
    u_char       low[CARMEN_PASSWORD_BYTES];

    len = ngx_min(password->len, sizeof(low));

    if (len < 2) {
        return NGX_DECLINED;
    }

    ngx_strlow(low, password->data, len);

    stem = password_stem(low, len);
    rc = password_monotone(low, len) ? NGX_DECLINED : NGX_OK;

    for (i = 0; often_used[i]; i++) {
        if (stem == ngx_strlen(often_used[i])
            && ngx_memcmp(low, often_used[i], stem) == 0)
        {
            rc = NGX_DECLINED;
        }
    }

    if (email->len) {
        at = ngx_strlchr(email->data, email->data + email->len, '@');
        local = at ? (size_t) (at - email->data) : email->len;

        if ((len == email->len || len == local)
            && ngx_strncasecmp(password->data, email->data, len) == 0)
        {
            rc = NGX_DECLINED;
        }
    }

    OPENSSL_cleanse(low, sizeof(low));

    return password_blocked(r, password) ? NGX_DECLINED : rc;
}
