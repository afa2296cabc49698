
/* The configuration of providers and of the directory. */

#include "carmen_auth.h"


#define SOCIAL_PROVIDERS  64             /* see carmen_social_fetch.c */
#define SOCIAL_SECRET     4096           /* bytes of a file, the most */
#define SOCIAL_RESPONSE   262144         /* bytes of an answer, the most */


typedef struct {
    const char               *name;          /* ends with "=" */
    size_t                    offset;
} social_text_t;


static char *social_check(ngx_conf_t *cf, carmen_social_t *social);
static ngx_int_t social_file(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *text);
static ngx_int_t social_parameter(ngx_str_t *value,
    const social_text_t *texts, void *base, ngx_str_t **text);
static ngx_uint_t social_name_valid(ngx_str_t *name);
static char *federation_policy(ngx_conf_t *cf,
    carmen_federation_conf_t *conf);


/* how many this configuration has: an index for the cache of each worker */
static ngx_uint_t  social_count;
static ngx_cycle_t  *social_cycle;


ngx_int_t
carmen_federation_create_conf(carmen_federation_conf_t *conf)
{
    conf->social = NGX_CONF_UNSET_PTR;
    conf->timeout = NGX_CONF_UNSET_MSEC;
    conf->directory = NGX_CONF_UNSET_PTR;

    return NGX_OK;
}


/* carmen_auth_social name kind client=... ...; */

