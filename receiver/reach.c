/* SPDX-License-Identifier: MIT */
#include "receiver/reach.h"

#include "net/interfaces.h"

static bool is_wildcard(const struct sl_addr *addr)
{
    if (addr->sa.sa_family == AF_INET6)
        return IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr);
    return addr->in.sin_addr.s_addr == htonl(INADDR_ANY);
}

/* Addresses that a wildcard socket of `bound`'s family can be reached at. */
static int own_addresses(const struct sl_addr *bound, struct sl_addr out[SL_SDP_CANDIDATES])
{
    int count = sl_interfaces_list(out, SL_SDP_CANDIDATES, false);
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (bound->sa.sa_family == AF_INET6 || out[i].sa.sa_family == AF_INET)
            out[kept++] = out[i];
    if (kept == 0) {
        out[kept] = (struct sl_addr){
            .in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
        kept++;
    }
    for (int i = 0; i < kept; i++)
        sl_addr_set_port(&out[i], sl_addr_port(bound));
    return kept;
}

struct sl_addr sl_reach_addr(const struct sl_addr *bound)
{
    if (!is_wildcard(bound))
        return *bound;
    struct sl_addr own[SL_SDP_CANDIDATES];
    (void)own_addresses(bound, own);
    return own[0];
}

void sl_reach_candidates(const struct sl_reach *reach, struct sl_sdp_transport *ret)
{
    if (is_wildcard(&reach->media)) {
        ret->candidate_count = own_addresses(&reach->media, ret->candidates);
    } else {
        ret->candidates[0] = reach->media;
        ret->candidate_count = 1;
    }
    for (int i = 0; i < reach->advertised_count && ret->candidate_count < SL_SDP_CANDIDATES; i++)
        ret->candidates[ret->candidate_count++] = reach->advertised[i];
}
