
/* Client data, registration and assertion. */

#include "carmen_webauthn.h"
#include "carmen_cbor.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>


typedef struct {
    ngx_str_t                 format;
    ngx_str_t                 data;
    ngx_uint_t                empty;         /* attStmt has no members */
    int64_t                   alg;
    ngx_str_t                 sig;
    ngx_str_t                 cert;          /* the first of x5c */
} webauthn_object_t;


static ngx_int_t webauthn_refuse(const char **why, const char *text);
static ngx_uint_t webauthn_text(json_t *object, const char *name,
    const ngx_str_t *wanted);
static ngx_int_t webauthn_flags(const carmen_webauthn_rp_t *rp,
    const carmen_webauthn_data_t *data, ngx_uint_t verified,
    const char **why);
static ngx_int_t webauthn_object(const ngx_str_t *text,
    webauthn_object_t *object);
static ngx_int_t webauthn_statement(carmen_cbor_t *c,
    webauthn_object_t *object);
static ngx_int_t webauthn_chain(carmen_cbor_t *c, ngx_str_t *cert);
static ngx_int_t webauthn_packed(const webauthn_object_t *object,
    const carmen_webauthn_data_t *data, const ngx_str_t *client,
    const carmen_webauthn_key_t *key, const char **attestation);
static ngx_uint_t webauthn_certificate(X509 *cert, const u_char *aaguid);
static ngx_int_t webauthn_verify(const ngx_str_t *data,
    const ngx_str_t *client, const ngx_str_t *sig,
    const carmen_webauthn_key_t *key);


static ngx_int_t
webauthn_refuse(const char **why, const char *text)
{
    *why = text;

    return NGX_DECLINED;
}


ngx_int_t
carmen_webauthn_client(const carmen_webauthn_rp_t *rp, const ngx_str_t *json,
    const char *type, const ngx_str_t *challenge, const char **why)
{
    json_t      *object;
    ngx_int_t    rc;
    ngx_str_t    wanted;
    ngx_uint_t   i;

    object = json_loadb((const char *) json->data, json->len,
                        JSON_REJECT_DUPLICATES, NULL);

    if (!json_is_object(object)) {
        json_decref(object);
        return webauthn_refuse(why, "The client data is not a JSON object.");
    }

    wanted.data = (u_char *) type;
    wanted.len = ngx_strlen(type);
    rc = NGX_OK;

    if (!webauthn_text(object, "type", &wanted)) {
        rc = webauthn_refuse(why, "The client data is of another type.");

    } else if (challenge->len == 0
               || !webauthn_text(object, "challenge", challenge))
    {
        rc = webauthn_refuse(why, "The challenge is not the one that was "
                             "given.");

    } else if (json_is_true(json_object_get(object, "crossOrigin"))) {
        rc = webauthn_refuse(why, "The client data comes from a frame of "
                             "another origin.");

    } else {
        for (i = 0; i < rp->norigins; i++) {
            if (webauthn_text(object, "origin", &rp->origins[i])) {
                break;
            }
        }

        if (i == rp->norigins) {
            rc = webauthn_refuse(why, "The origin is not one of this "
                                 "service.");
        }
    }

    json_decref(object);

    return rc;
}


static ngx_uint_t
webauthn_text(json_t *object, const char *name, const ngx_str_t *wanted)
{
    json_t  *value;

    value = json_object_get(object, name);

    return json_is_string(value)
           && json_string_length(value) == wanted->len
           && ngx_memcmp(json_string_value(value), wanted->data, wanted->len)
              == 0;
}


static ngx_int_t
webauthn_flags(const carmen_webauthn_rp_t *rp,
    const carmen_webauthn_data_t *data, ngx_uint_t verified,
    const char **why)
{
    u_char  md[32];

    if (EVP_Digest(rp->id.data, rp->id.len, md, NULL, EVP_sha256(), NULL)
        != 1)
    {
        return NGX_ERROR;
    }

    if (CRYPTO_memcmp(md, data->rp_hash, sizeof(md)) != 0) {
        return webauthn_refuse(why, "The authenticator answered for another "
                               "relying party.");
    }

    if (!(data->flags & CARMEN_WEBAUTHN_UP)) {
        return webauthn_refuse(why, "Nobody was present.");
    }

    if (verified && !(data->flags & CARMEN_WEBAUTHN_UV)) {
        return webauthn_refuse(why, "The user was not verified.");
    }

    return NGX_OK;
}


