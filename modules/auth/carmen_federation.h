
/*
 * Signing in with what others know of a person: social providers (OpenID
 * Connect, GitHub, Facebook) and an LDAP directory.
 *
 * Whoever vouches hands over a carmen_person_t; auth.federation_login() finds
 * or makes the account and says why not.
 */

#ifndef _CARMEN_FEDERATION_H_INCLUDED_
#define _CARMEN_FEDERATION_H_INCLUDED_


#include <carmen.h>
#include <jansson.h>

#include "carmen_jwk.h"


#define CARMEN_SOCIAL_SECRET  32         /* random bytes of state and so on */
#define CARMEN_SOCIAL_TEXT    43         /* the same in base64url */


typedef enum {
    CARMEN_SOCIAL_OIDC = 0,
    CARMEN_SOCIAL_GITHUB,
    CARMEN_SOCIAL_FACEBOOK
} carmen_social_kind_e;


/* a claim or a group that means a role here */

typedef struct {
    ngx_str_t                 claim;
    ngx_str_t                 value;
    ngx_str_t                 role;
} carmen_role_map_t;


typedef struct {
    ngx_str_t                 name;          /* "google": in paths */
    carmen_social_kind_e      kind;
    ngx_uint_t                index;         /* of the worker's cache */
    ngx_str_t                 issuer;        /* OIDC */
    ngx_str_t                 client;
    ngx_str_t                 secret;        /* empty: a public client */
    ngx_str_t                 scope;
    ngx_str_t                 authorize;     /* others than OIDC */
    ngx_str_t                 token;
    ngx_str_t                 profile;
    ngx_str_t                 emails;        /* GitHub */
    ngx_array_t               roles;         /* carmen_role_map_t */
    unsigned                  trusted:1;     /* its word on an e-mail address
                                                is taken */
} carmen_social_t;


typedef struct {
    ngx_str_t                 url;           /* ldap:// or ldaps://; empty:
                                                no directory */
    ngx_str_t                 dn;            /* who searches; may be empty */
    ngx_str_t                 password;
    ngx_str_t                 base;
    ngx_str_t                 filter;        /* of a person, %s the name */
    ngx_str_t                 group_base;
    ngx_str_t                 group_filter;  /* of groups, %s the DN */
    ngx_array_t               roles;         /* value: DN of a group */
    ngx_str_t                 pool;
    ngx_str_t                 ca;
    ngx_flag_t                starttls;
    ngx_msec_t                timeout;
} carmen_directory_t;


typedef struct {
    ngx_array_t              *social;        /* carmen_social_t */
    ngx_str_t                 redirect;      /* URL of the API's prefix */
    ngx_str_t                 ca;
    ngx_uint_t                allow;         /* carmen_social_allow_e */
    ngx_msec_t                timeout;
    carmen_fetch_policy_t    *policy;
    carmen_directory_t       *directory;
} carmen_federation_conf_t;


#define CARMEN_ALLOW_STRICT   0x0002
#define CARMEN_ALLOW_PRIVATE  0x0004
#define CARMEN_ALLOW_PLAIN    0x0008


/* who somebody else says it is; texts of the request's pool, data NULL: not
 * known */

typedef struct {
    ngx_str_t                 provider;
    ngx_str_t                 subject;
    ngx_str_t                 email;
    ngx_uint_t                verified;      /* the provider vouches for it */
    ngx_str_t                 name;
    ngx_str_t                 given;
    ngx_str_t                 family;
    ngx_str_t                 roles;         /* JSON array: of the mapping */
    ngx_str_t                 managed;       /* JSON array: all of the mapping:
                                                those not held are taken */
} carmen_person_t;


/* configuration time: see carmen_federation_conf.c */
ngx_int_t carmen_federation_create_conf(carmen_federation_conf_t *conf);
char *carmen_federation_merge_conf(ngx_conf_t *cf,
    carmen_federation_conf_t *prev, carmen_federation_conf_t *conf);
