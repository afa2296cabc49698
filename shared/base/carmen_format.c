
#include <carmen_core.h>
#include "carmen_format.h"

#include <math.h>


#define carmen_is_hex(c)                                                      \
    (carmen_is_digit(c) || (u_char) (((c) | 0x20) - 'a') < 6)


/*
 * ISO 4217:2015, list one, as amended to January 2026 (XCG for ANG, no BGN
 * and HRK).  Without funds, precious metals, bond units and test codes.
 */

static const char  carmen_currencies[] =
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL "
    "BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP "
    "DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG "
    "HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD "
    "KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK "
    "MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR "
    "RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP "
    "SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND "
    "VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG ";


static ngx_uint_t carmen_format_ymd(const u_char *p, ngx_uint_t *last);


ngx_int_t
carmen_utf8_length(const u_char *p, size_t len)
{
    u_char         c;
    ngx_int_t      n;
    ngx_uint_t     more;
    uint32_t       code, least;
    const u_char  *end;

    n = 0;
    end = p + len;

    while (p < end) {
        c = *p++;
        n++;

        if (c < 0x80) {
            continue;
        }

        if (c < 0xc2 || c > 0xf4) {
            return NGX_ERROR;
        }

        if (c < 0xe0) {
            more = 1;
            code = c & 0x1f;
            least = 0x80;

        } else if (c < 0xf0) {
            more = 2;
            code = c & 0x0f;
            least = 0x800;

        } else {
            more = 3;
            code = c & 0x07;
            least = 0x10000;
        }

        if ((size_t) (end - p) < more) {
            return NGX_ERROR;
        }

        while (more--) {
            if ((*p & 0xc0) != 0x80) {
                return NGX_ERROR;
            }

            code = (code << 6) | (*p++ & 0x3f);
        }

        if (code < least || code > 0x10ffff
            || (code >= 0xd800 && code <= 0xdfff))
        {
            return NGX_ERROR;
        }
    }

    return n;
}


ngx_uint_t
carmen_format_text(const u_char *p, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (p[i] < 0x20 || p[i] == 0x7f) {
            return 0;
        }
    }

    return carmen_utf8_length(p, len) != NGX_ERROR;
}


ngx_int_t
carmen_format_integer(const u_char *p, size_t len, int64_t *value)
{
    uint64_t    n, limit;
    ngx_uint_t  minus, digit;

    minus = (len && *p == '-');
    p += minus;
    len -= minus;

    if (len == 0 || len > 19 || (*p == '0' && len > 1)) {
        return NGX_DECLINED;
    }

    limit = (uint64_t) INT64_MAX + minus;

    for (n = 0; len; p++, len--) {
        digit = (u_char) (*p - '0');

        if (digit > 9 || n > (limit - digit) / 10) {
            return NGX_DECLINED;
        }

        n = n * 10 + digit;
    }

    *value = (int64_t) (minus ? 0 - n : n);

    return NGX_OK;
}


ngx_int_t
carmen_format_number(const u_char *p, size_t len, double *value)
{
    char           text[64], *stop;
    const u_char  *s, *end;

    if (len == 0 || len >= sizeof(text)) {
        return NGX_DECLINED;
    }

    s = p;
    end = p + len;

    s += (*s == '-');

    if (s == end || !carmen_is_digit(*s)) {
        return NGX_DECLINED;
    }

    if (*s == '0') {
        s++;

    } else {
        while (s < end && carmen_is_digit(*s)) { s++; }
    }

    if (s < end && *s == '.') {
        s++;

        if (s == end || !carmen_is_digit(*s)) {
            return NGX_DECLINED;
        }

        while (s < end && carmen_is_digit(*s)) { s++; }
    }

    if (s < end && (*s | 0x20) == 'e') {
        s++;

        if (s < end && (*s == '+' || *s == '-')) {
            s++;
        }

        if (s == end || !carmen_is_digit(*s)) {
            return NGX_DECLINED;
        }

        while (s < end && carmen_is_digit(*s)) { s++; }
    }

    if (s != end) {
        return NGX_DECLINED;
    }

    ngx_memcpy(text, p, len);
    text[len] = '\0';

    /* nginx never calls setlocale(): the decimal point is a point */

    *value = strtod(text, &stop);

    return (*stop == '\0' && isfinite(*value)) ? NGX_OK : NGX_DECLINED;
}


