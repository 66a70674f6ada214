/* SPDX-License-Identifier: MIT */
/*
 * Internet addresses as values: compared, printed, parsed. No resolving here
 * (net/resolve does that). IPv4-mapped IPv6 addresses are stored as IPv4.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/types.h"

struct sl_addr {
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    };
};

/* Where a datagram goes and which of our addresses it uses. local may be AF_UNSPEC (any). */
struct sl_path {
    struct sl_addr remote;
    struct sl_addr local; /* the port is not looked at */
};

#define SL_ADDR_TEXT 64 /* "[v6 address]:65535" and NUL */

/* "1.2.3.4:5", "[::1]:5". 0 or -EINVAL. */
SL_MUST_CHECK int sl_addr_parse(struct sl_addr *ret, const char *text);
/* Into `out`, always terminated; returns `out`. Unspecified prints "-". */
const char *sl_addr_text(const struct sl_addr *addr, char out[SL_ADDR_TEXT]);
/* Host part only, no brackets. */
const char *sl_addr_host(const struct sl_addr *addr, char out[SL_ADDR_TEXT]);

bool sl_addr_equal(const struct sl_addr *a, const struct sl_addr *b); /* host and port */
bool sl_addr_same_host(const struct sl_addr *a, const struct sl_addr *b);
bool sl_addr_is_set(const struct sl_addr *addr);
uint32_t sl_addr_hash(const struct sl_addr *addr);
uint16_t sl_addr_port(const struct sl_addr *addr);
void sl_addr_set_port(struct sl_addr *addr, uint16_t port);
socklen_t sl_addr_len(const struct sl_addr *addr);
/* From a kernel's sockaddr; unmaps ::ffff:a.b.c.d. 0 or -EAFNOSUPPORT. */
SL_MUST_CHECK int sl_addr_from_sockaddr(struct sl_addr *ret, const struct sockaddr *sa,
                                        socklen_t len);