ngx_int_t
carmen_webauthn_register(const carmen_webauthn_rp_t *rp,
    const ngx_str_t *challenge, const ngx_str_t *client,
    const ngx_str_t *text, ngx_uint_t verified, carmen_webauthn_data_t *data,
    carmen_webauthn_key_t *key, const char **attestation, const char **why)
{
    ngx_int_t          rc;
    webauthn_object_t  object;

    key->pkey = NULL;

    rc = carmen_webauthn_client(rp, client, "webauthn.create", challenge,
                                why);
    if (rc != NGX_OK) {
        return rc;
    }

    if (webauthn_object(text, &object) != NGX_OK) {
        return webauthn_refuse(why, "The attestation object is malformed.");
    }

    rc = carmen_webauthn_data(&object.data, data, why);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = webauthn_flags(rp, data, verified, why);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!(data->flags & CARMEN_WEBAUTHN_AT)) {
        return webauthn_refuse(why, "There is no credential in it.");
    }

    rc = carmen_webauthn_cose(&data->cose, key, why);
    if (rc != NGX_OK) {
        return rc;
    }

    if (object.format.len == 4
        && ngx_memcmp(object.format.data, "none", 4) == 0)
    {
        *attestation = "none";
        rc = object.empty ? NGX_OK : NGX_DECLINED;

    } else if (object.format.len == 6
               && ngx_memcmp(object.format.data, "packed", 6) == 0)
    {
        rc = webauthn_packed(&object, data, client, key, attestation);

    } else {
        rc = NGX_DECLINED;
    }

    if (rc == NGX_OK) {
        return NGX_OK;
    }

    EVP_PKEY_free(key->pkey);
    key->pkey = NULL;
    ERR_clear_error();

    return rc == NGX_ERROR ? NGX_ERROR
           : webauthn_refuse(why, "The attestation is not valid.");
}


/* section 6.5: a map of fmt, attStmt and authData, and nothing behind it */

