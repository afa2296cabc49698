
#include "carmen_binding.h"
#include "carmen_base64url.h"
#include "carmen_jws.h"
#include "carmen_proofs.h"

#include <openssl/pem.h>
#include <openssl/x509.h>


#define DPOP_AGE    60                       /* seconds that a proof is good */
#define DPOP_AHEAD  10                       /* clocks that run fast */


static ngx_int_t dpop_header(ngx_http_request_t *r, ngx_str_t *proof);
static const char *dpop_claims(ngx_http_request_t *r, carmen_auth_conf_t *acf,
    carmen_jws_t *jws, ngx_str_t *token, time_t *iat);
static ngx_int_t dpop_htu(ngx_http_request_t *r, carmen_auth_conf_t *acf,
    const char *htu);
static ngx_int_t dpop_ath(ngx_str_t *token, const char *ath);
static ngx_int_t dpop_use(ngx_http_request_t *r, ngx_str_t *jkt,
    const char *jti, time_t iat);
static X509 *certificate_read(ngx_http_request_t *r);


ngx_int_t
carmen_dpop_check(ngx_http_request_t *r, carmen_auth_conf_t *acf,
    ngx_str_t *token, ngx_str_t *jkt, const char **why)
{
    time_t         iat;
    json_t        *jwk;
    ngx_int_t      rc;
    ngx_str_t      proof;
    carmen_jwk_t  *key;
    carmen_jws_t   jws;

    rc = dpop_header(r, &proof);

    if (rc == NGX_DECLINED) {
        *why = "There are two DPoP headers.";
    }

    if (rc != NGX_OK) {
        return rc;
    }

    rc = carmen_jws_read(r->pool, &proof, 1, &jws, why);

    if (rc != NGX_OK) {
        return rc;
    }

    if (!carmen_jws_is(&jws, "dpop+jwt")) {
        *why = "The proof is not of the type dpop+jwt.";
        return NGX_DECLINED;
    }

    /* without a kid the key is called by its thumbprint */

    jwk = json_object_get(jws.header, "jwk");
    (void) json_object_del(jwk, "kid");
    (void) json_object_del(jwk, "use");
    (void) json_object_del(jwk, "key_ops");

    key = carmen_jws_jwk(r->pool, jwk);

    if (key == NULL || key->kid.len != CARMEN_THUMBPRINT) {
        *why = "The key of the proof is not a public key that is supported.";
        return NGX_DECLINED;
    }

    *why = dpop_claims(r, acf, &jws, token, &iat);

    if (*why) {
        return NGX_DECLINED;
    }

    if (carmen_jws_verify(&jws, key) != NGX_OK) {
        *why = "The signature of the proof does not fit.";
        return NGX_DECLINED;
    }

    *jkt = key->kid;

    rc = dpop_use(r, jkt, json_string_value(json_object_get(jws.claims,
                                                            "jti")),
                  iat);

    if (rc == NGX_DECLINED) {
        *why = "The proof was used before.";
    }

    return rc;
}


static ngx_int_t
dpop_header(ngx_http_request_t *r, ngx_str_t *proof)
{
    ngx_int_t         rc;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    rc = NGX_AGAIN;
    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return rc;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == 4
            && ngx_strncasecmp(h[i].key.data, (u_char *) "DPoP", 4) == 0)
        {
            if (rc == NGX_OK) {
                return NGX_DECLINED;
            }

            *proof = h[i].value;
            rc = NGX_OK;
        }
    }
}


/* RFC 9449 section 4.3 */

static const char *
dpop_claims(ngx_http_request_t *r, carmen_auth_conf_t *acf,
    carmen_jws_t *jws, ngx_str_t *token, time_t *iat)
{
    time_t       now;
    json_t      *jti, *htm, *htu, *ath;

    jti = json_object_get(jws->claims, "jti");
    htm = json_object_get(jws->claims, "htm");
    htu = json_object_get(jws->claims, "htu");
    ath = json_object_get(jws->claims, "ath");
    now = ngx_time();

    if (!json_is_string(jti) || json_string_length(jti) == 0
        || json_string_length(jti) > 256)
    {
        return "The proof has no jti.";
    }

    if (!json_is_string(htm) || json_string_length(htm) != r->method_name.len
        || ngx_memcmp(json_string_value(htm), r->method_name.data,
                      r->method_name.len)
           != 0)
    {
        return "The proof is for another method (htm).";
    }

    if (!json_is_string(htu)
        || dpop_htu(r, acf, json_string_value(htu)) != NGX_OK)
    {
        return "The proof is for another address (htu).";
    }

    if (carmen_jws_time(jws->claims, "iat", iat) != NGX_OK
        || *iat < now - DPOP_AGE || *iat > now + DPOP_AHEAD)
    {
        return "The proof is not of this minute (iat).";
    }

    if (token && (!json_is_string(ath)
                  || dpop_ath(token, json_string_value(ath)) != NGX_OK))
    {
        return "The proof is for another token (ath).";
    }

    return NULL;
}


/*
 * What is compared with is where this server is known to be, by its issuer or
 * carmen_auth_origin, and not the Host that a request claims.  Query and
 * fragment do not count.
 */

