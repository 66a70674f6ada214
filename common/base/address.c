/* SPDX-License-Identifier: MIT */
#include "base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int parse_port(const char *text, uint16_t *ret)
{
    unsigned value = 0;
    if (!*text || strlen(text) > 5)
        return -EINVAL;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -EINVAL;
        value = value * 10 + (unsigned)(*text - '0');
    }
    if (value > 65535)
        return -EINVAL;
    *ret = (uint16_t)value;
    return 0;
}

static void set_v4(struct sl_addr *addr, const void *bytes, in_port_t port)
{
    memset(addr, 0, sizeof(*addr));
    addr->in.sin_family = AF_INET;
    addr->in.sin_port = port;
    memcpy(&addr->in.sin_addr, bytes, 4);
}

static void set_v6(struct sl_addr *addr, const struct in6_addr *v6, in_port_t port, uint32_t scope)
{
    if (IN6_IS_ADDR_V4MAPPED(v6)) {
        set_v4(addr, v6->s6_addr + 12, port);
        return;
    }
    memset(addr, 0, sizeof(*addr));
    addr->in6.sin6_family = AF_INET6;
    addr->in6.sin6_port = port;
    addr->in6.sin6_addr = *v6;
    addr->in6.sin6_scope_id = scope;
}

int sl_addr_parse(struct sl_addr *ret, const char *text)
{
    char host[INET6_ADDRSTRLEN];
    const bool bracket = text[0] == '[';
    const char *start = text + bracket;
    const char *end = bracket ? strchr(start, ']') : strrchr(start, ':');
    if (!end || end[bracket] != ':' || (size_t)(end - start) >= sizeof(host))
        return -EINVAL;
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';
    uint16_t port;
    if (parse_port(end + bracket + 1, &port) != 0)
        return -EINVAL;

    if (bracket) {
        struct in6_addr v6;
        if (inet_pton(AF_INET6, host, &v6) != 1)
            return -EINVAL;
        set_v6(ret, &v6, htons(port), 0);
    } else {
        struct in_addr v4;
        if (inet_pton(AF_INET, host, &v4) != 1)
            return -EINVAL;
        set_v4(ret, &v4, htons(port));
    }
    return 0;
}

const char *sl_addr_host(const struct sl_addr *addr, char out[SL_ADDR_TEXT])
{
    if (addr->sa.sa_family == AF_INET)
        inet_ntop(AF_INET, &addr->in.sin_addr, out, SL_ADDR_TEXT);
    else if (addr->sa.sa_family == AF_INET6)
        inet_ntop(AF_INET6, &addr->in6.sin6_addr, out, SL_ADDR_TEXT);
    else
        snprintf(out, SL_ADDR_TEXT, "-");
    return out;
}

const char *sl_addr_text(const struct sl_addr *addr, char out[SL_ADDR_TEXT])
{
    char host[SL_ADDR_TEXT];
    sl_addr_host(addr, host);
    if (addr->sa.sa_family == AF_INET)
        snprintf(out, SL_ADDR_TEXT, "%.45s:%u", host, sl_addr_port(addr));
    else if (addr->sa.sa_family == AF_INET6)
        snprintf(out, SL_ADDR_TEXT, "[%.45s]:%u", host, sl_addr_port(addr));
    else
        snprintf(out, SL_ADDR_TEXT, "-");
    return out;
}

bool sl_addr_same_host(const struct sl_addr *a, const struct sl_addr *b)
{
    if (a->sa.sa_family != b->sa.sa_family)
        return false;
    if (a->sa.sa_family == AF_INET)
        return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
    if (a->sa.sa_family == AF_INET6)
        return memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 16) == 0 &&
               a->in6.sin6_scope_id == b->in6.sin6_scope_id;
    return true;
}

bool sl_addr_equal(const struct sl_addr *a, const struct sl_addr *b)
{
    return sl_addr_same_host(a, b) && sl_addr_port(a) == sl_addr_port(b);
}

bool sl_addr_is_set(const struct sl_addr *addr)
{
    return addr->sa.sa_family == AF_INET || addr->sa.sa_family == AF_INET6;
}

/* FNV-1a with a final mix. */
uint32_t sl_addr_hash(const struct sl_addr *addr)
{
    const uint8_t *host = NULL;
    size_t len = 0;
    if (addr->sa.sa_family == AF_INET) {
        host = (const uint8_t *)&addr->in.sin_addr;
        len = 4;
    } else if (addr->sa.sa_family == AF_INET6) {
        host = addr->in6.sin6_addr.s6_addr;
        len = 16;
    }
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ host[i]) * 16777619u;
    hash = (hash ^ (sl_addr_port(addr) & 0xff)) * 16777619u;
    hash = (hash ^ (sl_addr_port(addr) >> 8)) * 16777619u;
    return hash ^ (hash >> 15);
}

uint16_t sl_addr_port(const struct sl_addr *addr)
{
    if (addr->sa.sa_family == AF_INET)
        return ntohs(addr->in.sin_port);
    if (addr->sa.sa_family == AF_INET6)
        return ntohs(addr->in6.sin6_port);
    return 0;
}

void sl_addr_set_port(struct sl_addr *addr, uint16_t port)
{
    if (addr->sa.sa_family == AF_INET)
        addr->in.sin_port = htons(port);
    else if (addr->sa.sa_family == AF_INET6)
        addr->in6.sin6_port = htons(port);
}

socklen_t sl_addr_len(const struct sl_addr *addr)
{
    return addr->sa.sa_family == AF_INET6 ? sizeof(addr->in6) : sizeof(addr->in);
}

int sl_addr_from_sockaddr(struct sl_addr *ret, const struct sockaddr *sa, socklen_t len)
{
    if (len >= sizeof(struct sockaddr_in) && sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof(in));
        set_v4(ret, &in.sin_addr, in.sin_port);
        return 0;
    }
    if (len >= sizeof(struct sockaddr_in6) && sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof(in6));
        set_v6(ret, &in6.sin6_addr, in6.sin6_port, in6.sin6_scope_id);
        return 0;
    }
    return -EAFNOSUPPORT;
}
