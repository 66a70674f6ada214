/* SPDX-License-Identifier: MIT */
/*
 * Jitter buffer of sound: Opus packets in the order of arrival come out in the order of sending,
 * each when it is due: the fastest transit of late (jitter/clock.h) plus a delay of the caller's.
 *
 *   put ─▶ [ ring by seq ] ─▶ pop ─▶ PACKET  decode it
 *                                    LOST    conceal it, by the FEC inside the next one if that is
 *                                            there
 *
 * It neither decodes nor stretches time. A gap of more than 200 ms is jumped over, not concealed.
 * A new SSRC is for the caller to notice: it calls reset.
 * Time is an argument. One thread. Memory by create; put and pop never allocate.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "rtp/packet.h"

struct sl_audio_jitter;

struct sl_audio_jitter_config {
    uint32_t clock_hz; /* 0: 48000 */
    uint32_t capacity; /* packets; power of two, <= 4096; 0: 256 */
    sl_ns delay;       /* on top of the fastest transit */
};

/* 0, -EINVAL or -ENOMEM. */
SL_MUST_CHECK int sl_audio_jitter_create(struct sl_audio_jitter **ret,
                                         const struct sl_audio_jitter_config *config);
void sl_audio_jitter_destroy(struct sl_audio_jitter *jitter);
void sl_audio_jitter_set_delay(struct sl_audio_jitter *jitter, sl_ns delay);

enum sl_audio_put {
    SL_AUDIO_KEPT,
    SL_AUDIO_DUPLICATE, /* held, or gone before */
    SL_AUDIO_LATE,      /* its turn has passed */
    SL_AUDIO_REFUSED,   /* not Opus, or larger than SL_RTP_FOREIGN_MAX */
};

enum sl_audio_put sl_audio_jitter_put(struct sl_audio_jitter *jitter,
                                      const struct sl_rtp_packet *packet, sl_ns now);

struct sl_audio_packet {
    const uint8_t *data; /* PACKET: the packet. LOST: the one after it, for its FEC, or NULL */
    size_t len;
    int64_t seq;
    uint32_t timestamp;
    int samples; /* it lasts, at clock_hz; LOST: to conceal */
    bool late;   /* due more than its own length ago, and the next one is due as well */
    bool has_capture;
    uint64_t capture_ntp; /* of its first sample, on our clock */
    sl_ns due;
};

enum sl_audio_pop {
    SL_AUDIO_PACKET, /* *ret is filled; data is valid until the next put */
    SL_AUDIO_LOST,
    SL_AUDIO_WAIT, /* nothing before sl_audio_jitter_due() or the next put */
};

/* Call until WAIT. */
enum sl_audio_pop sl_audio_jitter_pop(struct sl_audio_jitter *jitter, sl_ns now,
                                      struct sl_audio_packet *ret);
sl_ns sl_audio_jitter_due(const struct sl_audio_jitter *jitter);
/* Forgets the stream, keeps memory and counters. */
void sl_audio_jitter_reset(struct sl_audio_jitter *jitter);

/* offered == released + held + duplicate + late + refused + dropped; lost: numbers concealed or
 * jumped over */
struct sl_audio_jitter_stats {
    uint64_t offered, released, held, duplicate, late, refused, dropped;
    uint64_t lost;
    sl_ns delay;  /* in force */
    sl_ns jitter; /* of arrival, RFC 3550 */
};
void sl_audio_jitter_stats(const struct sl_audio_jitter *jitter, struct sl_audio_jitter_stats *ret);
