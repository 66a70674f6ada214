/* SPDX-License-Identifier: MIT */
/*
 * Sound of any codec that FFmpeg knows into 48 kHz stereo in blocks of 20 ms, on the timeline of
 * the caller.
 *
 *     packets ──▶ decoder ──▶ resampler ──▶ samples without seams ──▶ blocks
 *
 * Blocks follow one another without a gap, whatever rounding or jitter the times of the packets
 * have: what differs by more than 40 ms is mended, a gap by silence, an overlap by a cut. Packets
 * that do not decode are left out. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/types.h"
#include "sender/audio.h"

struct AVCodecParameters;
struct AVPacket;
struct sl_sound;

/* 0, -ENOTSUP (no decoder, or it will not) or -ENOMEM. */
SL_MUST_CHECK int sl_sound_create(struct sl_sound **ret, const struct AVCodecParameters *codec);
/* NULL is fine. */
void sl_sound_destroy(struct sl_sound *sound);

/* Of the packet only the bytes count: its first sample is at `at`; SL_NEVER: where the last ended.
 */
void sl_sound_put(struct sl_sound *sound, const struct AVPacket *packet, sl_ns at);

/* The next block, if it is there and begins before `until`. */
SL_MUST_CHECK bool sl_sound_take(struct sl_sound *sound, sl_ns until, struct sl_audio_block *ret);

/* Whether a whole block is there. */
bool sl_sound_has_block(const struct sl_sound *sound);
/* Where all that is there ends. */
sl_ns sl_sound_end(const struct sl_sound *sound);

/* What comes next does not continue what came before; what is there already stays. */
void sl_sound_reset(struct sl_sound *sound);
