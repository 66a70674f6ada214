/* SPDX-License-Identifier: MIT */
/*
 * Record clock: when each unit of a stream was captured, by our monotonic clock, from what its
 * packets say. Times go up strictly and without a jump as long as the stream does; how fast the
 * sender's clock runs is measured and taken out.
 *
 *     timestamp ─▶ predicted: one more interval, at the rate found so far ─┐
 *     capture time of the packet, by our clock ─┐                          ├─▶ time
 *     without: arrival, the network at its fastest (jitter/clock.h) ─┴─ pulls gently ┘
 *
 * Where the two part by more than SL_RECORD_CLOCK_TRUST, arrival says which of them jumped:
 * timestamps that did are counted anew from there on, capture times that did are believed once they
 * insist. Units are given in the order of decoding. Pure; fixed memory.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"
#include "jitter/clock.h"

#define SL_RECORD_CLOCK_TRUST (250 * SL_MS)

struct sl_record_clock {
    uint32_t hz;
    bool started;
    uint32_t timestamp; /* of the last unit; so are these: */
    sl_ns reference, arrived, time;
    double skew;        /* seconds per second */
    sl_ns parted_since; /* SL_NEVER: prediction and reference agree */
    struct sl_media_clock media;
    uint64_t jumps; /* of timestamps */
};

void sl_record_clock_init(struct sl_record_clock *clock, uint32_t hz);

/* `capture`: by our monotonic clock, SL_NEVER: not told. The time of the unit. */
sl_ns sl_record_clock_next(struct sl_record_clock *clock, uint32_t timestamp, sl_ns capture,
                           sl_ns arrived);