static ngx_int_t
webauthn_object(const ngx_str_t *text, webauthn_object_t *object)
{
    uint64_t             n;
    ngx_uint_t           statement;
    carmen_cbor_t        c;
    carmen_cbor_item_t   item, value;

    ngx_memzero(object, sizeof(webauthn_object_t));
    statement = 0;

    c.pos = text->data;
    c.last = text->data + text->len;

    if (carmen_cbor_next(&c, &item) != NGX_OK || item.type != CARMEN_CBOR_MAP
        || item.value != 3)
    {
        return NGX_DECLINED;
    }

    for (n = 0; n < 3; n++) {

        if (carmen_cbor_next(&c, &item) != NGX_OK) {
            return NGX_DECLINED;
        }

        if (carmen_cbor_is(&item, "attStmt")) {
            if (statement++ || webauthn_statement(&c, object) != NGX_OK) {
                return NGX_DECLINED;
            }

            continue;
        }

        if (carmen_cbor_next(&c, &value) != NGX_OK) {
            return NGX_DECLINED;
        }

        if (carmen_cbor_is(&item, "fmt") && value.type == CARMEN_CBOR_TEXT
            && object->format.data == NULL)
        {
            object->format.data = (u_char *) value.data;
            object->format.len = value.value;

        } else if (carmen_cbor_is(&item, "authData")
                   && value.type == CARMEN_CBOR_BYTES
                   && object->data.data == NULL)
        {
            object->data.data = (u_char *) value.data;
            object->data.len = value.value;

        } else {
            return NGX_DECLINED;
        }
    }

    return c.pos == c.last ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
webauthn_statement(carmen_cbor_t *c, webauthn_object_t *object)
{
    uint64_t             n;
    carmen_cbor_item_t   map, item, value;

    if (carmen_cbor_next(c, &map) != NGX_OK || map.type != CARMEN_CBOR_MAP) {
        return NGX_DECLINED;
    }

    object->empty = (map.value == 0);

    for (n = 0; n < map.value; n++) {

        if (carmen_cbor_next(c, &item) != NGX_OK
            || item.type != CARMEN_CBOR_TEXT)
        {
            return NGX_DECLINED;
        }

        if (carmen_cbor_is(&item, "x5c")) {
            if (object->cert.data
                || webauthn_chain(c, &object->cert) != NGX_OK)
            {
                return NGX_DECLINED;
            }

            continue;
        }

        if (carmen_cbor_is(&item, "alg")) {
            if (object->alg || carmen_cbor_next(c, &value) != NGX_OK
                || carmen_cbor_int(&value, &object->alg) != NGX_OK)
            {
                return NGX_DECLINED;
            }

            continue;
        }

        if (carmen_cbor_is(&item, "sig")) {
            if (object->sig.data || carmen_cbor_next(c, &value) != NGX_OK
                || value.type != CARMEN_CBOR_BYTES)
            {
                return NGX_DECLINED;
            }

            object->sig.data = (u_char *) value.data;
            object->sig.len = value.value;
            continue;
        }

        if (carmen_cbor_skip(c) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_int_t
webauthn_chain(carmen_cbor_t *c, ngx_str_t *cert)
{
    uint64_t             n;
    carmen_cbor_item_t   array, item;

    if (carmen_cbor_next(c, &array) != NGX_OK
        || array.type != CARMEN_CBOR_ARRAY || array.value == 0)
    {
        return NGX_DECLINED;
    }

    for (n = 0; n < array.value; n++) {

        if (carmen_cbor_next(c, &item) != NGX_OK
            || item.type != CARMEN_CBOR_BYTES)
        {
            return NGX_DECLINED;
        }

        if (n == 0) {
            cert->data = (u_char *) item.data;
            cert->len = item.value;
        }
    }

    return NGX_OK;
}


/* section 8.2 */

static ngx_int_t
webauthn_packed(const webauthn_object_t *object,
    const carmen_webauthn_data_t *data, const ngx_str_t *client,
    const carmen_webauthn_key_t *key, const char **attestation)
{
    X509                   *cert;
    ngx_int_t               rc;
    const u_char           *p;
    carmen_webauthn_key_t   signer;

    signer.alg = object->alg == -7 ? CARMEN_ALG_ES256
                 : object->alg == -8 ? CARMEN_ALG_EDDSA
                 : object->alg == -257 ? CARMEN_ALG_RS256 : CARMEN_ALG_ANY;

    if (signer.alg == CARMEN_ALG_ANY || object->sig.data == NULL) {
        return NGX_DECLINED;
    }

    if (object->cert.data == NULL) {
        *attestation = "self";

        return signer.alg == key->alg
               ? webauthn_verify(&object->data, client, &object->sig, key)
               : NGX_DECLINED;
    }

    *attestation = "basic";
    p = object->cert.data;
    cert = d2i_X509(NULL, &p, object->cert.len);

    if (cert == NULL) {
        return NGX_DECLINED;
    }

    signer.pkey = X509_get0_pubkey(cert);
    rc = NGX_DECLINED;

    if (p == object->cert.data + object->cert.len && signer.pkey
        && webauthn_certificate(cert, data->aaguid))
    {
        rc = webauthn_verify(&object->data, client, &object->sig, &signer);
    }

    X509_free(cert);

    return rc;
}


/* section 8.2.1 */

static ngx_uint_t
webauthn_certificate(X509 *cert, const u_char *aaguid)
{
    int                 i;
    char                text[80];
    X509_NAME          *name;
    const u_char       *p;
    ASN1_OBJECT        *oid;
    X509_EXTENSION     *ext;
    ASN1_OCTET_STRING  *value;

    name = X509_get_subject_name(cert);

    if (X509_get_version(cert) != X509_VERSION_3 || name == NULL
        || X509_NAME_get_text_by_NID(name, NID_organizationalUnitName, text,
                                     sizeof(text))
           < 0
        || ngx_strcmp(text, "Authenticator Attestation") != 0
        || X509_check_ca(cert) != 0)
    {
        return 0;
    }

    oid = OBJ_txt2obj("1.3.6.1.4.1.45724.1.1.4", 1);
    i = oid ? X509_get_ext_by_OBJ(cert, oid, -1) : -1;
    ASN1_OBJECT_free(oid);

    if (i < 0) {
        return 1;
    }

    /* an OCTET STRING of 16 bytes within that of the extension */

    ext = X509_get_ext(cert, i);
    value = X509_EXTENSION_get_data(ext);
    p = ASN1_STRING_get0_data(value);

    return !X509_EXTENSION_get_critical(ext)
           && ASN1_STRING_length(value) == 18 && p[0] == 4 && p[1] == 16
           && ngx_memcmp(p + 2, aaguid, 16) == 0;
}


ngx_int_t
carmen_webauthn_assert(const carmen_webauthn_rp_t *rp,
    const ngx_str_t *challenge, const ngx_str_t *client,
    const ngx_str_t *authenticator, const ngx_str_t *signature,
    const carmen_webauthn_key_t *key, ngx_uint_t verified,
    carmen_webauthn_data_t *data, const char **why)
{
    ngx_int_t  rc;

    rc = carmen_webauthn_client(rp, client, "webauthn.get", challenge, why);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = carmen_webauthn_data(authenticator, data, why);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = webauthn_flags(rp, data, verified, why);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = webauthn_verify(authenticator, client, signature, key);

    return rc == NGX_DECLINED
           ? webauthn_refuse(why, "The signature is not valid.") : rc;
}


/* of authenticator data and the digest of the client data */

static ngx_int_t
webauthn_verify(const ngx_str_t *data, const ngx_str_t *client,
    const ngx_str_t *sig, const carmen_webauthn_key_t *key)
{
    int          id;
    u_char      *text;
    ngx_int_t    rc;
    EVP_MD_CTX  *ctx;

    id = EVP_PKEY_get_base_id(key->pkey);

    if (id != (key->alg == CARMEN_ALG_ES256 ? EVP_PKEY_EC
               : key->alg == CARMEN_ALG_EDDSA ? EVP_PKEY_ED25519
               : EVP_PKEY_RSA))
    {
        return NGX_DECLINED;
    }

    rc = NGX_ERROR;
    ctx = EVP_MD_CTX_new();
    text = OPENSSL_malloc(data->len + 32);

    if (ctx == NULL || text == NULL) {
        goto done;
    }

    ngx_memcpy(text, data->data, data->len);

    if (EVP_Digest(client->data, client->len, text + data->len, NULL,
                   EVP_sha256(), NULL)
        != 1)
    {
        goto done;
    }

    rc = EVP_DigestVerifyInit(ctx, NULL,
                              key->alg == CARMEN_ALG_EDDSA ? NULL
                                                           : EVP_sha256(),
                              NULL, key->pkey) == 1
         && EVP_DigestVerify(ctx, sig->data, sig->len, text, data->len + 32)
            == 1
         ? NGX_OK : NGX_DECLINED;

done:

    OPENSSL_free(text);
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();

    return rc;
}
