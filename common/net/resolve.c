/* SPDX-License-Identifier: MIT */
#include "net/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define HOST_MAX 256 /* RFC 1035: 253 and what surrounds it */

static int resolve_numeric(struct sl_addr *ret, const char *host, uint16_t port)
{
    char text[HOST_MAX + 16];
    snprintf(text, sizeof(text), strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
    return sl_addr_parse(ret, text);
}

static int resolve_name(struct sl_addr *ret, const char *host, uint16_t port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list;
    const int got = getaddrinfo(host, NULL, &hints, &list);
    if (got == EAI_AGAIN)
        return -EAGAIN;
    if (got != 0)
        return got == EAI_MEMORY ? -ENOMEM : -ENOENT;
    int err = -ENOENT;
    for (const struct addrinfo *at = list; at && err != 0; at = at->ai_next) {
        struct sl_addr addr;
        if (sl_addr_from_sockaddr(&addr, at->ai_addr, at->ai_addrlen) != 0)
            continue;
        sl_addr_set_port(&addr, port);
        *ret = addr;
        err = 0;
    }
    freeaddrinfo(list);
    return err;
}

int sl_resolve(struct sl_addr *ret, const char *host, uint16_t port)
{
    char bare[HOST_MAX];
    size_t len = strlen(host);
    if (len > 1 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    }
    if (!len || len >= sizeof(bare))
        return -EINVAL;
    memcpy(bare, host, len);
    bare[len] = '\0';
    if (resolve_numeric(ret, bare, port) == 0)
        return 0;
    return resolve_name(ret, bare, port);
}

static int parse_port(const char *text, uint16_t *ret)
{
    unsigned value = 0;
    for (int i = 0; text[i]; i++) {
        if (i == 5 || text[i] < '0' || text[i] > '9')
            return -EINVAL;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    if (!text[0] || value > 65535)
        return -EINVAL;
    *ret = (uint16_t)value;
    return 0;
}

int sl_resolve_text(struct sl_addr *ret, const char *text, uint16_t default_port)
{
    char host[HOST_MAX];
    uint16_t port = default_port;
    const char *close = text[0] == '[' ? strchr(text, ']') : NULL;
    const char *colon = strchr(close ? close : text, ':');
    const size_t len = colon ? (size_t)(colon - text) : strlen(text);
    if (len >= sizeof(host) || (!colon && !default_port))
        return -EINVAL;
    if (colon && parse_port(colon + 1, &port) != 0)
        return -EINVAL;
    memcpy(host, text, len);
    host[len] = '\0';
    return sl_resolve(ret, host, port);
}
