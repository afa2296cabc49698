
/* The blocklist, and what passwords are hashed with. */

#include "carmen_passwords.h"


#define BLOCKLIST_MAX  (256 * 1024 * 1024)


static ngx_int_t blocklist_read(ngx_conf_t *cf, ngx_str_t *path,
    ngx_array_t *list);
static ngx_int_t blocklist_add(ngx_array_t *list, u_char *p, u_char *last);
static int ngx_libc_cdecl blocklist_compare(const void *one,
    const void *two);


/* carmen_auth_password_hash bcrypt | argon2id [memory=] [passes=] [bcrypt=] */

char *
carmen_passwords_hash(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    carmen_auth_conf_t  *acf = conf;

    ssize_t           size;
    ngx_int_t         n;
    ngx_str_t        *value, text;
    ngx_uint_t        i;
    carmen_argon2_t  *argon2;

    argon2 = &acf->policy.argon2;

    if (argon2->memory != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "bcrypt") == 0 && cf->args->nelts == 2) {
        argon2->memory = 0;
        argon2->passes = 0;
        argon2->alone = 0;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[1].data, "argon2id") != 0) {
        return "must be \"bcrypt\" or \"argon2id [memory=<size>] "
               "[passes=<number>] [bcrypt=none]\"";
    }

    argon2->memory = 19456;
    argon2->passes = 2;
    argon2->alone = 0;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "memory=", 7) == 0) {
            text.data = value[i].data + 7;
            text.len = value[i].len - 7;
            size = ngx_parse_size(&text);

            if (size >= 1024 * 1024 && size <= 1024 * 1024 * 1024) {
                argon2->memory = size / 1024;
                continue;
            }

        } else if (ngx_strncmp(value[i].data, "passes=", 7) == 0) {
            n = ngx_atoi(value[i].data + 7, value[i].len - 7);

            if (n >= 1 && n <= 100) {
                argon2->passes = n;
                continue;
            }

        } else if (ngx_strcmp(value[i].data, "bcrypt=none") == 0) {
            argon2->alone = 1;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": memory is from 1m to "
                           "1g, passes from 1 to 100", &value[i]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
carmen_passwords_blocklist(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    carmen_auth_conf_t  *acf = conf;

    ngx_str_t  *value;

    if (acf->policy.blocked != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    acf->policy.blocked = ngx_array_create(cf->pool, 1024, sizeof(uint64_t));

    if (acf->policy.blocked == NULL
        || ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK
        || blocklist_read(cf, &value[1], acf->policy.blocked) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_qsort(acf->policy.blocked->elts, acf->policy.blocked->nelts,
              sizeof(uint64_t), blocklist_compare);

    return NGX_CONF_OK;
}


void
carmen_passwords_merge(carmen_auth_conf_t *prev, carmen_auth_conf_t *conf)
{
    if (conf->policy.argon2.memory == NGX_CONF_UNSET_UINT) {
        conf->policy.argon2 = prev->policy.argon2;
    }

    if (conf->policy.argon2.memory == NGX_CONF_UNSET_UINT) {
        ngx_memzero(&conf->policy.argon2, sizeof(carmen_argon2_t));
    }

    ngx_conf_merge_ptr_value(conf->policy.blocked, prev->policy.blocked,
                             NULL);
}


static ngx_int_t
blocklist_read(ngx_conf_t *cf, ngx_str_t *path, ngx_array_t *list)
{
    u_char           *p, *last, *end;
    ssize_t           n;
    ngx_fd_t          fd;
    ngx_int_t         rc;
    ngx_str_t         text;
    ngx_file_info_t   fi;

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot read blocklist \"%V\"", path);
        return NGX_ERROR;
    }

    rc = NGX_ERROR;
    text.data = NULL;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)
        || ngx_file_size(&fi) > BLOCKLIST_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "blocklist \"%V\" is not a file of 256 megabytes "
                           "at most", path);
        goto done;
    }

    text.len = ngx_file_size(&fi);
    text.data = ngx_alloc(text.len + 1, cf->log);

    if (text.data == NULL) {
        goto done;
    }

    n = ngx_read_fd(fd, text.data, text.len);

    if (n < 0 || (size_t) n != text.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot read blocklist \"%V\"", path);
        goto done;
    }

    end = text.data + text.len;

    for (p = text.data; p < end; p = last + 1) {
        last = ngx_strlchr(p, end, '\n');
        last = last ? last : end;

        if (blocklist_add(list, p, last) != NGX_OK) {
            goto done;
        }
    }

    rc = NGX_OK;

done:

    if (text.data) {
        ngx_free(text.data);
    }

    ngx_close_file(fd);

    return rc;
}


static ngx_int_t
blocklist_add(ngx_array_t *list, u_char *p, u_char *last)
{
    uint64_t  *digest;

    if (last > p && last[-1] == '\r') {
        last--;
    }

    if (last == p) {
        return NGX_OK;
    }

    digest = ngx_array_push(list);

    return digest ? carmen_password_digest(p, last - p, digest) : NGX_ERROR;
}


static int ngx_libc_cdecl
blocklist_compare(const void *one, const void *two)
{
    uint64_t  a, b;

    a = *(const uint64_t *) one;
    b = *(const uint64_t *) two;

    return a < b ? -1 : a > b;
}
