/* SPDX-License-Identifier: MIT */
/*
 * ALSA PCM: one capturing device of libasound, opened for what suits us best, and read without
 * waiting in it.
 *
 *     open ──▶ wait, look, read, read, wait, ... ──▶ close
 *                 └─ error ─▶ recover, or close and open again later
 *
 * The functions are a face, so that a test can be a microphone that is unplugged, overrun and
 * drifts, in virtual time. open() on any thread; the rest, and close(), on one at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <alsa/asoundlib.h>

#include "base/types.h"
#include "sender/audio_resample.h"
#include "sender/halt.h"

struct sl_alsa_info {
    char device[64]; /* as it was opened: what "auto" stands for */
    char name[96];
    int rate_hz, channels;
    enum sl_sample_format format;
    int period, buffer; /* frames */
};

struct sl_alsa_pcm;

struct sl_alsa_face {
    /* 0 or -errno; `why` gets one sentence: what is wrong, what was wanted, what is there. */
    int (*open)(struct sl_alsa_pcm **ret, const char *device, struct sl_alsa_info *info, char *why,
                size_t why_len);
    void (*close)(struct sl_alsa_pcm *pcm);
    /* The first one starts it. 1: there is something to read. 0: nothing came in `timeout`.
     * -ECANCELED: halted. Other -errno: as of read(). */
    int (*wait)(struct sl_alsa_pcm *pcm, const struct sl_halt *halt, sl_ns timeout);
    /* How many frames wait to be read, and when that was so. -errno: as of read(). */
    int (*look)(struct sl_alsa_pcm *pcm, int64_t *waiting, sl_ns *at);
    /* Frames read; -EAGAIN: none is there; -EPIPE: overrun; -ESTRPIPE: suspended; else it failed.
     */
    int (*read)(struct sl_alsa_pcm *pcm, void *frames, int count);
    /* After -EPIPE or -ESTRPIPE. 0: it goes on. -EAGAIN: try later. Else it is of no use. */
    int (*recover)(struct sl_alsa_pcm *pcm, int error);
    /* True if halted meanwhile. */
    bool (*sleep)(const struct sl_halt *halt, sl_ns time);
};

extern const struct sl_alsa_face sl_alsa_face;

/* libasound's own words go to our log, at its most talkative level. Idempotent, any thread. */
void sl_alsa_quiet(void);

/* "S16_LE S32_LE": the formats that are left in `params`, as many as there is room for. */
void sl_alsa_formats_text(snd_pcm_t *pcm, snd_pcm_hw_params_t *params, char *text, size_t len);

/* "S16_LE", as ALSA calls it. */
const char *sl_alsa_format_name(enum sl_sample_format format);