ngx_uint_t
carmen_format_uuid(const u_char *p, size_t len)
{
    size_t  i;

    if (len != 36) {
        return 0;
    }

    for (i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (p[i] != '-') {
                return 0;
            }

        } else if (!carmen_is_hex(p[i])) {
            return 0;
        }
    }

    return 1;
}


/* "99", or -1 */

static ngx_inline ngx_int_t
carmen_format_two(const u_char *p)
{
    if (!carmen_is_digit(p[0]) || !carmen_is_digit(p[1])) {
        return -1;
    }

    return (p[0] - '0') * 10 + (p[1] - '0');
}


/* ten bytes; *last is set when the day is the last one of its month */

static ngx_uint_t
carmen_format_ymd(const u_char *p, ngx_uint_t *last)
{
    ngx_int_t  century, year, month, day, days;

    static const u_char  lengths[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    century = carmen_format_two(p);
    year = carmen_format_two(p + 2);
    month = carmen_format_two(p + 5);
    day = carmen_format_two(p + 8);

    if (century < 0 || year < 0 || p[4] != '-' || p[7] != '-') {
        return 0;
    }

    year += century * 100;

    if (year < 1 || month < 1 || month > 12) {
        return 0;
    }

    days = lengths[month - 1];

    if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) {
        days = 29;
    }

    if (last) {
        *last = (day == days);
    }

    return day >= 1 && day <= days;
}


ngx_uint_t
carmen_format_date(const u_char *p, size_t len)
{
    return len == 10 && carmen_format_ymd(p, NULL);
}


ngx_uint_t
carmen_format_timestamp(const u_char *p, size_t len)
{
    size_t         n;
    ngx_int_t      hour, minute, second, oh, om, utc;
    const u_char  *end;

    end = p + len;

    /* 2026-01-02T03:04:05Z */

    if (len < 20 || !carmen_format_ymd(p, NULL) || (p[10] | 0x20) != 't'
        || p[13] != ':' || p[16] != ':')
    {
        return 0;
    }

    hour = carmen_format_two(p + 11);
    minute = carmen_format_two(p + 14);
    second = carmen_format_two(p + 17);

    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0
        || second > 60)
    {
        return 0;
    }

    p += 19;

    if (*p == '.') {
        for (n = 0, p++; p < end && carmen_is_digit(*p); p++) {
            n++;
        }

        if (n < 1 || n > 9 || p == end) {
            return 0;
        }
    }

    oh = 0;
    om = 0;

    if ((*p | 0x20) == 'z') {
        if (p + 1 != end) {
            return 0;
        }

    } else {
        if ((*p != '+' && *p != '-') || end - p != 6 || p[3] != ':') {
            return 0;
        }

        oh = carmen_format_two(p + 1);
        om = carmen_format_two(p + 4);

        if (oh < 0 || oh > 15 || om < 0 || om > 59) {
            return 0;
        }

        if (*p == '-') {
            oh = -oh;
            om = -om;
        }
    }

    if (second == 60) {
        utc = (hour - oh) * 60 + minute - om;

        return (utc + 2 * 1440) % 1440 == 1439;
    }

    return 1;
}


ngx_uint_t
carmen_format_email(const u_char *p, size_t len)
{
    size_t         local, label, labels, digits;
    u_char         prev;
    const u_char  *at, *end;

    static const char  atext[] = "!#$%&'*+-/=?^_`{|}~";

    if (len > 254 || carmen_utf8_length(p, len) == NGX_ERROR) {
        return 0;
    }

    end = p + len;

    for (at = p, prev = '.'; at < end && *at != '@'; prev = *at, at++) {
        if (*at == '.') {
            if (prev == '.') {
                return 0;
            }

        } else if (*at < 0x80 && !carmen_is_alnum(*at)
                   && (*at == '\0' || strchr(atext, *at) == NULL))
        {
            return 0;
        }
    }

    local = at - p;

    if (at == end || local < 1 || local > 64 || prev == '.') {
        return 0;
    }

    label = 0;
    labels = 1;
    digits = 0;
    prev = '.';

    for (p = at + 1; p < end; prev = *p, p++) {

        if (*p == '.') {
            if (label == 0 || prev == '-') {
                return 0;
            }

            label = 0;
            digits = 0;
            labels++;
            continue;
        }

        if (*p == '-' ? label == 0 : (*p < 0x80 && !carmen_is_alnum(*p))) {
            return 0;
        }

        digits += carmen_is_digit(*p);

        if (++label > 63) {
            return 0;
        }
    }

    /* a domain whose last label is a number is an address */

    return labels >= 2 && label > digits && prev != '-';
}


