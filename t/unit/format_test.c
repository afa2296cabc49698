
/* Forms of text: what fits, what does not, and the borders between. */

#include "unit.h"
#include "carmen_format.h"


typedef ngx_uint_t (*form_pt)(const u_char *p, size_t len);


/* a copy of exactly its length, so that ASan sees a byte read too many */

static int
fits(form_pt form, const char *text)
{
    int      rc;
    size_t   len;
    u_char  *copy;

    len = strlen(text);
    copy = malloc(len ? len : 1);
    memcpy(copy, text, len);
    rc = form(copy, len);
    free(copy);

    return rc;
}


static void
each(const char *name, form_pt form, const char **good, const char **bad)
{
    size_t  i, len;
    char    cut[512];

    for ( /* void */ ; *good; good++) {
        ok(fits(form, *good), "%s takes %s", name, *good);

        /* no prefix reads beyond its end */

        len = strlen(*good);
        for (i = 0; i < len && i < sizeof(cut); i++) {
            memcpy(cut, *good, i);
            cut[i] = '\0';
            (void) fits(form, cut);
        }
    }

    for ( /* void */ ; *bad; bad++) {
        ok(!fits(form, *bad), "%s refuses \"%.60s\"", name, *bad);
    }
}


#define check(name, form, good, bad)                                          \
    each(name, form, (const char *[]) { LIST good, NULL },                    \
         (const char *[]) { LIST bad, NULL })
#define LIST(...)  __VA_ARGS__


static void
test_text(void)
{
    static const struct { const char *text; ngx_int_t n; } utf8[] = {
        { "", 0 }, { "abc", 3 }, { "\xc3\xa4", 1 }, { "\xe2\x82\xac", 1 },
        { "\xf0\x9f\x98\x80x", 2 }, { "\xf4\x8f\xbf\xbf", 1 },
        { "\x80", -1 }, { "\xc3", -1 }, { "\xc0\x80", -1 },
        { "\xe0\x80\x80", -1 }, { "\xed\xa0\x80", -1 },
        { "\xf4\x90\x80\x80", -1 }, { "\xf5\x80\x80\x80", -1 },
        { "\xe2\x82", -1 }, { "\xe2\x82\x41", -1 }, { "\xff", -1 }
    };
    size_t  i;

    for (i = 0; i < sizeof(utf8) / sizeof(utf8[0]); i++) {
        is_int(carmen_utf8_length((u_char *) utf8[i].text,
                                  strlen(utf8[i].text)),
               utf8[i].n, "code points of case %d", (int) i);
    }

    check("text", carmen_format_text,
          ("", "a b", "\xc3\xa4"), ("a\tb", "\x7f", "\xc3", "a\nb"));
}


static void
test_numbers(void)
{
    size_t   i;
    double   d;
    int64_t  n;

    static const struct { const char *text; int good; int64_t n; } ints[] = {
        { "0", 1, 0 }, { "-0", 1, 0 }, { "7", 1, 7 }, { "-12", 1, -12 },
        { "9223372036854775807", 1, INT64_MAX },
        { "-9223372036854775808", 1, INT64_MIN },
        { "9223372036854775808", 0, 0 }, { "-9223372036854775809", 0, 0 },
        { "99999999999999999999", 0, 0 }, { "", 0, 0 }, { "-", 0, 0 },
        { "01", 0, 0 }, { "+1", 0, 0 }, { "1.0", 0, 0 }, { " 1", 0, 0 },
        { "1e3", 0, 0 }, { "0x1", 0, 0 }
    };

    static const struct { const char *text; int good; double d; } reals[] = {
        { "0", 1, 0 }, { "-1.5", 1, -1.5 }, { "1e3", 1, 1000 },
        { "1.25E-2", 1, 0.0125 }, { "1e+2", 1, 100 }, { "", 0, 0 },
        { "-", 0, 0 }, { ".5", 0, 0 }, { "5.", 0, 0 }, { "1e", 0, 0 },
        { "1e+", 0, 0 }, { "01", 0, 0 }, { "1e999", 0, 0 }, { "nan", 0, 0 },
        { "inf", 0, 0 }, { "0x1p3", 0, 0 }, { "1 ", 0, 0 }, { "+1", 0, 0 }
    };

    for (i = 0; i < sizeof(ints) / sizeof(ints[0]); i++) {
        n = 0;
        is_int(carmen_format_integer((u_char *) ints[i].text,
                                     strlen(ints[i].text), &n),
               ints[i].good ? NGX_OK : NGX_DECLINED, "integer \"%s\"",
               ints[i].text);
        if (ints[i].good) {
            is_int(n, ints[i].n, "  its value");
        }
    }

    for (i = 0; i < sizeof(reals) / sizeof(reals[0]); i++) {
        d = 0;
        is_int(carmen_format_number((u_char *) reals[i].text,
                                    strlen(reals[i].text), &d),
               reals[i].good ? NGX_OK : NGX_DECLINED, "number \"%s\"",
               reals[i].text);
        if (reals[i].good) {
            ok(d == reals[i].d, "  its value");
        }
    }
}


