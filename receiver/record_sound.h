/* SPDX-License-Identifier: MIT */
/*
 * Record sound: packets of Opus in the order of arrival come out in the order of sending, each at
 * once where none is missing before it; what is missing is waited for, as long as video is.
 *
 * Unlike jitter/audio.h nothing is concealed and nothing waits for a moment to be played at. Pure;
 * fixed memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "rtp/packet.h"

#define SL_RECORD_SOUND_SLOTS 256 /* 5 s of 20 ms each */

struct sl_record_sound_packet {
    int64_t seq;
    uint32_t timestamp;
    sl_ns capture; /* by our clock, SL_NEVER: not told */
    sl_ns arrived;
    bool held;
    size_t len;
    uint8_t data[SL_RTP_FOREIGN_MAX];
};

struct sl_record_sound {
    bool started;
    int64_t next, highest;
    uint64_t offered, given, late, duplicate, refused, missing; /* missing: numbers given up */
    struct sl_record_sound_packet slots[SL_RECORD_SOUND_SLOTS];
};

void sl_record_sound_init(struct sl_record_sound *sound);
/* What is too far ahead pushes out what is oldest. */
void sl_record_sound_put(struct sl_record_sound *sound, const struct sl_rtp_packet *packet,
                         sl_ns capture, sl_ns now);
/* The next one, until the next put; NULL: none yet. A missing one is given up when the one after it
 * has waited `patience`. */
const struct sl_record_sound_packet *sl_record_sound_peek(struct sl_record_sound *sound, sl_ns now,
                                                          sl_ns patience);
/* Lets go of what peek gave. */
void sl_record_sound_take(struct sl_record_sound *sound);
