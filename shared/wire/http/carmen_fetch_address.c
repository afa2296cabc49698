
/* Addresses that a URL from outside must not lead to. */

#include <carmen_core.h>
#include "carmen_fetch.h"


typedef struct {
    in_addr_t  addr;
    in_addr_t  mask;
} carmen_cidr_t;


/* the IANA IPv4 special-purpose registry, RFC 6890, and multicast */

static const carmen_cidr_t  carmen_special[] = {
    { 0x00000000, 0xff000000 },      /* 0.0.0.0/8 */
    { 0x0a000000, 0xff000000 },      /* 10.0.0.0/8 */
    { 0x64400000, 0xffc00000 },      /* 100.64.0.0/10 */
    { 0x7f000000, 0xff000000 },      /* 127.0.0.0/8 */
    { 0xa9fe0000, 0xffff0000 },      /* 169.254.0.0/16 */
    { 0xac100000, 0xfff00000 },      /* 172.16.0.0/12 */
    { 0xc0000000, 0xffffff00 },      /* 192.0.0.0/24 */
    { 0xc0000200, 0xffffff00 },      /* 192.0.2.0/24 */
    { 0xc0586300, 0xffffff00 },      /* 192.88.99.0/24 */
    { 0xc0a80000, 0xffff0000 },      /* 192.168.0.0/16 */
    { 0xc6120000, 0xfffe0000 },      /* 198.18.0.0/15 */
    { 0xc6336400, 0xffffff00 },      /* 198.51.100.0/24 */
    { 0xcb007100, 0xffffff00 },      /* 203.0.113.0/24 */
    { 0xe0000000, 0xf0000000 },      /* 224.0.0.0/4 */
    { 0xf0000000, 0xf0000000 },      /* 240.0.0.0/4 */
};


static ngx_uint_t
carmen_fetch_private_v4(in_addr_t addr)
{
    ngx_uint_t  i;

    for (i = 0; i < sizeof(carmen_special) / sizeof(carmen_cidr_t); i++) {
        if ((addr & carmen_special[i].mask) == carmen_special[i].addr) {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
carmen_fetch_private(struct sockaddr *sa)
{
    u_char               *p;
    in_addr_t             v4;
    ngx_uint_t            i;
    struct sockaddr_in   *sin;
    struct sockaddr_in6  *sin6;

    if (sa->sa_family == AF_INET) {
        sin = (struct sockaddr_in *) sa;
        return carmen_fetch_private_v4(ntohl(sin->sin_addr.s_addr));
    }

    if (sa->sa_family != AF_INET6) {
        return 1;
    }

    sin6 = (struct sockaddr_in6 *) sa;
    p = sin6->sin6_addr.s6_addr;

    v4 = (in_addr_t) p[12] << 24 | p[13] << 16 | p[14] << 8 | p[15];

    /* ::, ::1, ::ffff:0:0/96 and the deprecated ::/96 */

    for (i = 0; i < 10 && p[i] == 0; i++) { /* void */ }

    if (i == 10) {
        if (p[10] == 0xff && p[11] == 0xff) {
            return carmen_fetch_private_v4(v4);
        }

        return 1;
    }

    /* 64:ff9b::/96, and 64:ff9b:1::/48 */

    if (p[0] == 0x00 && p[1] == 0x64 && p[2] == 0xff && p[3] == 0x9b) {
        return p[5] == 0x01 || carmen_fetch_private_v4(v4);
    }

    /* 2002::/16 carries an IPv4 address, 2001::/32 tunnels to one */

    if (p[0] == 0x20 && p[1] == 0x02) {
        v4 = (in_addr_t) p[2] << 24 | p[3] << 16 | p[4] << 8 | p[5];
        return carmen_fetch_private_v4(v4);
    }

    if (p[0] == 0x20 && p[1] == 0x01) {
        return (p[2] < 0x02) || (p[2] == 0x0d && p[3] == 0xb8);
    }

    return (p[0] & 0xfe) == 0xfc                       /* fc00::/7 */
           || (p[0] == 0xfe && (p[1] & 0x80) == 0x80)  /* fe80::/10, fec0:: */
           || p[0] == 0xff                             /* multicast */
           || p[0] == 0x01;                            /* 100::/64 */
}