static void
test_forms(void)
{
    char    email[300];

    check("uuid", carmen_format_uuid,
          ("01890a5d-ac96-774b-bcce-b302099a8057",
           "01890A5D-AC96-774B-BCCE-B302099A8057"),
          ("", "01890a5d-ac96-774b-bcce-b302099a805",
           "01890a5d-ac96-774b-bcce-b302099a80570",
           "01890a5dxac96-774b-bcce-b302099a8057",
           "g1890a5d-ac96-774b-bcce-b302099a8057",
           "{1890a5d-ac96-774b-bcce-b302099a805}"));

    check("date", carmen_format_date,
          ("2026-01-31", "2024-02-29", "2000-02-29", "0001-01-01",
           "9999-12-31"),
          ("2023-02-29", "1900-02-29", "2026-04-31", "2026-13-01",
           "2026-00-10", "2026-01-00", "0000-01-01", "26-01-01",
           "2026/01/01", "2026-1-01", "2026-01-011", "", "2026-01-0x",
           "-026-01-01"));

    check("timestamp", carmen_format_timestamp,
          ("2026-01-02T03:04:05Z", "2026-01-02t03:04:05z",
           "2026-01-02T03:04:05.123Z", "2026-01-02T03:04:05.123456789+02:00",
           "2026-01-02T23:59:59-15:59", "2024-02-29T00:00:00-00:00",
           "2016-12-31T23:59:60Z", "2017-01-01T00:59:60+01:00",
           "2016-12-31T15:59:60.5-08:00"),
          ("2026-01-02T03:04:05", "2026-01-02 03:04:05Z",
           "2026-01-02T24:00:00Z", "2026-01-02T03:60:05Z",
           "2026-01-02T03:04:61Z", "2026-01-02T03:04:60Z",
           "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05.1234567890Z",
           "2026-01-02T03:04:05.5", "2026-01-02T03:04:05+16:00",
           "2026-01-02T03:04:05+01:60", "2026-01-02T03:04:05+0100",
           "2026-01-02T03:04:05+01", "2026-01-02T03:04:05ZZ",
           "2023-02-29T03:04:05Z", "2026-01-02T3:04:05Z", ""));

    check("currency", carmen_format_currency,
          ("EUR", "USD", "AED", "ZWG", "XCG", "JPY"),
          ("eur", "EU", "EURO", "XXX", "DEM", "HRK", "", "XAU", "R A"));

    check("gtin", carmen_format_gtin,
          ("96385074", "036000291452", "4006381333931", "10614141000415"),
          ("96385075", "036000291453", "4006381333932", "400638133393",
           "4006381333931 ", "40063813339x1", "", "0"));

    check("code", carmen_format_code,
          ("a", "A-1", "sku_1.2:3", "9"),
          ("", "-a", ".a", "a b", "a/b", "\xc3\xa4"));

    check("uri", carmen_format_uri,
          ("http://a", "https://example.com/x?y=%20#z", "HTTPS://EXAMPLE.com",
           "http://[::1]:8080/", "http://1.2.3.4:1/a;b=c,d",
           "https://example.com?x"),
          ("", "http://", "https:///x", "ftp://example.com", "//example.com",
           "http:/example.com", "http://user@example.com", "http://a:0",
           "http://a:65536", "http://a:", "http://a:x", "http://a b",
           "http://a/%2", "http://a/%zz", "http://[::1", "http://[]",
           "http://a/[x]", "http://a#b#c", "javascript:alert(1)",
           "http://\xc3\xa4", "http://[::1]x", "http://a\\b"));

    check("email", carmen_format_email,
          ("a@b.de", "first.last+tag@mail.example.com", "o'neil@example.org",
           "j\xc3\xb6rg@b\xc3\xbc" "cher.example", "x_y@xn--bcher-kva.example",
           "1@2.example"),
          ("", "@", "a", "a@", "@b.de", "a@b", "a..b@c.de", ".a@b.de",
           "a.@b.de", "a@b..de", "a@.de", "a@b.de.", "a@-b.de", "a@b-.de",
           "a@b.de-", "a b@c.de", "a@b c.de", "a@b@c.de", "a@1.2.3.4",
           "\"a b\"@c.de", "a@[1.2.3.4]", "\xff@b.de", "a,b@c.de"));

    memset(email, 'a', sizeof(email));
    memcpy(email + 64, "@b.de", 6);
    ok(fits(carmen_format_email, email), "email with a local part of 64");
    memcpy(email + 64, "a@b.de", 7);
    ok(!fits(carmen_format_email, email), "but not of 65");
}


