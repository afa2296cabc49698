
#include "carmen_base64url.h"


u_char *
carmen_base64url_encode(u_char *dst, const u_char *src, size_t len)
{
    uint32_t  v;

    static const u_char  chars[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    for ( /* void */ ; len >= 3; len -= 3, src += 3) {
        v = (uint32_t) src[0] << 16 | (uint32_t) src[1] << 8 | src[2];

        *dst++ = chars[v >> 18];
        *dst++ = chars[v >> 12 & 63];
        *dst++ = chars[v >> 6 & 63];
        *dst++ = chars[v & 63];
    }

    if (len) {
        v = (uint32_t) src[0] << 16;

        if (len == 2) {
            v |= (uint32_t) src[1] << 8;
        }

        *dst++ = chars[v >> 18];
        *dst++ = chars[v >> 12 & 63];

        if (len == 2) {
            *dst++ = chars[v >> 6 & 63];
        }
    }

    return dst;
}


static ngx_inline uint32_t
base64url_value(u_char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    return c == '-' ? 62 : c == '_' ? 63 : 0x80000000;
}


ngx_int_t
carmen_base64url_decode(u_char *dst, const u_char *src, size_t len)
{
    uint32_t  v;

    for ( /* void */ ; len >= 4; len -= 4, src += 4) {
        v = base64url_value(src[0]);

        if ((v | base64url_value(src[1]) | base64url_value(src[2])
             | base64url_value(src[3]))
            & 0x80000000)
        {
            return NGX_DECLINED;
        }

        v = v << 18 | base64url_value(src[1]) << 12
            | base64url_value(src[2]) << 6 | base64url_value(src[3]);

        *dst++ = (u_char) (v >> 16);
        *dst++ = (u_char) (v >> 8);
        *dst++ = (u_char) v;
    }

    switch (len) {

    case 0:
        return NGX_OK;

    case 2:
        v = base64url_value(src[0]);

        if ((v | base64url_value(src[1])) & 0x80000000) {
            return NGX_DECLINED;
        }

        v = v << 18 | base64url_value(src[1]) << 12;
        *dst = (u_char) (v >> 16);

        return v & 0xffff ? NGX_DECLINED : NGX_OK;

    case 3:
        v = base64url_value(src[0]);

        if ((v | base64url_value(src[1]) | base64url_value(src[2]))
            & 0x80000000)
        {
            return NGX_DECLINED;
        }

        v = v << 18 | base64url_value(src[1]) << 12
            | base64url_value(src[2]) << 6;
        *dst++ = (u_char) (v >> 16);
        *dst = (u_char) (v >> 8);

        return v & 0xff ? NGX_DECLINED : NGX_OK;

    default:
        return NGX_DECLINED;
    }
}