/* a URI's host and port, up to "end" */

static ngx_uint_t
carmen_format_authority(const u_char *p, const u_char *end)
{
    ngx_uint_t     port;
    const u_char  *host;

    host = p;

    if (p < end && *p == '[') {
        for (p++; p < end && *p != ']'; p++) {
            if (!carmen_is_hex(*p) && *p != ':' && *p != '.') {
                return 0;
            }
        }

        if (p == end || p - host < 3) {
            return 0;
        }

        p++;

    } else {
        while (p < end && *p != ':') {
            if (*p == '@' || *p == '[' || *p == ']') {
                return 0;
            }

            p++;
        }

        if (p == host) {
            return 0;
        }
    }

    if (p == end) {
        return 1;
    }

    if (*p++ != ':' || end - p < 1 || end - p > 5) {
        return 0;
    }

    for (port = 0; p < end; p++) {
        if (!carmen_is_digit(*p)) {
            return 0;
        }

        port = port * 10 + (*p - '0');
    }

    return port > 0 && port < 65536;
}


ngx_uint_t
carmen_format_uri(const u_char *p, size_t len)
{
    size_t         i;
    const u_char  *end, *s;

    static const char  marks[] = "-._~:/?#[]@!$&'()*+,;=";

    end = p + len;

    for (i = 0; i < len; i++) {
        if (p[i] == '%') {
            if (len - i < 3 || !carmen_is_hex(p[i + 1])
                || !carmen_is_hex(p[i + 2]))
            {
                return 0;
            }

        } else if (!carmen_is_alnum(p[i])
                   && (p[i] == '\0' || strchr(marks, p[i]) == NULL))
        {
            return 0;
        }
    }

    if (len > 8 && strncasecmp((const char *) p, "https://", 8) == 0) {
        p += 8;

    } else if (len > 7 && strncasecmp((const char *) p, "http://", 7) == 0) {
        p += 7;

    } else {
        return 0;
    }

    for (s = p; s < end && *s != '/' && *s != '?' && *s != '#'; s++) {
        /* void */
    }

    if (!carmen_format_authority(p, s)) {
        return 0;
    }

    for (i = 0; s < end; s++) {
        if (*s == '[' || *s == ']') {
            return 0;
        }

        i += (*s == '#');
    }

    return i <= 1;
}


ngx_uint_t
carmen_format_currency(const u_char *p, size_t len)
{
    int     diff;
    size_t  low, high, mid;

    if (len != 3) {
        return 0;
    }

    low = 0;
    high = (sizeof(carmen_currencies) - 1) / 4;

    while (low < high) {
        mid = (low + high) / 2;
        diff = ngx_memcmp(p, carmen_currencies + mid * 4, 3);

        if (diff == 0) {
            return 1;
        }

        if (diff < 0) {
            high = mid;

        } else {
            low = mid + 1;
        }
    }

    return 0;
}


ngx_uint_t
carmen_format_gtin(const u_char *p, size_t len)
{
    size_t      i;
    ngx_uint_t  sum, weight;

    if (len != 8 && len != 12 && len != 13 && len != 14) {
        return 0;
    }

    sum = 0;
    weight = 1;

    /* from the right, the check digit included: a multiple of ten */

    for (i = len; i-- > 0; weight = 4 - weight) {
        if (!carmen_is_digit(p[i])) {
            return 0;
        }

        sum += (p[i] - '0') * weight;
    }

    return sum % 10 == 0;
}


ngx_uint_t
carmen_format_code(const u_char *p, size_t len)
{
    size_t  i;

    if (len == 0 || !carmen_is_alnum(p[0])) {
        return 0;
    }

    for (i = 1; i < len; i++) {
        if (!carmen_is_alnum(p[i]) && p[i] != '.' && p[i] != '_'
            && p[i] != ':' && p[i] != '-')
        {
            return 0;
        }
    }

    return 1;
}
