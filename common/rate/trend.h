/* SPDX-License-Identifier: MIT */
/*
 * Delay trend: is a queue building up on the way?
 *
 *     one sample a frame ──▶ line through the last 20 ──▶ rise over the window > threshold: RISING
 *                       └──▶ least of half a second, above the path's own delay: STANDING
 *
 * The line is that of Google's congestion control (draft-ietf-rmcat-gcc-02 section 5), with two
 * changes. The rise is measured in milliseconds over the window, not per sample, so that frame
 * rates compare. A sample counts as the lesser of itself and its predecessor, so that one large
 * key frame, whose last packet is late by nature, is no rise.
 *
 * A queue that stands without rising is found by the least delay seen in 30 s: a drain, once full,
 * has no slope. Pure; fixed memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"

#define SL_TREND_POINTS 20

enum sl_trend_state { SL_TREND_STEADY, SL_TREND_RISING, SL_TREND_STANDING };

struct sl_trend {
    struct {
        sl_ns at;
        double delay_ms;
    } points[SL_TREND_POINTS]; /* ring */
    size_t count, next;
    bool started;
    sl_ns zero;          /* delays count from the first; the clocks' offset drops out */
    double last_ms;      /* the sample before, unfiltered */
    double threshold_ms; /* of the rise; follows the noise of the path */
    sl_ns adapted_at;
    double base_ms[2]; /* least delay of this and of the last 15 s */
    sl_ns base_since;
    double rise_ms;
};

void sl_trend_init(struct sl_trend *trend);

/* A frame's last packet was sent at `sent` and took `delay` (by clocks that need not agree). */
enum sl_trend_state sl_trend_add(struct sl_trend *trend, sl_ns sent, sl_ns delay);

/* The queue on the way: least delay of the last 5 samples over the least of 30 s. */
sl_ns sl_trend_queue(const struct sl_trend *trend);
/* By how much a packet's `delay` is more than the least of 30 s; 0 for SL_NEVER. */
sl_ns sl_trend_excess(const struct sl_trend *trend, sl_ns delay);

/* Starts the line anew: the rate was just changed. */
void sl_trend_clear(struct sl_trend *trend);

/* What is seen now is the path's own delay, not a queue. */
void sl_trend_rebase(struct sl_trend *trend);
