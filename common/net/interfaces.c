/* SPDX-License-Identifier: MIT */
#include "net/interfaces.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>

static bool usable(const struct ifaddrs *at, int family, bool include_loopback)
{
    if (!at->ifa_addr || at->ifa_addr->sa_family != family || !(at->ifa_flags & IFF_UP))
        return false;
    if ((at->ifa_flags & IFF_LOOPBACK) && !include_loopback)
        return false;
    if (family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)at->ifa_addr;
        return !IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr);
    }
    return true;
}

int sl_interfaces_list(struct sl_addr *out, int max, bool include_loopback)
{
    static const int families[] = {AF_INET, AF_INET6};
    struct ifaddrs *list;
    if (getifaddrs(&list) != 0)
        return -errno;
    int count = 0;
    for (size_t i = 0; i < SL_COUNT(families); i++) {
        const socklen_t len =
            families[i] == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
        for (const struct ifaddrs *at = list; at && count < max; at = at->ifa_next)
            if (usable(at, families[i], include_loopback) &&
                sl_addr_from_sockaddr(&out[count], at->ifa_addr, len) == 0)
                count++;
    }
    freeifaddrs(list);
    return count;
}