static ngx_int_t
dpop_htu(ngx_http_request_t *r, carmen_auth_conf_t *acf, const char *htu)
{
    size_t       n;
    ngx_str_t    path;
    ngx_uint_t   i;
    const char  *p;

    p = htu;
    n = acf->origin.len;

    if (n == 0
        || ngx_strncasecmp((u_char *) p, acf->origin.data, n) != 0)
    {
        return NGX_DECLINED;
    }

    p += n;
    path = r->unparsed_uri;

    for (i = 0; i < path.len; i++) {
        if (path.data[i] == '?' || path.data[i] == '#') {
            path.len = i;
            break;
        }
    }

    n = strcspn(p, "?#");

    if (n == 0 && path.len == 1) {
        return NGX_OK;
    }

    return n == path.len && ngx_memcmp(p, path.data, n) == 0 ? NGX_OK
                                                             : NGX_DECLINED;
}


static ngx_int_t
dpop_ath(ngx_str_t *token, const char *ath)
{
    u_char  md[32], text[CARMEN_THUMBPRINT];

    if (EVP_Digest(token->data, token->len, md, NULL, EVP_sha256(), NULL)
        != 1)
    {
        return NGX_ERROR;
    }

    (void) carmen_base64url_encode(text, md, sizeof(md));

    return ngx_strlen(ath) == sizeof(text)
           && ngx_memcmp(ath, text, sizeof(text)) == 0
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
dpop_use(ngx_http_request_t *r, ngx_str_t *jkt, const char *jti, time_t iat)
{
    u_char                    buf[CARMEN_THUMBPRINT + 256], *p;
    u_char                    md[CARMEN_PROOF_DIGEST];
    carmen_auth_main_conf_t  *amcf;

    amcf = ngx_http_get_module_main_conf(r, ngx_http_carmen_auth_module);

    p = ngx_cpymem(buf, jkt->data, CARMEN_THUMBPRINT);
    p = ngx_cpymem(p, jti, ngx_strlen(jti));

    if (EVP_Digest(buf, p - buf, md, NULL, EVP_sha256(), NULL) != 1) {
        return NGX_ERROR;
    }

    return carmen_proof_use(amcf->proofs_zone, md, iat + DPOP_AGE + 1);
}


ngx_int_t
carmen_certificate(ngx_http_request_t *r, ngx_str_t *x5t)
{
    X509    *cert;
    u_char   md[32];

    cert = certificate_read(r);

    if (cert == NULL) {
        return NGX_DECLINED;
    }

    x5t->len = CARMEN_THUMBPRINT;
    x5t->data = ngx_pnalloc(r->pool, CARMEN_THUMBPRINT + 1);

    if (x5t->data == NULL || X509_digest(cert, EVP_sha256(), md, NULL) != 1) {
        X509_free(cert);
        return NGX_ERROR;
    }

    X509_free(cert);

    *carmen_base64url_encode(x5t->data, md, sizeof(md)) = '\0';

    return NGX_OK;
}


EVP_PKEY *
carmen_certificate_key(ngx_http_request_t *r)
{
    X509      *cert;
    EVP_PKEY  *pkey;

    cert = certificate_read(r);
    pkey = cert ? X509_get_pubkey(cert) : NULL;

    X509_free(cert);

    return pkey;
}


ngx_int_t
carmen_certificate_subject(ngx_http_request_t *r, ngx_str_t *dn)
{
#if (NGX_HTTP_SSL)
    ngx_str_t  verify;

    if (r->connection->ssl == NULL
        || ngx_ssl_get_client_verify(r->connection, r->pool, &verify)
           != NGX_OK
        || verify.len != 7 || ngx_memcmp(verify.data, "SUCCESS", 7) != 0)
    {
        return NGX_DECLINED;
    }

    return ngx_ssl_get_subject_dn(r->connection, r->pool, dn) == NGX_OK
           && dn->len
           ? NGX_OK : NGX_DECLINED;
#else
    return NGX_DECLINED;
#endif
}


static X509 *
certificate_read(ngx_http_request_t *r)
{
#if (NGX_HTTP_SSL)
    BIO        *bio;
    X509       *cert;
    ngx_str_t   pem;

    if (r->connection->ssl == NULL
        || ngx_ssl_get_raw_certificate(r->connection, r->pool, &pem) != NGX_OK
        || pem.len == 0)
    {
        return NULL;
    }

    bio = BIO_new_mem_buf(pem.data, pem.len);
    cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    BIO_free(bio);

    return cert;
#else
    return NULL;
#endif
}


const char *
carmen_binding_refuses(ngx_http_request_t *r, carmen_auth_conf_t *acf,
    ngx_str_t *token, ngx_uint_t dpop, const ngx_str_t *jkt,
    const ngx_str_t *x5t)
{
    ngx_int_t    rc;
    ngx_str_t    found;
    const char  *why;

    if (dpop && jkt->len == 0) {
        return "The token is not bound to a key: send it as Bearer.";
    }

    if (x5t->len) {
        if (carmen_certificate(r, &found) != NGX_OK
            || ngx_memcmp(found.data, x5t->data, CARMEN_THUMBPRINT) != 0)
        {
            return "The token is bound to another client certificate.";
        }
    }

    if (jkt->len == 0) {
        return NULL;
    }

    if (!dpop) {
        return "The token is bound to a key: send it with the scheme DPoP.";
    }

    rc = carmen_dpop_check(r, acf, token, &found, &why);

    switch (rc) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        return why;

    case NGX_AGAIN:
        return "There is no DPoP proof.";

    default:
        return "The DPoP proof cannot be checked now.";
    }

    return ngx_memcmp(found.data, jkt->data, CARMEN_THUMBPRINT) == 0
           ? NULL : "The proof is of another key than the token's.";
}
