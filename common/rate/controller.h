/* SPDX-License-Identifier: MIT */
/*
 * Rate controller: one sender towards one peer. One budget, the estimate, for media, parity,
 * resends and audio; what is left for the encoder; whether the next frame is worth encoding.
 *
 *     RTCP ──▶ estimator ──▶ budget ──▶ bitrate of the encoder (floor..ceiling)
 *                 │             ├─────▶ redundancy: rows of parity
 *                 │             └─────▶ pacer: when packets leave
 *                 └──▶ in flight, outage ──▶ next frame: send or skip
 *
 * A skipped frame is one that is never encoded, so no reference goes missing. Frames are skipped
 * while the pacer holds more than one, while more is in flight than 1.25 x rate x RTT, and in an
 * outage, but for one every 200 ms that finds out when it is over.
 *
 * A peer that sends no RFC 8888 feedback gets the ceiling, and nothing is skipped but by the pacer.
 * The parts may be used alone: a relay has an estimator and a pacer per viewer, no encoder.
 *
 * Pure: time is an argument; memory is taken by create. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "rate/estimator.h"
#include "rate/pacer.h"
#include "rate/redundancy.h"
#include "rtp/repair_report.h"

struct sl_rate;

struct sl_rate_config {
    uint64_t ceiling_bps, floor_bps; /* of the video encoder */
    uint64_t audio_bps;              /* 0: none */
    sl_ns frame_interval;
    int fec_percent; /* SL_FEC_AUTO, 0: off, else fixed */
};

/* 0, -EINVAL (not 0 < floor <= ceiling, no interval, percent over 100) or -ENOMEM. */
SL_MUST_CHECK int sl_rate_create(struct sl_rate **ret, const struct sl_rate_config *config,
                                 sl_ns now);
void sl_rate_destroy(struct sl_rate *rate);

/* ---- before a picture is encoded ---- */

enum sl_rate_verdict {
    SL_RATE_SEND,
    SL_RATE_PROBE,       /* send, though nothing is known to come through */
    SL_RATE_SKIP_PACER,  /* it holds more than one frame */
    SL_RATE_SKIP_FLIGHT, /* too much is on the way */
    SL_RATE_SKIP_OUTAGE,
};

/* Counts what it says; ask once for each picture. */
enum sl_rate_verdict sl_rate_next_frame(struct sl_rate *rate, sl_ns now);
/*
 * For an encoder in another thread, which cannot wait for an answer: from when on pictures may be
 * encoded, as far as is known now; SL_NEVER: not before something has left. A look, it counts
 * nothing; holds until the next call of anything else here. Then next_frame() is called once for
 * each picture that was encoded, to be told of it.
 */
sl_ns sl_rate_gate(const struct sl_rate *rate, sl_ns now);
/* The encoder's target. Changes at most every 200 ms, but falls at once. */
uint64_t sl_rate_bitrate(const struct sl_rate *rate);

/* ---- a frame was encoded and cut into packets ---- */

/* Rows of parity for `fresh` packets under a run of `run`, see sl_redundancy_rows(). */
unsigned sl_rate_rows(struct sl_rate *rate, size_t fresh, size_t run);
/* As sl_redundancy_share(). */
double sl_rate_share(const struct sl_rate *rate);
/* True if `bytes` may be resent now: resends and parity may take half of the budget. */
bool sl_rate_may_resend(struct sl_rate *rate, size_t bytes, sl_ns now);
/* Where packets wait: sl_pacer_frame(), push, pop, due, clear. Its rates are set here. */
struct sl_pacer *sl_rate_pacer(struct sl_rate *rate);

/* A packet went onto the wire: see sl_estimator_sent(). */
void sl_rate_sent(struct sl_rate *rate, enum sl_pacer_kind kind, uint32_t ssrc, uint16_t seq,
                  size_t bytes, int64_t frame, sl_ns now);

/* ---- what comes back ---- */

/* SL_RTCP_CCFB's data. 0 or -EBADMSG. */
SL_MUST_CHECK int sl_rate_feedback(struct sl_rate *rate, const uint8_t *body, size_t len,
                                   sl_ns now);
void sl_rate_report(struct sl_rate *rate, const struct sl_repair_report *report, sl_ns now);

/* At least every 100 ms. */
void sl_rate_tick(struct sl_rate *rate, sl_ns now);

/* asked == sent + probes + skipped_pacer + skipped_flight + skipped_outage. */
struct sl_rate_stats {
    uint64_t asked, sent, probes, skipped_pacer, skipped_flight, skipped_outage;
    uint64_t resends_refused;
    uint64_t changes; /* of the bitrate */
    uint64_t media_bytes, parity_bytes, resent_bytes, audio_bytes;
    size_t flying_cap_bytes; /* gauge */
    struct sl_estimate estimate;
    struct sl_redundancy_stats redundancy;
    struct sl_pacer_stats pacer;
};

void sl_rate_stats(const struct sl_rate *rate, struct sl_rate_stats *ret);
