/* SPDX-License-Identifier: MIT */
/*
 * Audio resample: what a sound card heard, by its own clock, becomes even blocks by ours.
 *
 *     observe (how much was heard by when) ──▶ audio_clock ──┐ so much faster, or jump
 *     put (frames of any rate, channels, format) ──▶ libswresample ──▶ take (blocks)
 *
 * Each block is called SL_AUDIO_BLOCK later than the one before, exactly, and holds what was heard
 * within that time. Where sound is missing the next block is called later: nothing is filled in.
 * Moments never go back. One channel is heard in both ears; of more than two, the first two are.
 *
 * One thread owns it. All memory is taken by create, but after a jump libswresample begins anew.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "sender/audio.h"

enum sl_sample_format { SL_SAMPLE_S16, SL_SAMPLE_S24_3, SL_SAMPLE_S32, SL_SAMPLE_FLOAT };
#define SL_SAMPLE_FORMATS 4

/* Bytes of one sample; all are little-endian. */
size_t sl_sample_bytes(enum sl_sample_format format);

struct sl_audio_resample;

/* rate_hz 4000 to 384000, channels 1 to 64. `from`: no block begins before. 0 or -errno. */
SL_MUST_CHECK int sl_audio_resample_create(struct sl_audio_resample **ret, int rate_hz,
                                           int channels, enum sl_sample_format format, sl_ns from);
/* NULL is fine. */
void sl_audio_resample_destroy(struct sl_audio_resample *resample);

/* At `at`, `waiting` frames had been heard beyond those that were put. */
void sl_audio_resample_observe(struct sl_audio_resample *resample, int64_t waiting, sl_ns at);

/* Frames were lost behind those that were put. */
void sl_audio_resample_restart(struct sl_audio_resample *resample);

/* The most that put() takes at once, in frames: 5 ms. */
int sl_audio_resample_chunk(const struct sl_audio_resample *resample);

/* Interleaved. All blocks have to be taken before. 0 or -errno. */
SL_MUST_CHECK int sl_audio_resample_put(struct sl_audio_resample *resample, const void *frames,
                                        int count);

/* False if there is no whole block. */
bool sl_audio_resample_take(struct sl_audio_resample *resample, struct sl_audio_block *block);

/* No block of those to come begins before. */
sl_ns sl_audio_resample_end(const struct sl_audio_resample *resample);
double sl_audio_resample_ppm(const struct sl_audio_resample *resample);
