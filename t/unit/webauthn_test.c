
/* CBOR, authenticator data, keys; TOTP by the vectors of RFC 6238. */

#include "unit.h"

#include "carmen_cbor.h"
#include "carmen_totp.h"
#include "carmen_webauthn.h"


static ngx_str_t
bytes(const char *hex)
{
    char        pair[3];
    size_t      i;
    ngx_str_t   s;

    s.len = strlen(hex) / 2;
    s.data = malloc(s.len ? s.len : 1);
    pair[2] = '\0';

    for (i = 0; i < s.len; i++) {
        pair[0] = hex[2 * i];
        pair[1] = hex[2 * i + 1];
        s.data[i] = strtoul(pair, NULL, 16);
    }

    return s;
}


static ngx_int_t
skip(const char *hex)
{
    ngx_int_t      rc;
    ngx_str_t      s;
    carmen_cbor_t  c;

    s = bytes(hex);
    c.pos = s.data;
    c.last = s.data + s.len;
    rc = carmen_cbor_skip(&c);

    if (rc == NGX_OK && c.pos != c.last) {
        rc = NGX_BUSY;
    }

    free(s.data);

    return rc;
}


static void
test_cbor(void)
{
    ngx_uint_t  i;

    static const char  *good[] = {
        "00", "17", "1818", "190100", "1a00010000", "1b0000000100000000",
        "20", "3863", "40", "4401020304", "60", "6161", "80", "83010203",
        "a0", "a201020304", "8180", "81818180", "f4", "f5", "f6", NULL
    };

    static const char  *bad[] = {
        "", "1817", "1900ff", "1a0000ffff", "1b00000000ffffffff", "18",
        "19ff", "1c", "1f", "41", "5f", "5fff", "7f", "9f", "9fff", "bf",
        "bfff", "81", "a1", "a101", "c000", "d82000", "e0", "f3", "f7",
        "f814", "f90000", "fa00000000", "ff", "9bffffffffffffffff",
        "bbffffffffffffffff", "5bffffffffffffffff", "818181818180", NULL
    };

    for (i = 0; good[i]; i++) {
        is_int(skip(good[i]), NGX_OK, "CBOR %s", good[i]);
    }

    for (i = 0; bad[i]; i++) {
        is_int(skip(bad[i]), NGX_DECLINED, "no CBOR %s", bad[i]);
    }
}


static ngx_int_t
cose(const char *hex)
{
    ngx_int_t               rc;
    ngx_str_t               s, der;
    const char             *why;
    carmen_webauthn_key_t   key, copy;

    s = bytes(hex);
    why = NULL;
    rc = carmen_webauthn_cose(&s, &key, &why);
    free(s.data);

    if (rc == NGX_OK) {
        ok(carmen_webauthn_export(&key, &der) == NGX_OK
           && carmen_webauthn_import(&der, key.alg, &copy) == NGX_OK
           && EVP_PKEY_eq(key.pkey, copy.pkey) == 1, "comes back the same");
        OPENSSL_free(der.data);
        EVP_PKEY_free(copy.pkey);
        EVP_PKEY_free(key.pkey);

    } else {
        ok(why != NULL && key.pkey == NULL, "why: %s", why ? why : "");
    }

    return rc;
}


#define X  "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
#define Y  "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
#define ES  "a5010203262001215820" X "225820" Y


static void
test_cose(void)
{
    is_int(cose(ES), NGX_OK, "ES256");
    is_int(cose("a4010103272006215820"
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f7"
                "07511a"), NGX_OK, "EdDSA");
    is_int(cose("a5010203262001215820" Y "225820" X), NGX_DECLINED,
           "a point that is not on the curve");
    is_int(cose("a5010203262002215820" X "225820" Y), NGX_DECLINED,
           "another curve");
    is_int(cose("a5010203272001215820" X "225820" Y), NGX_DECLINED,
           "another algorithm");
    is_int(cose("a4010203262001215820" X), NGX_DECLINED, "no y");
    is_int(cose("a6010203262001215820" X "225820" Y "0102"), NGX_DECLINED,
           "a type twice");
    is_int(cose(ES "00"), NGX_DECLINED, "something behind it");
    is_int(cose("a401030339010020430102032143010001"), NGX_DECLINED,
           "RSA of 24 bits");
    is_int(cose("a0"), NGX_DECLINED, "an empty map");
    is_int(cose(""), NGX_DECLINED, "nothing");
}


