/* SPDX-License-Identifier: MIT */
#include "session/peer_clock.h"

/* What two clocks may drift apart: 200 ppm, more than two cheap crystals do. */
#define DRIFT_PER 5000

void sl_peer_clock_rtt(struct sl_peer_clock *clock, sl_ns rtt)
{
    clock->rtt = clock->rtt ? (7 * clock->rtt + rtt) / 8 : rtt;
    if (clock->rtt < 1)
        clock->rtt = 1; /* 0 means unknown */
}

void sl_peer_clock_sr(struct sl_peer_clock *clock, sl_ns now, sl_ns remote, sl_ns rtt)
{
    const sl_ns bound = rtt / 2;
    if (clock->known && bound > clock->bound + (now - clock->at) / DRIFT_PER)
        return;
    clock->known = true;
    clock->offset = remote - (now - bound);
    clock->bound = bound;
    clock->at = now;
}

bool sl_peer_clock_offset(const struct sl_peer_clock *clock, sl_ns *offset)
{
    if (clock->known)
        *offset = clock->offset;
    return clock->known;
}
