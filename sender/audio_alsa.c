/* SPDX-License-Identifier: MIT */
#include "sender/audio_alsa.h"

#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sender/audio_resample.h"

#define SEARCH_EVERY (500 * SL_MS)
#define RESUME_EVERY (50 * SL_MS)
#define SILENT_MAX (2 * SL_SEC) /* a device that runs, but gives nothing, is opened anew */

struct alsa {
    struct sl_audio base;
    const struct sl_alsa_face *face;
    const struct sl_halt *halt;
    char *device;            /* as the user calls it */
    struct sl_alsa_pcm *pcm; /* NULL: gone */
    struct sl_alsa_info info;
    struct sl_audio_resample *resample;
    uint8_t *frames; /* a chunk */
    int64_t waiting; /* frames that can be read at once */
    _Atomic uint64_t blocks, overruns, reopened;
    atomic_int drift_ppm;
};

static void count(_Atomic uint64_t *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* Blocks of the device before stay before those of this one. */
static int open_device(struct alsa *alsa, char *why, size_t why_len)
{
    const sl_ns end = alsa->resample ? sl_audio_resample_end(alsa->resample) : 0;
    struct sl_alsa_info info;
    struct sl_alsa_pcm *pcm;
    int error = alsa->face->open(&pcm, alsa->device, &info, why, why_len);
    if (error)
        return error;
    struct sl_audio_resample *resample = NULL;
    error = sl_audio_resample_create(&resample, info.rate_hz, info.channels, info.format, end);
    const size_t chunk = error ? 0
                               : (size_t)sl_audio_resample_chunk(resample) * (size_t)info.channels *
                                     sl_sample_bytes(info.format);
    uint8_t *frames = chunk ? realloc(alsa->frames, chunk) : NULL;
    if (!frames) {
        snprintf(why, why_len, "cannot use %d channels at %d Hz: %s", info.channels, info.rate_hz,
                 strerror(error ? -error : ENOMEM));
        sl_audio_resample_destroy(resample);
        alsa->face->close(pcm);
        return error ? error : -ENOMEM;
    }
    sl_audio_resample_destroy(alsa->resample);
    alsa->resample = resample;
    alsa->frames = frames;
    alsa->pcm = pcm;
    alsa->info = info;
    alsa->waiting = 0;
    sl_info("alsa: %s '%s' %d Hz %d channel%s %s period %d buffer %d", info.device, info.name,
            info.rate_hz, info.channels, info.channels == 1 ? "" : "s",
            sl_alsa_format_name(info.format), info.period, info.buffer);
    return 0;
}

static void lose(struct alsa *alsa, int error)
{
    sl_warn("alsa: %s: %s; the picture goes on without sound until it is back", alsa->info.device,
            error == -ETIMEDOUT ? "it has fallen silent" : strerror(-error));
    alsa->face->close(alsa->pcm);
    alsa->pcm = NULL;
}

/* 0, or -ECANCELED. */
static int search(struct alsa *alsa)
{
    char why[256];
    if (alsa->face->sleep(alsa->halt, SEARCH_EVERY))
        return -ECANCELED;
    if (open_device(alsa, why, sizeof(why))) {
        sl_debug("alsa: %s: %s", alsa->device, why);
        return 0;
    }
    count(&alsa->reopened);
    sl_warn("alsa: %s: it is back", alsa->info.device);
    return 0;
}

/* 0: goes on, with the device or without. -ECANCELED. */
static int mend(struct alsa *alsa, int error)
{
    if (error == -EAGAIN)
        return 0;
    int mended = error;
    if (error == -EPIPE || error == -ESTRPIPE) {
        mended = alsa->face->recover(alsa->pcm, error);
        if (mended == -EAGAIN) /* still suspended: it says so again */
            return alsa->face->sleep(alsa->halt, RESUME_EVERY) ? -ECANCELED : 0;
    }
    if (mended) {
        lose(alsa, mended);
        return 0;
    }
    if (error == -EPIPE)
        count(&alsa->overruns);
    sl_debug("alsa: %s: %s", alsa->info.device, error == -EPIPE ? "overrun" : "was suspended");
    sl_audio_resample_restart(alsa->resample);
    return 0;
}

static int wait_for_frames(struct alsa *alsa)
{
    const int ready = alsa->face->wait(alsa->pcm, alsa->halt, SILENT_MAX);
    if (ready <= 0)
        return ready ? ready : -ETIMEDOUT;
    int64_t waiting;
    sl_ns at;
    const int error = alsa->face->look(alsa->pcm, &waiting, &at);
    if (error)
        return error;
    sl_audio_resample_observe(alsa->resample, waiting, at);
    alsa->waiting = waiting;
    return 0;
}

static int read_frames(struct alsa *alsa)
{
    const int most = sl_audio_resample_chunk(alsa->resample);
    const int got =
        alsa->face->read(alsa->pcm, alsa->frames, alsa->waiting < most ? (int)alsa->waiting : most);
    if (got <= 0)
        return got ? got : -EAGAIN;
    alsa->waiting -= got;
    return sl_audio_resample_put(alsa->resample, alsa->frames, got);
}

/* A step nearer to a block. 0 or -ECANCELED. */
static int step(struct alsa *alsa)
{
    if (!alsa->pcm)
        return search(alsa);
    const int error = alsa->waiting > 0 ? read_frames(alsa) : wait_for_frames(alsa);
    if (error == -ECANCELED)
        return error;
    if (error)
        alsa->waiting = 0;
    return error ? mend(alsa, error) : 0;
}

static int alsa_next(struct sl_audio *audio, struct sl_audio_block *block)
{
    struct alsa *alsa = (struct alsa *)audio;
    while (!sl_audio_resample_take(alsa->resample, block)) {
        const int error = step(alsa);
        if (error)
            return error;
    }
    count(&alsa->blocks);
    atomic_store_explicit(&alsa->drift_ppm, (int)lrint(sl_audio_resample_ppm(alsa->resample)),
                          memory_order_relaxed);
    return 1;
}

static void alsa_close(struct sl_audio *audio)
{
    struct alsa *alsa = (struct alsa *)audio;
    if (alsa->pcm)
        alsa->face->close(alsa->pcm);
    sl_audio_resample_destroy(alsa->resample);
    free(alsa->frames);
    free(alsa->device);
    free(alsa);
}

static void alsa_stats(const struct sl_audio *audio, struct sl_audio_stats *ret)
{
    const struct alsa *alsa = (const struct alsa *)audio;
    *ret = (struct sl_audio_stats){
        .blocks = atomic_load_explicit(&alsa->blocks, memory_order_relaxed),
        .overruns = atomic_load_explicit(&alsa->overruns, memory_order_relaxed),
        .reopened = atomic_load_explicit(&alsa->reopened, memory_order_relaxed),
        .drift_ppm = atomic_load_explicit(&alsa->drift_ppm, memory_order_relaxed),
    };
}

int sl_audio_alsa_open(struct sl_audio **ret, const char *device,
                       const struct sl_audio_config *config, const struct sl_alsa_face *face,
                       char *why, size_t why_len)
{
    snprintf(why, why_len, "out of memory");
    struct alsa *alsa = calloc(1, sizeof(*alsa));
    if (!alsa)
        return -ENOMEM;
    alsa->base.kind = &sl_audio_alsa;
    alsa->face = face;
    alsa->halt = config->halt;
    alsa->device = strdup(device);
    const int error = alsa->device ? open_device(alsa, why, why_len) : -ENOMEM;
    if (error) {
        alsa_close(&alsa->base);
        return error;
    }
    *ret = &alsa->base;
    return 0;
}

static int alsa_open(struct sl_audio **ret, const char *rest, const struct sl_audio_config *config,
                     char *why, size_t why_len)
{
    return sl_audio_alsa_open(ret, rest, config, &sl_alsa_face, why, why_len);
}

const struct sl_audio_kind sl_audio_alsa = {
    .prefix = "alsa:",
    .open = alsa_open,
    .next = alsa_next,
    .close = alsa_close,
    .stats = alsa_stats,
};