static ngx_int_t
matches(const char *pattern, const char *text)
{
    return carmen_format_pattern(pattern, (u_char *) text, strlen(text));
}


static void
test_patterns(void)
{
    size_t  i;

    static const struct { const char *p, *text; ngx_int_t rc; } cases[] = {
        { "^[A-Z0-9_-]{1,32}$", "AB_9-", NGX_OK },
        { "^[A-Z0-9_-]{1,32}$", "", NGX_DECLINED },
        { "^[A-Z0-9_-]{1,3}$", "ABCD", NGX_DECLINED },
        { "^[A-Z0-9_-]{1,32}$", "ab", NGX_DECLINED },
        { "^[A-Z]{2}$", "DE", NGX_OK },
        { "^[A-Z]{2}$", "D", NGX_DECLINED },
        { "^[A-Z]{2,}$", "DEFGH", NGX_OK },
        { "^[+]?[0-9 ()-]{5,20}$", "+49 (30) 12-34", NGX_OK },
        { "^[+]?[0-9 ()-]{5,20}$", "49 30 x", NGX_DECLINED },
        { "^SO-[0-9]+$", "SO-17", NGX_OK },
        { "^SO-[0-9]+$", "SO-", NGX_DECLINED },
        { "^[a-z\\]\\\\-]*$", "a]\\-", NGX_OK },
        { "^[a-z]*$", "\xc3\xa4", NGX_DECLINED },
        { "^$", "", NGX_OK },
        { "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", "de", NGX_OK },
        { "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", "zh-Hant-TW", NGX_OK },
        { "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", "de-", NGX_DECLINED },
        { "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", "de-123456789",
          NGX_DECLINED },
        { "^(ab){2,3}c$", "ababc", NGX_OK },
        { "^(ab){2,3}c$", "abc", NGX_DECLINED },
        { "^(ab){2,3}c$", "ababababc", NGX_DECLINED },
        { "^(a?)+b$", "aab", NGX_OK }, { "^(a*)*$", "", NGX_OK },
        { "^x(a)$", "ya", NGX_DECLINED }, { "^()$", "", NGX_OK },
        { "^(a$", "a", NGX_ERROR }, { "^a)$", "a", NGX_ERROR },
        { "^((a))$", "a", NGX_ERROR }, { "^x([)$", "y", NGX_ERROR },
        { "^(a){$", "", NGX_ERROR },
        { "^[0-9]*[0-9]$", "12", NGX_DECLINED },
        { "[a-z]$", "a", NGX_ERROR }, { "^[a-z]", "a", NGX_ERROR },
        { "^[a-z$", "a", NGX_ERROR }, { "^[]$", "", NGX_ERROR },
        { "^[^a]$", "b", NGX_ERROR }, { "^[z-a]$", "b", NGX_ERROR },
        { "^[a]{2,1}$", "a", NGX_ERROR }, { "^[a]{,2}$", "a", NGX_ERROR },
        { "^[a]{2$", "aa", NGX_ERROR }, { "^(a|b)$", "a", NGX_ERROR },
        { "^.$", "a", NGX_ERROR }, { "^a$b", "a", NGX_ERROR },
        { "^[a-$", "a", NGX_ERROR }, { "^[\\$", "a", NGX_ERROR },
        { "^[a]{99999999}$", "a", NGX_ERROR }, { "", "", NGX_ERROR },
        { "^[b]{3}(", "a", NGX_ERROR }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_int(matches(cases[i].p, cases[i].text), cases[i].rc,
               "pattern %s and \"%s\"", cases[i].p, cases[i].text);
    }
}


int
main(void)
{
    test_text();
    test_numbers();
    test_forms();
    test_patterns();

    return done_testing();
}
