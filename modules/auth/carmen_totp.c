
#include "carmen_totp.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>


#define TOTP_MODULUS    1000000
#define RECOVERY_BYTES  10
#define RECOVERY_CHARS  16


static const u_char  base32_capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";


u_char *
carmen_base32_encode(u_char *dst, const u_char *src, size_t len)
{
    size_t      i;
    uint32_t    bits;
    ngx_uint_t  n;

    bits = 0;
    n = 0;

    for (i = 0; i < len; i++) {
        bits = (bits << 8) | src[i];
        n += 8;

        while (n >= 5) {
            n -= 5;
            *dst++ = base32_capitals[(bits >> n) & 31];
        }

        bits &= (1u << n) - 1;
    }

    if (n) {
        *dst++ = base32_capitals[(bits << (5 - n)) & 31];
    }

    return dst;
}


/* RFC 4226 section 5.3 */

ngx_int_t
carmen_totp_code(const u_char *secret, size_t len, uint64_t step,
    ngx_uint_t *code)
{
    size_t      md_len;
    u_char      counter[8], md[EVP_MAX_MD_SIZE], *p;
    ngx_uint_t  i;

    for (i = 8; i > 0; i--) {
        counter[i - 1] = step & 0xff;
        step >>= 8;
    }

    if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA1", NULL, secret, len, counter,
                  sizeof(counter), md, sizeof(md), &md_len)
        == NULL
        || md_len != 20)
    {
        return NGX_ERROR;
    }

    p = md + (md[19] & 15);
    *code = (((uint32_t) (p[0] & 0x7f) << 24) | (p[1] << 16) | (p[2] << 8)
             | p[3])
            % TOTP_MODULUS;

    OPENSSL_cleanse(md, sizeof(md));

    return NGX_OK;
}


ngx_int_t
carmen_totp_check(const u_char *secret, size_t len, const ngx_str_t *text,
    time_t now, uint64_t *step)
{
    size_t      i, n;
    uint64_t    first, s;
    ngx_int_t   rc;
    ngx_uint_t  given, code;

    given = 0;
    n = 0;

    for (i = 0; i < text->len; i++) {

        if (text->data[i] == ' ') {
            continue;
        }

        if (text->data[i] < '0' || text->data[i] > '9'
            || ++n > CARMEN_TOTP_DIGITS)
        {
            return NGX_DECLINED;
        }

        given = given * 10 + (text->data[i] - '0');
    }

    if (n != CARMEN_TOTP_DIGITS || now < CARMEN_TOTP_PERIOD) {
        return NGX_DECLINED;
    }

    first = now / CARMEN_TOTP_PERIOD - 1;
    rc = NGX_DECLINED;

    /* all three, whichever it is; the latest that fits */

    for (s = first; s < first + 3; s++) {

        if (carmen_totp_code(secret, len, s, &code) != NGX_OK) {
            return NGX_ERROR;
        }

        if (code == given) {
            *step = s;
            rc = NGX_OK;
        }
    }

    return rc;
}


ngx_int_t
carmen_recovery_create(u_char *text)
{
    u_char      bytes[RECOVERY_BYTES], chars[RECOVERY_CHARS];
    ngx_uint_t  i;

    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
        return NGX_ERROR;
    }

    (void) carmen_base32_encode(chars, bytes, sizeof(bytes));

    for (i = 0; i < RECOVERY_CHARS; i++) {
        if (i && i % 4 == 0) {
            *text++ = '-';
        }

        *text++ = chars[i] | (chars[i] >= 'A' ? 0x20 : 0);
    }

    OPENSSL_cleanse(bytes, sizeof(bytes));
    OPENSSL_cleanse(chars, sizeof(chars));

    return NGX_OK;
}


ngx_int_t
carmen_recovery_hash(const ngx_str_t *text, u_char *hash)
{
    u_char      c, chars[RECOVERY_CHARS], md[32];
    size_t      i, n;
    ngx_int_t   rc;

    static const u_char  hex[] = "0123456789abcdef";

    n = 0;

    for (i = 0; i < text->len; i++) {
        c = text->data[i];

        if (c == '-' || c == ' ') {
            continue;
        }

        c |= (c >= 'A' && c <= 'Z') ? 0x20 : 0;

        if (!((c >= 'a' && c <= 'z') || (c >= '2' && c <= '7'))
            || n == RECOVERY_CHARS)
        {
            return NGX_DECLINED;
        }

        chars[n++] = c;
    }

    if (n != RECOVERY_CHARS) {
        return NGX_DECLINED;
    }

    rc = EVP_Digest(chars, n, md, NULL, EVP_sha256(), NULL) == 1
         ? NGX_OK : NGX_ERROR;

    OPENSSL_cleanse(chars, sizeof(chars));

    for (i = 0; rc == NGX_OK && i < sizeof(md); i++) {
        *hash++ = hex[md[i] >> 4];
        *hash++ = hex[md[i] & 15];
    }

    return rc;
}
