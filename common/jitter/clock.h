/* SPDX-License-Identifier: MIT */
/*
 * Media clock: when a timestamp would arrive if the network were at its fastest.
 *
 * The transit time of a frame is its arrival minus its timestamp. The smallest of the last half
 * minute is the fastest way through; what a frame took beyond it is delay by queues and repair. A
 * sender's clock that runs fast or slow tilts the transits: the tilt is measured between the
 * minima of the older and of the newer half, and taken out. Timestamps that jump by more than 10 s
 * start it anew. Pure; fixed memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

#define SL_MEDIA_CLOCK_BUCKETS 16

struct sl_media_clock {
    uint32_t hz;
    bool started;
    uint32_t last_timestamp;
    int64_t ticks; /* last_timestamp without wraps */
    struct {
        sl_ns at;      /* stream time of the minimum */
        sl_ns transit; /* the minimum */
    } buckets[SL_MEDIA_CLOCK_BUCKETS];
    size_t count, newest;
    int64_t bucket_number;
    double skew; /* seconds per second */
    bool jitter_started;
    sl_ns jitter_transit;
    double jitter; /* ns */
};

void sl_media_clock_init(struct sl_media_clock *clock, uint32_t hz);

/* The first packet of a timestamp arrived: the estimate of RFC 3550's jitter. */
void sl_media_clock_began(struct sl_media_clock *clock, uint32_t timestamp, sl_ns arrival);

/* Everything of `timestamp` was there at `arrival`. */
void sl_media_clock_observe(struct sl_media_clock *clock, uint32_t timestamp, sl_ns arrival);

/* The earliest moment to expect `timestamp`; SL_NEVER before the first observation. */
sl_ns sl_media_clock_fastest(const struct sl_media_clock *clock, uint32_t timestamp);
