/* SPDX-License-Identifier: MIT */
/*
 * Audio: where sound comes from, behind one face. Blocks of SL_AUDIO_BLOCK, 48 kHz, interleaved
 * stereo, each with the moment its first sample was heard.
 *
 *     SOURCE ──▶ open ──▶ next, next, ... (blocks until there is a block) ──▶ close
 *
 * One thread calls next(), which ends at once when the halt of the config is set. Kinds are const
 * structs in a NULL-terminated list, found by the prefix of SOURCE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "codec/encoder.h"
#include "sender/halt.h"

#define SL_AUDIO_BLOCK_SAMPLES (SL_AUDIO_FRAME_SAMPLES * SL_AUDIO_CHANNELS)
#define SL_AUDIO_BLOCK (SL_AUDIO_FRAME_SAMPLES * SL_SEC / SL_AUDIO_RATE_HZ)

struct sl_audio_block {
    sl_ns captured;
    int16_t samples[SL_AUDIO_BLOCK_SAMPLES];
};

struct sl_audio_config {
    const struct sl_halt *halt; /* outlives the source */
    sl_ns epoch;                /* of sl_time_epoch() */
};

/* Of a sound card; zero for other kinds. */
struct sl_audio_stats {
    uint64_t blocks;   /* given by next() */
    uint64_t overruns; /* sound was lost because nobody read it in time */
    uint64_t reopened; /* the device had gone, and came back */
    int drift_ppm;     /* its clock is so much faster than CLOCK_MONOTONIC */
};

struct sl_audio {
    const struct sl_audio_kind *kind;
};

struct sl_audio_kind {
    const char *prefix; /* "alsa:"; without the colon the whole SOURCE */
    /* `rest` is SOURCE behind the prefix. 0 or -errno; `why` gets one sentence without SOURCE. */
    int (*open)(struct sl_audio **ret, const char *rest, const struct sl_audio_config *config,
                char *why, size_t why_len);
    int (*next)(struct sl_audio *audio, struct sl_audio_block *block);
    void (*close)(struct sl_audio *audio);
    void (*stats)(const struct sl_audio *audio, struct sl_audio_stats *ret); /* NULL: zero */
};

extern const struct sl_audio_kind sl_audio_test, sl_audio_alsa;

/* The kind for `source` and what follows its prefix, or NULL. */
const struct sl_audio_kind *sl_audio_find(const char *source, const char **rest);

/*
 * 0 or -errno with one sentence in `why`; -ENOTSUP for a SOURCE of no known kind.
 * test: a soft chord, and a tick whenever the wall clock (CLOCK_MONOTONIC plus the epoch) begins a
 * second.
 */
SL_MUST_CHECK int sl_audio_open(struct sl_audio **ret, const char *source,
                                const struct sl_audio_config *config, char *why, size_t why_len);

/* 1: a block. 0: the source has ended. -ECANCELED: halted. */
SL_MUST_CHECK int sl_audio_next(struct sl_audio *audio, struct sl_audio_block *block);
/* NULL is fine. */
void sl_audio_close(struct sl_audio *audio);
/* From any thread. */
void sl_audio_stats(const struct sl_audio *audio, struct sl_audio_stats *ret);

/*
 * Sound that another thread makes, as a file's does: push() from there, next() here. Holds a
 * second; when full, the newest is dropped and counted.
 */
SL_MUST_CHECK int sl_audio_queue_open(struct sl_audio **ret, const struct sl_halt *halt);
void sl_audio_queue_push(struct sl_audio *audio, const struct sl_audio_block *block);
