/* SPDX-License-Identifier: MIT */
/*
 * Estimator: what the link takes, seen from the sender.
 *
 *     sent() ──▶ [ packets in flight ] ◀── feedback() (RFC 8888)
 *                        │
 *                        ├─▶ delay trend of frames ─┐
 *                        ├─▶ loss ──────────────────┼─▶ bps
 *                        ├─▶ delivered rate, RTT ───┘
 *                        └─▶ silence ──▶ outage
 *
 * A queue that builds up or stands cuts the estimate to 0.85 x what was delivered; otherwise it
 * grows, by a fifth a second far from the rate of the last congestion (more if frames are seen to
 * come through much faster), by a packet per round near it. Loss alone cuts above 10 %, and not
 * again if cutting does not help. What the stream does not use cannot be known: the estimate stops
 * at 1.5 x the delivered rate, but does not fall for want of traffic.
 *
 * Silence for three round trips and 300 ms while packets are out is an outage: no loss, no overuse.
 *
 * Pure: time is an argument; memory is taken by create. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "rate/loss.h"

struct sl_estimator;

struct sl_estimator_config {
    uint64_t start_bps; /* all rates are of UDP payload */
    uint64_t min_bps, max_bps;
};

/* 0, -EINVAL (not 0 < min <= start <= max) or -ENOMEM. */
SL_MUST_CHECK int sl_estimator_create(struct sl_estimator **ret,
                                      const struct sl_estimator_config *config);
void sl_estimator_destroy(struct sl_estimator *estimator);

/*
 * A packet went onto the wire. `frame`: counts up with every frame sent, the same for the packets
 * and the parity sent along with it; -1 for resends and audio, which say nothing about a trend.
 */
void sl_estimator_sent(struct sl_estimator *estimator, uint32_t ssrc, uint16_t seq, size_t bytes,
                       int64_t frame, sl_ns now);

/* A report came (SL_RTCP_CCFB's data). 0 or -EBADMSG, which changes nothing. */
SL_MUST_CHECK int sl_estimator_feedback(struct sl_estimator *estimator, const uint8_t *body,
                                        size_t len, sl_ns now);

/* Notices silence. At least every 100 ms. */
void sl_estimator_tick(struct sl_estimator *estimator, sl_ns now);

/* Packets whose fate was learnt since the last call. */
struct sl_loss_counts sl_estimator_take_loss(struct sl_estimator *estimator);

struct sl_estimate {
    bool known; /* feedback has come; before, bps is the start and there is no cap */
    bool outage;
    uint64_t bps;
    uint64_t delivered_bps; /* over 400 ms */
    uint64_t capacity_bps;  /* at which single frames were seen to come through; 0: not known */
    sl_ns rtt, rtt_min;     /* smoothed; least of 10 to 20 s. 0: not known */
    sl_ns queue;            /* delay in queues on the way */
    double loss;            /* share over 1 s */
    size_t flying_bytes;    /* sent and not heard of */
    /* Packets: sent == flying + arrived + lost + forgotten. */
    uint64_t sent, arrived, lost, forgotten;
    uint32_t flying;
    /* What happened so far. */
    uint64_t reports, overuses, loss_cuts, outages;
};

void sl_estimator_get(const struct sl_estimator *estimator, struct sl_estimate *ret);

/*
 * How much may be in flight when a frame is begun: 1.25 x `bps` x RTT and the frame just sent.
 * `bps`: what the stream uses of the estimate. SIZE_MAX before there is feedback.
 */
size_t sl_estimator_flying_cap(const struct sl_estimator *estimator, uint64_t bps);
