/* SPDX-License-Identifier: MIT */
/*
 * Audio: where sound comes from, behind one face. Blocks of 20 ms, 48 kHz, interleaved stereo,
 * each with the moment its first sample was heard. One thread calls next(), which ends at once
 * when the halt given to open is set.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "codec/encoder.h"
#include "sender/halt.h"

#define SL_AUDIO_BLOCK_SAMPLES (SL_AUDIO_FRAME_SAMPLES * SL_AUDIO_CHANNELS)
#define SL_AUDIO_BLOCK (20 * SL_MS)

struct sl_audio_block {
    sl_ns captured;
    int16_t samples[SL_AUDIO_BLOCK_SAMPLES];
};

struct sl_audio {
    const struct sl_audio_kind *kind;
};

struct sl_audio_kind {
    int (*next)(struct sl_audio *audio, struct sl_audio_block *block);
    void (*close)(struct sl_audio *audio);
};

/* 1: a block. 0: the source has ended. -ECANCELED: halted. */
SL_MUST_CHECK int sl_audio_next(struct sl_audio *audio, struct sl_audio_block *block);
/* NULL is fine. */
void sl_audio_close(struct sl_audio *audio);

/* The synthetic microphone: a soft chord, and a tick whenever the wall clock (CLOCK_MONOTONIC plus
 * `epoch`) begins a second. 0 or -ENOMEM. */
SL_MUST_CHECK int sl_audio_test_open(struct sl_audio **ret, const struct sl_halt *halt,
                                     sl_ns epoch);

/*
 * Sound that another thread makes, as a file's does: push() from there, next() here. Holds a
 * second; when full, the newest is dropped and counted.
 */
SL_MUST_CHECK int sl_audio_queue_open(struct sl_audio **ret, const struct sl_halt *halt);
void sl_audio_queue_push(struct sl_audio *audio, const struct sl_audio_block *block);