char *
carmen_auth_social(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    carmen_federation_conf_t *fcf;

    ngx_str_t        *value, *text;
    ngx_uint_t        i;
    carmen_social_t  *social;

    static const social_text_t  texts[] = {
        { "issuer=", offsetof(carmen_social_t, issuer) },
        { "client=", offsetof(carmen_social_t, client) },
        { "secret=", offsetof(carmen_social_t, secret) },
        { "scope=", offsetof(carmen_social_t, scope) },
        { "authorize=", offsetof(carmen_social_t, authorize) },
        { "token=", offsetof(carmen_social_t, token) },
        { "profile=", offsetof(carmen_social_t, profile) },
        { "emails=", offsetof(carmen_social_t, emails) },
        { NULL, 0 }
    };

    fcf = &((carmen_auth_conf_t *) conf)->federation;
    value = cf->args->elts;

    if (!social_name_valid(&value[1]) || ngx_strcmp(value[1].data, "ldap")
                                         == 0)
    {
        return "needs a name of lower-case letters, digits and hyphens that "
               "is not \"ldap\"";
    }

    if (fcf->social == NGX_CONF_UNSET_PTR) {
        fcf->social = ngx_array_create(cf->pool, 4, sizeof(carmen_social_t));
        if (fcf->social == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (carmen_social_find(fcf, &value[1])) {
        return "is duplicate for this provider";
    }

    if (social_cycle != cf->cycle) {
        social_cycle = cf->cycle;
        social_count = 0;
    }

    if (social_count == SOCIAL_PROVIDERS) {
        return "is for 64 providers at most";
    }

    social = ngx_array_push(fcf->social);
    if (social == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(social, sizeof(carmen_social_t));

    social->name = value[1];
    social->index = social_count++;

    if (ngx_strcmp(value[2].data, "oidc") == 0) {
        social->kind = CARMEN_SOCIAL_OIDC;
        social->trusted = 1;
        ngx_str_set(&social->scope, "openid email profile");

    } else if (ngx_strcmp(value[2].data, "github") == 0) {
        social->kind = CARMEN_SOCIAL_GITHUB;
        social->trusted = 1;
        ngx_str_set(&social->scope, "read:user user:email");
        ngx_str_set(&social->authorize,
                    "https://github.com/login/oauth/authorize");
        ngx_str_set(&social->token,
                    "https://github.com/login/oauth/access_token");
        ngx_str_set(&social->profile, "https://api.github.com/user");
        ngx_str_set(&social->emails, "https://api.github.com/user/emails");

    } else if (ngx_strcmp(value[2].data, "facebook") == 0) {
        social->kind = CARMEN_SOCIAL_FACEBOOK;
        ngx_str_set(&social->scope, "public_profile email");
        ngx_str_set(&social->authorize,
                    "https://www.facebook.com/v19.0/dialog/oauth");
        ngx_str_set(&social->token,
                    "https://graph.facebook.com/v19.0/oauth/access_token");
        ngx_str_set(&social->profile,
                    "https://graph.facebook.com/v19.0/me?fields=id,name,"
                    "email,first_name,last_name");

    } else {
        return "is of a kind that is none of \"oidc\", \"github\", "
               "\"facebook\"";
    }

    for (i = 3; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "email=untrusted") == 0) {
            social->trusted = 0;
            continue;
        }

        if (social_parameter(&value[i], texts, social, &text) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_array_init(&social->roles, cf->pool, 1, sizeof(carmen_role_map_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return social_check(cf, social);
}


static char *
social_check(ngx_conf_t *cf, carmen_social_t *social)
{
    ngx_str_t  file;

    if (social->client.len == 0) {
        return "needs \"client=\", the client_id at the provider";
    }

    if (social->kind == CARMEN_SOCIAL_OIDC) {
        if (social->issuer.len == 0) {
            return "needs \"issuer=\", the URL of the provider";
        }

        if (social->authorize.len || social->token.len || social->profile.len
            || social->emails.len)
        {
            return "finds the endpoints of a provider of kind \"oidc\" by "
                   "itself";
        }

    } else if (social->issuer.len) {
        return "takes \"issuer=\" for the kind \"oidc\" only";
    }

    if (social->secret.len) {
        file = social->secret;

        if (social_file(cf, &file, &social->secret) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* the text of a file without the newline at its end */

static ngx_int_t
social_file(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *text)
{
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_str_t        path;
    ngx_file_info_t  fi;

    path = *name;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    text->data = ngx_pnalloc(cf->pool, SOCIAL_SECRET);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(path.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "cannot read secret \"%V\"", &path);
        return NGX_ERROR;
    }

    n = -1;

    if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR && ngx_is_file(&fi)) {
        n = ngx_read_fd(fd, text->data, SOCIAL_SECRET);
    }

    ngx_close_file(fd);

    while (n > 0 && (text->data[n - 1] == LF || text->data[n - 1] == CR)) {
        n--;
    }

    if (n <= 0 || n == SOCIAL_SECRET) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "secret \"%V\" is empty, too long, or no file",
                           &path);
        return NGX_ERROR;
    }

    if (fi.st_mode & 0007) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "secret \"%V\" can be read by everyone on this "
                           "machine: chmod o= it", &path);
    }

    text->len = n;

    return NGX_OK;
}


static ngx_int_t
social_parameter(ngx_str_t *value, const social_text_t *texts, void *base,
    ngx_str_t **text)
{
    size_t      len;
    ngx_uint_t  i;

    for (i = 0; texts[i].name; i++) {
        len = ngx_strlen(texts[i].name);

        if (value->len > len
            && ngx_strncmp(value->data, texts[i].name, len) == 0)
        {
            *text = (ngx_str_t *) ((u_char *) base + texts[i].offset);
            (*text)->data = value->data + len;
            (*text)->len = value->len - len;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static ngx_uint_t
social_name_valid(ngx_str_t *name)
{
    size_t  i;

    for (i = 0; i < name->len; i++) {
        if (!((name->data[i] >= 'a' && name->data[i] <= 'z')
              || (i && ((name->data[i] >= '0' && name->data[i] <= '9')
                        || name->data[i] == '-'))))
        {
            return 0;
        }
    }

    return i > 0 && i <= 32;
}


/* carmen_auth_social_role provider claim value role; */

char *
carmen_auth_social_role(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    carmen_federation_conf_t *fcf;

    ngx_str_t          *value;
    carmen_social_t    *social;
    carmen_role_map_t  *map;

    fcf = &((carmen_auth_conf_t *) conf)->federation;
    value = cf->args->elts;
    social = carmen_social_find(fcf, &value[1]);

    if (social == NULL) {
        return "names a provider that no \"carmen_auth_social\" before it "
               "has made in this block";
    }

    map = ngx_array_push(&social->roles);
    if (map == NULL) {
        return NGX_CONF_ERROR;
    }

    map->claim = value[2];
    map->value = value[3];
    map->role = value[4];

    return NGX_CONF_OK;
}


carmen_social_t *
carmen_social_find(carmen_federation_conf_t *fcf, ngx_str_t *name)
{
    ngx_uint_t        i;
    carmen_social_t  *social;

    if (fcf->social == NULL || fcf->social == NGX_CONF_UNSET_PTR) {
        return NULL;
    }

    social = fcf->social->elts;

    for (i = 0; i < fcf->social->nelts; i++) {
        if (social[i].name.len == name->len
            && ngx_memcmp(social[i].name.data, name->data, name->len) == 0)
        {
            return &social[i];
        }
    }

    return NULL;
}


carmen_federation_conf_t *
carmen_federation_conf(ngx_http_request_t *r)
{
    carmen_auth_conf_t  *acf;

    acf = ngx_http_get_module_loc_conf(r, ngx_http_carmen_auth_module);

    return &acf->federation;
}


char *
carmen_federation_merge_conf(ngx_conf_t *cf, carmen_federation_conf_t *prev,
    carmen_federation_conf_t *conf)
{
    ngx_uint_t  inherited;

    inherited = conf->ca.data == NULL && conf->allow == 0
                && conf->timeout == NGX_CONF_UNSET_MSEC;

    ngx_conf_merge_ptr_value(conf->social, prev->social, NULL);
    ngx_conf_merge_ptr_value(conf->directory, prev->directory, NULL);
    ngx_conf_merge_str_value(conf->redirect, prev->redirect, "");
    ngx_conf_merge_str_value(conf->ca, prev->ca, "");
    ngx_conf_merge_bitmask_value(conf->allow, prev->allow,
                                 CARMEN_ALLOW_STRICT);
    ngx_conf_merge_msec_value(conf->timeout, prev->timeout, 10000);

    if (conf->social == NULL) {
        return NGX_CONF_OK;
    }

    if (conf->redirect.len == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"carmen_auth_social\" must know where browsers come "
                      "back to: add \"carmen_auth_social_redirect "
                      "https://.../api/v1;\"");
        return NGX_CONF_ERROR;
    }

    if (inherited && prev->policy) {
        conf->policy = prev->policy;
        return NGX_CONF_OK;
    }

    return federation_policy(cf, conf);
}


static char *
federation_policy(ngx_conf_t *cf, carmen_federation_conf_t *conf)
{
    ngx_ssl_t                 *ssl;
    ngx_pool_cleanup_t        *cln;
    carmen_fetch_policy_t     *policy;
    ngx_http_core_loc_conf_t  *clcf;

    policy = ngx_pcalloc(cf->pool, sizeof(carmen_fetch_policy_t));
    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));

    if (policy == NULL || ssl == NULL) {
        return NGX_CONF_ERROR;
    }

    ssl->log = cf->log;

    if (ngx_ssl_create(ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(ssl);
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    if (conf->ca.len) {
        if (ngx_ssl_trusted_certificate(cf, ssl, &conf->ca, 5) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

    } else if (SSL_CTX_set_default_verify_paths(ssl->ctx) != 1) {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "SSL_CTX_set_default_verify_paths() failed");
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    policy->ssl = ssl;
    policy->resolver = clcf->resolver;
    policy->resolver_timeout = clcf->resolver_timeout;
    policy->timeout = conf->timeout;
    policy->connect_timeout = conf->timeout / 2;
    policy->max_response = SOCIAL_RESPONSE;
    policy->allow_private = (conf->allow & CARMEN_ALLOW_PRIVATE) != 0;
    policy->allow_plain = (conf->allow & CARMEN_ALLOW_PLAIN) != 0;

    conf->policy = policy;

    return NGX_CONF_OK;
}


/* carmen_auth_ldap url base=... ...; */

char *
carmen_auth_ldap(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    carmen_federation_conf_t *fcf;

    ngx_int_t            n;
    ngx_str_t           *value, *text, timeout, file;
    ngx_uint_t           i, secure;
    carmen_directory_t  *d;

    static const social_text_t  texts[] = {
        { "base=", offsetof(carmen_directory_t, base) },
        { "filter=", offsetof(carmen_directory_t, filter) },
        { "bind=", offsetof(carmen_directory_t, dn) },
        { "password=", offsetof(carmen_directory_t, password) },
        { "group_base=", offsetof(carmen_directory_t, group_base) },
        { "group_filter=", offsetof(carmen_directory_t, group_filter) },
        { "thread_pool=", offsetof(carmen_directory_t, pool) },
        { "ca=", offsetof(carmen_directory_t, ca) },
        { NULL, 0 }
    };

    fcf = &((carmen_auth_conf_t *) conf)->federation;

    if (fcf->directory != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    d = ngx_pcalloc(cf->pool, sizeof(carmen_directory_t));

    if (d == NULL
        || ngx_array_init(&d->roles, cf->pool, 4, sizeof(carmen_role_map_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    fcf->directory = d;

    d->url = value[1];
    d->timeout = 5000;
    ngx_str_set(&d->filter, "(uid=%s)");
    ngx_str_set(&d->group_filter, "(member=%s)");
    ngx_str_set(&d->pool, "default");

    secure = ngx_strncmp(d->url.data, "ldaps://", 8) == 0;

    if (!secure && ngx_strncmp(d->url.data, "ldap://", 7) != 0
        && ngx_strncmp(d->url.data, "ldapi://", 8) != 0)
    {
        return "needs a URL of ldaps://, ldap:// or ldapi://";
    }

    d->starttls = ngx_strncmp(d->url.data, "ldap://", 7) == 0;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "starttls=off") == 0) {
            d->starttls = 0;
            continue;
        }

        if (ngx_strncmp(value[i].data, "timeout=", 8) == 0) {
            timeout.data = value[i].data + 8;
            timeout.len = value[i].len - 8;
            n = ngx_parse_time(&timeout, 0);

            if (n > 0) {
                d->timeout = n;
                continue;
            }

        } else if (social_parameter(&value[i], texts, d, &text) == NGX_OK) {
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"",
                           &value[i]);
        return NGX_CONF_ERROR;
    }

    if (d->base.len == 0) {
        return "needs \"base=\", where people are searched";
    }

    if (ngx_strstr(d->filter.data, "%s") == NULL
        || ngx_strstr(d->group_filter.data, "%s") == NULL)
    {
        return "needs a \"%s\" in its filters";
    }

    if (d->dn.len && d->password.len == 0) {
        return "binds with a password: add \"password=<file>\"";
    }

    if (d->password.len) {
        file = d->password;

        if (social_file(cf, &file, &d->password) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (d->ca.len && ngx_conf_full_name(cf->cycle, &d->ca, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_thread_pool_add(cf, &d->pool) ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* carmen_auth_ldap_role group role; */

char *
carmen_auth_ldap_role(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    carmen_federation_conf_t *fcf;

    ngx_str_t           *value;
    carmen_role_map_t   *map;
    carmen_directory_t  *d;

    fcf = &((carmen_auth_conf_t *) conf)->federation;
    d = fcf->directory;

    if (d == NGX_CONF_UNSET_PTR) {
        return "needs a \"carmen_auth_ldap\" before it in this block";
    }

    if (d->roles.nelts == 64) {
        return "is for 64 groups at most";
    }

    map = ngx_array_push(&d->roles);
    if (map == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    ngx_str_set(&map->claim, "group");
    map->value = value[1];
    map->role = value[2];

    return NGX_CONF_OK;
}
