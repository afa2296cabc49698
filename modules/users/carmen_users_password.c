
#include "carmen_users_register.h"


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
carmen_users_stem(const u_char *p, size_t len)
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
carmen_users_monotone(const u_char *p, size_t len)
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


ngx_int_t
carmen_users_password_check(ngx_str_t *password, ngx_str_t *email)
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

    stem = carmen_users_stem(low, len);
    rc = carmen_users_monotone(low, len) ? NGX_DECLINED : NGX_OK;

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

    ngx_explicit_memzero(low, sizeof(low));

    return rc;
}
