/* SPDX-License-Identifier: MIT */
/*
 * The peer's distance: round-trip time, and how far its clock is from ours.
 *
 * An offset sample is (remote NTP of an SR) - (our NTP when it came - RTT/2). It is wrong by at
 * most RTT/2 when taken, and by more the older it gets, since clocks drift: the sample with the
 * smallest bound of the two together holds. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"

/* Zero-initialised is ready. */
struct sl_peer_clock {
    sl_ns rtt;  /* smoothed; 0 unknown */
    bool known; /* the rest is set */
    sl_ns offset, bound, at;
};

void sl_peer_clock_rtt(struct sl_peer_clock *clock, sl_ns rtt);

/* An SR with the NTP time `remote` (as ns of our clock's scale) came at `now`, `rtt` measured with
 * it. */
void sl_peer_clock_sr(struct sl_peer_clock *clock, sl_ns now, sl_ns remote, sl_ns rtt);

/* Remote clock minus ours. False: not known yet, `*offset` untouched. */
bool sl_peer_clock_offset(const struct sl_peer_clock *clock, sl_ns *offset);
