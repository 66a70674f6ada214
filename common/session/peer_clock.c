/* SPDX-License-Identifier: MIT */
#include "session/peer_clock.h"

#define WINDOW (5 * SL_SEC)

void sl_peer_clock_rtt(struct sl_peer_clock *clock, sl_ns rtt)
{
    if (rtt < 1)
        rtt = 1; /* 0 means unknown */
    clock->rtt = clock->rtt ? (7 * clock->rtt + rtt) / 8 : rtt;
    if (clock->rtt < 1)
        clock->rtt = 1;
}

void sl_peer_clock_sr(struct sl_peer_clock *clock, sl_ns now, sl_ns remote, sl_ns rtt)
{
    if (clock->current.set && now - clock->since >= WINDOW) {
        clock->previous = clock->current;
        clock->current.set = false;
    }
    if (!clock->current.set)
        clock->since = now;
    if (clock->current.set && rtt > clock->current.rtt)
        return;
    clock->current =
        (struct sl_peer_clock_sample){.set = true, .rtt = rtt, .offset = remote - (now - rtt / 2)};
}

bool sl_peer_clock_offset(const struct sl_peer_clock *clock, sl_ns *offset)
{
    if (!clock->current.set)
        return false;
    const bool older = clock->previous.set && clock->previous.rtt < clock->current.rtt;
    *offset = older ? clock->previous.offset : clock->current.offset;
    return true;
}