static ngx_int_t
data(const char *flags, const char *tail, carmen_webauthn_data_t *d)
{
    char         hex[1024];
    ngx_int_t    rc;
    ngx_str_t    s;
    const char  *why;

    snprintf(hex, sizeof(hex), "%064d%s00000107%s", 0, flags, tail);
    s = bytes(hex);
    why = NULL;
    rc = carmen_webauthn_data(&s, d, &why);
    ok(rc == NGX_OK || why, "flags %s %.20s: %s", flags, tail,
       why ? why : "taken");
    d->rp_hash = NULL;
    free(s.data);

    return rc;
}


#define AAGUID  "000102030405060708090a0b0c0d0e0f"

static void
test_data(void)
{
    carmen_webauthn_data_t  d;

    is_int(data("05", "", &d), NGX_OK, "an assertion");
    is_int(d.count, 263, "counter");
    is_int(d.flags, 5, "flags");
    is_int(data("41", AAGUID "0003010203" ES, &d), NGX_OK, "a credential");
    is_int(d.id.len, 3, "its id");
    is_int(d.cose.len, 77, "its key");
    is_int(data("81", "a1616101", &d), NGX_OK, "extensions");
    is_int(data("81", "00", &d), NGX_DECLINED, "extensions not in a map");
    is_int(data("81", "", &d), NGX_DECLINED, "no extensions");
    is_int(data("01", "00", &d), NGX_DECLINED, "a byte too many");
    is_int(data("11", "", &d), NGX_DECLINED, "a backup that cannot be");
    is_int(data("41", AAGUID "0000" ES, &d), NGX_DECLINED, "an empty id");
    is_int(data("41", AAGUID "ffff01", &d), NGX_DECLINED, "a long id");
    is_int(data("41", AAGUID "00", &d), NGX_DECLINED, "cut in the length");
    is_int(data("41", AAGUID "0003010203", &d), NGX_DECLINED, "no key");
}


static void
test_totp(void)
{
    size_t       i;
    uint64_t     step;
    ngx_str_t    text;
    ngx_uint_t   code;
    u_char       out[64], hash[64], again[64];

    static const u_char  secret[] = "12345678901234567890";

    /* RFC 6238 appendix B, the last six digits */

    static const struct {
        uint64_t    time;
        ngx_uint_t  code;
    } vectors[] = {
        { 59, 287082 }, { 1111111109, 81804 }, { 1111111111, 50471 },
        { 1234567890, 5924 }, { 2000000000, 279037 },
        { 20000000000ull, 353130 },
    };

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        is_int(carmen_totp_code(secret, 20, vectors[i].time / 30, &code),
               NGX_OK, "a code");
        is_int(code, vectors[i].code, "at %llu",
               (unsigned long long) vectors[i].time);
    }

    ngx_str_set(&text, "050 471");
    is_int(carmen_totp_check(secret, 20, &text, 1111111111, &step), NGX_OK,
           "in time");
    is_int(step, 37037037, "its step");
    is_int(carmen_totp_check(secret, 20, &text, 1111111111 + 30, &step),
           NGX_OK, "a step late");
    is_int(carmen_totp_check(secret, 20, &text, 1111111111 + 60, &step),
           NGX_DECLINED, "two steps late");
    ngx_str_set(&text, "50471");
    is_int(carmen_totp_check(secret, 20, &text, 1111111111, &step),
           NGX_DECLINED, "five digits");
    ngx_str_set(&text, "0050471");
    is_int(carmen_totp_check(secret, 20, &text, 1111111111, &step),
           NGX_DECLINED, "seven digits");
    ngx_str_set(&text, "05047x");
    is_int(carmen_totp_check(secret, 20, &text, 1111111111, &step),
           NGX_DECLINED, "a letter");

    is_mem(out, carmen_base32_encode(out, (u_char *) "foobar", 6) - out,
           "MZXW6YTBOI", "base32 of RFC 4648");

    is_int(carmen_recovery_create(out), NGX_OK, "a recovery code");
    text.data = out;
    text.len = CARMEN_RECOVERY_TEXT;
    is_int(carmen_recovery_hash(&text, hash), NGX_OK, "its hash");
    out[0] = toupper(out[0]);
    out[4] = ' ';
    is_int(carmen_recovery_hash(&text, again), NGX_OK, "written otherwise");
    ok(memcmp(hash, again, 64) == 0, "the same hash");
    text.len--;
    is_int(carmen_recovery_hash(&text, again), NGX_DECLINED, "cut short");
}


int
main(void)
{
    test_cbor();
    test_cose();
    test_data();
    test_totp();

    return done_testing();
}
