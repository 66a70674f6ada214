/* SPDX-License-Identifier: MIT */
/*
 * Timeline: when what a camera stamped was captured, on our clock.
 *
 * A camera's timestamps say exactly how far its pictures are apart, but not when they were taken;
 * their arrivals say when, but shaken by the network. The fastest arrivals of the last half minute
 * tie the one to the other (jitter/clock.h, which follows the camera's clock as it drifts). The
 * moment is one at which a picture would arrive at its fastest: what the camera itself took is not
 * known to anybody. It is never later than the arrival.
 *
 * Picture and sound of one camera are tied together by its sender reports; where they differ by
 * more than a second they are not believed. Pure. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"
#include "jitter/clock.h"

struct sl_timeline {
    struct sl_media_clock clock;
    bool reported;
    uint32_t report_timestamp;
    sl_ns report_at; /* the same moment on the camera's wall clock */
};

void sl_timeline_init(struct sl_timeline *line, uint32_t hz);

/* A sender report: NTP time (Q32.32) of an RTP timestamp. */
void sl_timeline_report(struct sl_timeline *line, uint64_t ntp, uint32_t timestamp);

/* When `timestamp`, of which the first part came at `arrival`, was captured. `other` is the other
 * stream of the camera, or NULL. */
sl_ns sl_timeline_place(struct sl_timeline *line, const struct sl_timeline *other,
                        uint32_t timestamp, sl_ns arrival);
