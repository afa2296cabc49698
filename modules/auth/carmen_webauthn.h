
/*
 * WebAuthn Level 2, the part of the relying party: what an authenticator
 * says when a passkey is made (section 7.1) and when it is used (section
 * 7.2).  Algorithms ES256, EdDSA (Ed25519) and RS256; attestation "none" and
 * "packed", whose chain is not judged.  Needs of nginx its types only.
 *
 * All binary values are decoded; they may be anything.
 */

#ifndef _CARMEN_WEBAUTHN_H_INCLUDED_
#define _CARMEN_WEBAUTHN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "carmen_jwk.h"


#define CARMEN_WEBAUTHN_ID_MAX     1023      /* bytes of a credential id */
#define CARMEN_WEBAUTHN_CHALLENGE  32        /* bytes */

/* flags of authenticator data: section 6.1 */
#define CARMEN_WEBAUTHN_UP  0x01             /* user present */
#define CARMEN_WEBAUTHN_UV  0x04             /* user verified */
#define CARMEN_WEBAUTHN_BE  0x08             /* may be backed up */
#define CARMEN_WEBAUTHN_BS  0x10             /* is backed up */
#define CARMEN_WEBAUTHN_AT  0x40             /* a credential follows */
#define CARMEN_WEBAUTHN_ED  0x80             /* extensions follow */


/* what messages are held against; constant */

typedef struct {
    ngx_str_t                 id;            /* "shop.example" */
    ngx_str_t                 name;
    ngx_str_t                *origins;       /* "https://shop.example" */
    ngx_uint_t                norigins;
} carmen_webauthn_rp_t;


/* authenticator data; the pointers go into the input */

typedef struct {
    const u_char             *rp_hash;       /* 32 bytes */
    ngx_uint_t                flags;
    uint32_t                  count;
    const u_char             *aaguid;        /* 16 bytes, or NULL */
    ngx_str_t                 id;            /* with CARMEN_WEBAUTHN_AT */
    ngx_str_t                 cose;          /* the public key */
} carmen_webauthn_data_t;


/* a public key; to be freed by EVP_PKEY_free() */

typedef struct {
    carmen_alg_e              alg;
    EVP_PKEY                 *pkey;
} carmen_webauthn_key_t;


/* all: NGX_OK; NGX_DECLINED: *why says what is wrong, static; NGX_ERROR */

ngx_int_t carmen_webauthn_data(const ngx_str_t *text,
    carmen_webauthn_data_t *data, const char **why);

/* a COSE key (RFC 9053) that fills the text */
ngx_int_t carmen_webauthn_cose(const ngx_str_t *text,
    carmen_webauthn_key_t *key, const char **why);

/* "challenge" as text: base64url; "type" is webauthn.create or webauthn.get */
ngx_int_t carmen_webauthn_client(const carmen_webauthn_rp_t *rp,
    const ngx_str_t *json, const char *type, const ngx_str_t *challenge,
    const char **why);

/* registration; *attestation is "none", "self" or "basic" */
ngx_int_t carmen_webauthn_register(const carmen_webauthn_rp_t *rp,
    const ngx_str_t *challenge, const ngx_str_t *client,
    const ngx_str_t *object, ngx_uint_t verified,
    carmen_webauthn_data_t *data, carmen_webauthn_key_t *key,
    const char **attestation, const char **why);

/*
 * Assertion.  "verified": the user must have been verified.  The counter is
 * for the caller to compare with the one known.
 */
ngx_int_t carmen_webauthn_assert(const carmen_webauthn_rp_t *rp,
    const ngx_str_t *challenge, const ngx_str_t *client,
    const ngx_str_t *authenticator, const ngx_str_t *signature,
    const carmen_webauthn_key_t *key, ngx_uint_t verified,
    carmen_webauthn_data_t *data, const char **why);

/* SubjectPublicKeyInfo; "der" from malloc(): OPENSSL_free() */
ngx_int_t carmen_webauthn_export(const carmen_webauthn_key_t *key,
    ngx_str_t *der);
ngx_int_t carmen_webauthn_import(const ngx_str_t *der, carmen_alg_e alg,
    carmen_webauthn_key_t *key);


#endif /* _CARMEN_WEBAUTHN_H_INCLUDED_ */
