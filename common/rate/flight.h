/* SPDX-License-Identifier: MIT */
/*
 * Packets in flight: what was sent on each SSRC, and what feedback has said about it since.
 *
 *     sent ──▶ flying ──▶ arrived │ lost │ forgotten (no report reached us, or an outage)
 *
 * A packet is lost when a second report in a row misses it, or when reports have moved on after
 * the first did; if it comes after all, it has arrived. Part of the estimator. Pure; fixed memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "rtp/ccfb.h"

#define SL_FLIGHT_STREAMS 6    /* SSRCs; another replaces the longest silent */
#define SL_FLIGHT_PACKETS 2048 /* remembered of each; a power of two: 0.8 s of 30 Mb/s */

enum sl_flight_state {
    SL_FLIGHT_NONE,
    SL_FLIGHT_FLYING,
    SL_FLIGHT_ARRIVED,
    SL_FLIGHT_LOST,
    SL_FLIGHT_FORGOTTEN,
};

struct sl_flight_packet {
    int64_t seq;
    int64_t frame; /* which frame it belongs to; -1: none */
    sl_ns sent;
    uint16_t bytes;
    uint8_t state;
    bool missed; /* by one report so far */
};

/* sent == flying + arrived + lost + forgotten, in packets. */
struct sl_flight_stats {
    uint64_t sent, arrived, lost, forgotten;
    uint64_t runs; /* of losses next to each other */
    uint32_t flying;
    size_t flying_bytes;
};

struct sl_flight {
    struct sl_flight_stream {
        bool used;
        uint32_t ssrc;
        struct sl_unwrap seqs;
        int64_t unsettled; /* nothing below it is flying */
        sl_ns used_at;
        struct sl_flight_packet packets[SL_FLIGHT_PACKETS];
    } streams[SL_FLIGHT_STREAMS];
    struct sl_flight_stats stats;
};

/* `doubtful`: sent while nothing is known to come through; it does not count as flying. */
void sl_flight_sent(struct sl_flight *flight, uint32_t ssrc, uint16_t seq, size_t bytes,
                    int64_t frame, bool doubtful, sl_ns now);

/* One packet's metric, in a report's order. The packet if this is the first to say it arrived,
 * else NULL. */
const struct sl_flight_packet *sl_flight_hear(struct sl_flight *flight,
                                              const struct sl_ccfb_metric *metric);

/* Nothing that was sent before `before` is waited for any longer. */
void sl_flight_forget(struct sl_flight *flight, sl_ns before);