char *carmen_auth_social(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *carmen_auth_social_role(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *carmen_auth_ldap(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *carmen_auth_ldap_role(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

extern carmen_domain_t  carmen_federation_domain;

/* of a request's location; NULL: no such provider */
carmen_federation_conf_t *carmen_federation_conf(ngx_http_request_t *r);
carmen_social_t *carmen_social_find(carmen_federation_conf_t *fcf,
    ngx_str_t *name);

/* handlers of the routes */
ngx_int_t carmen_social_start(carmen_request_t *cr);
ngx_int_t carmen_social_callback(carmen_request_t *cr);
ngx_int_t carmen_social_link(carmen_request_t *cr);
ngx_int_t carmen_ldap_login(carmen_request_t *cr);


/* what is known of an OIDC provider, of this worker, until it is too old */

typedef struct {
    ngx_pool_t               *pool;
    ngx_str_t                 issuer;
    ngx_str_t                 authorize;
    ngx_str_t                 token;
    ngx_str_t                 userinfo;      /* may be empty */
    ngx_str_t                 jwks;
    unsigned                  iss:1;         /* RFC 9207: in the response */
    unsigned                  post:1;        /* client_secret_post only */
    time_t                    expires;
} carmen_discovery_t;

typedef struct {
    ngx_pool_t               *pool;
    ngx_array_t               keys;          /* carmen_jwk_t */
    time_t                    fetched;
    time_t                    expires;
} carmen_key_set_t;

/*
 * "next" gets NGX_OK, or NGX_ERROR: the provider cannot be used, logged.
 * Never called after the request has gone.  What is found stays valid until
 * the caller returns to the event loop.
 */
typedef void (*carmen_social_pt)(carmen_request_t *cr, ngx_int_t rc,
    void *data);

carmen_discovery_t *carmen_discovery(carmen_social_t *social);
carmen_key_set_t *carmen_key_set(carmen_social_t *social);

/* the same, after fetching what is missing; NGX_DONE or NGX_ERROR */
ngx_int_t carmen_discover(carmen_request_t *cr, carmen_social_t *social,
    carmen_social_pt next, void *data);
ngx_int_t carmen_key_set_fetch(carmen_request_t *cr, carmen_social_t *social,
    carmen_social_pt next, void *data);

/* of a key that is not known: not more often than this many seconds */
#define CARMEN_KEY_SET_PAUSE  10

void carmen_social_exit_process(ngx_cycle_t *cycle);


/*
 * A fetch for a request: lets go of it when the client leaves.  "next" gets
 * the fetch, with its error or its response; NULL: there are too many.
 */
typedef void (*carmen_outbound_pt)(carmen_request_t *cr, carmen_fetch_t *f,
    void *data);

carmen_fetch_t *carmen_outbound(carmen_request_t *cr,
    const carmen_fetch_policy_t *policy, ngx_str_t *url,
    carmen_outbound_pt next, void *data);

/* the JSON object in a response of status 200, or NULL, logged */
json_t *carmen_outbound_json(carmen_request_t *cr, carmen_fetch_t *f,
    const char *what);


/* 256 random bits in base64url; data NULL: no memory */
ngx_str_t carmen_social_random(ngx_pool_t *pool);

/* SHA-256 in hex; empty without memory, which the database refuses */
ngx_str_t carmen_social_hash(ngx_pool_t *pool, ngx_str_t *text);

/* a copy; data NULL stays so */
ngx_str_t carmen_social_copy(ngx_pool_t *pool, ngx_str_t text);

/* percent-encoded; data NULL: no memory */
ngx_str_t carmen_social_encode(ngx_pool_t *pool, ngx_str_t text);

/* a header of the answer; NGX_OK, NGX_ERROR */
ngx_int_t carmen_social_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);


/*
 * Verifies an ID token (OpenID Connect Core 3.1.3.7): algorithm of the key,
 * iss, aud and azp, exp, iat, nonce.  NGX_OK: *claims is to be released;
 * NGX_AGAIN: its key is not in the set; NGX_DECLINED: *why says what is wrong.
 */
ngx_int_t carmen_id_token_verify(carmen_key_set_t *set, ngx_str_t *token,
    ngx_str_t *issuer, ngx_str_t *client, ngx_str_t *nonce, time_t now,
    json_t **claims, const char **why);


/* what the three kinds of profile say; NGX_OK, NGX_DECLINED, NGX_ERROR */
ngx_int_t carmen_profile_oidc(ngx_pool_t *pool, json_t *claims,
    carmen_person_t *person);
ngx_int_t carmen_profile_github(ngx_pool_t *pool, json_t *user,
    json_t *emails, carmen_person_t *person);
ngx_int_t carmen_profile_facebook(ngx_pool_t *pool, json_t *user,
    carmen_person_t *person);

/* person->roles and person->managed: claims hold strings or arrays of them */
ngx_int_t carmen_profile_roles(ngx_pool_t *pool, ngx_array_t *map,
    json_t *claims, carmen_person_t *person);

/* a string of JSON in the pool, cut at "max" bytes; data NULL: it is none */
ngx_str_t carmen_json_text(ngx_pool_t *pool, json_t *value, size_t max);


/* finds or makes the account, begins a session, answers with the tokens */
void carmen_federation_login(carmen_request_t *cr, carmen_person_t *person);

/* ties what the person is elsewhere to the account "user", and answers */
void carmen_federation_link(carmen_request_t *cr, carmen_person_t *person,
    ngx_str_t *user);


#endif /* _CARMEN_FEDERATION_H_INCLUDED_ */
