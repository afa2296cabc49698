
/* The auth module: its configuration, and what its files share. */

#ifndef _CARMEN_AUTH_H_INCLUDED_
#define _CARMEN_AUTH_H_INCLUDED_


#include <carmen.h>

#include "carmen_attempts.h"
#include "carmen_federation.h"
#include "carmen_jwk.h"
#include "carmen_jwt.h"
#include "carmen_token_cache.h"
#include "carmen_webauthn.h"


/* the client_id of those who log in with a password: the shop itself */
#define CARMEN_AUTH_CLIENT  "carmen"


typedef struct {
    ngx_uint_t                cache;         /* tokens a worker; 0: off */
    size_t                    attempts;      /* bytes */
    ngx_shm_zone_t           *zone;
    size_t                    proofs;        /* bytes */
    ngx_shm_zone_t           *proofs_zone;

    size_t                    revocations;   /* bytes */
    ngx_msec_t                bound;
    ngx_shm_zone_t           *marks;
    unsigned                  feed:1;        /* some location has a database
                                                that says what is revoked */
} carmen_auth_main_conf_t;


typedef struct carmen_theme_s  carmen_theme_t;


typedef struct {
    ngx_uint_t                mode;          /* carmen_auth_mode_e */
    ngx_array_t              *keys;          /* carmen_jwk_t */
    ngx_array_t              *signing;       /* carmen_jwk_t; the first
                                                signs */
    ngx_str_t                 issuer;
    ngx_str_t                 origin;        /* scheme, host and port that
                                                clients know this server by */
    ngx_array_t              *audiences;     /* ngx_str_t */
    time_t                    leeway;
    time_t                    token_lifetime;
    time_t                    refresh_lifetime;
    time_t                    refresh_grace;
    carmen_password_policy_t  policy;

    ngx_http_complex_value_t *mtls;          /* the tenant; NULL: off */
    carmen_federation_conf_t  federation;

    carmen_webauthn_rp_t      rp;
    ngx_array_t              *origins;       /* ngx_str_t, of rp */
    time_t                    step_up_age;   /* seconds */

    carmen_verifier_t        *verifier;      /* NULL: nobody needs one */

    /* the pages: carmen_browser_page.h */
    ngx_str_t                 theme_dir;
    carmen_theme_t           *theme;
    time_t                    browser_lifetime;

    unsigned                  endpoints:1;
    unsigned                  jwks:1;
    unsigned                  provider:1;
    ngx_str_t                 document;      /* of jwks */
    ngx_str_t                 etag;

    u_char                   *file;          /* of the directive that asks */
    ngx_uint_t                line;
} carmen_auth_conf_t;


typedef enum {
    CARMEN_AUTH_OFF = 0,
    CARMEN_AUTH_JWT
} carmen_auth_mode_e;


/* what an access token is made of */

typedef struct {
    ngx_str_t                 tenant;
    ngx_str_t                 subject;
    ngx_str_t                 client;
    ngx_str_t                 session;
    ngx_str_t                 scope;
    ngx_str_t                 roles;         /* a JSON array */
    time_t                    lifetime;
    ngx_str_t                 jkt;           /* these may be empty */
    ngx_str_t                 x5t;
    ngx_str_t                 acr;
    ngx_str_t                 amr;           /* a JSON array */
    time_t                    auth_time;     /* 0: not known */
} carmen_grant_t;


extern ngx_module_t     ngx_http_carmen_auth_module;
extern carmen_domain_t  carmen_auth_domain;


/* configuration time: see carmen_auth_conf.c */
void *carmen_auth_create_main_conf(ngx_conf_t *cf);
char *carmen_auth_init_main_conf(ngx_conf_t *cf, void *conf);
void *carmen_auth_create_conf(ngx_conf_t *cf);
char *carmen_auth_merge_conf(ngx_conf_t *cf, void *parent, void *child);
char *carmen_auth_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *carmen_auth_cache(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *carmen_auth_mtls(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *carmen_auth_pool(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
void carmen_auth_remember(ngx_conf_t *cf, carmen_auth_conf_t *acf);

/* the identify hook, and a worker's cache of tokens */
ngx_int_t carmen_auth_identify(ngx_http_request_t *r,
    carmen_identity_t **identity);
ngx_int_t carmen_auth_init_process(ngx_cycle_t *cycle);
void carmen_auth_exit_process(ngx_cycle_t *cycle);

/* an RFC 9068 access token in the pool; NGX_OK, NGX_ERROR */
ngx_int_t carmen_auth_issue(ngx_pool_t *pool, carmen_auth_conf_t *acf,
    carmen_grant_t *grant, ngx_str_t *token);

/* signs claims in compact form; NGX_OK, NGX_ERROR */
ngx_int_t carmen_auth_sign(ngx_pool_t *pool, carmen_auth_conf_t *acf,
    const char *typ, json_t *claims, ngx_str_t *token);

/* handlers of the routes */
ngx_int_t carmen_auth_login(carmen_request_t *cr);
ngx_int_t carmen_auth_refresh(carmen_request_t *cr);
ngx_int_t carmen_auth_logout(carmen_request_t *cr);

/* hex digits of the SHA-256 of a text, as the database keeps secrets */
ngx_int_t carmen_auth_hash(ngx_pool_t *pool, ngx_str_t *text,
    ngx_str_t *hash);

/*
 * A new refresh token: "<tenant>.<256 random bits>".  "hash" gets the 64 hex
 * digits under which the database knows it.
 */
ngx_int_t carmen_refresh_create(ngx_pool_t *pool, ngx_str_t *tenant,
    ngx_str_t *token, ngx_str_t *hash);

/* NGX_OK; NGX_DECLINED: not one of ours; "tenant" points into the token */
ngx_int_t carmen_refresh_parse(ngx_pool_t *pool, ngx_str_t *token,
    ngx_str_t *tenant, ngx_str_t *hash);

/* answers with both tokens */
void carmen_auth_reply(carmen_request_t *cr, carmen_grant_t *grant,
    ngx_str_t *refresh);


#endif /* _CARMEN_AUTH_H_INCLUDED_ */
