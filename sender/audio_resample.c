/* SPDX-License-Identifier: MIT */
#include "sender/audio_resample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>

#include "sender/audio_clock.h"

#define RATE_MIN_HZ 4000
#define RATE_MAX_HZ 384000
#define CHANNELS_MAX 64
#define CHUNKS_PER_SECOND 200
/* A chunk comes out as 5 ms, or a little more where libswresample held some back. */
#define ROOM (SL_AUDIO_FRAME_SAMPLES + 4 * SL_AUDIO_RATE_HZ / CHUNKS_PER_SECOND)
/* Output samples over which a compensation is spread: it is renewed long before, and its unit is
 * then 0.06 ppm. */
#define COMPENSATION_DISTANCE (1 << 24)

struct sl_audio_resample {
    int rate_hz, channels;
    enum sl_sample_format format;
    struct sl_audio_clock clock;
    int64_t frames; /* that were put */
    SwrContext *swr;
    float *stereo; /* a chunk */
    bool running;  /* there is a sample that the next one follows */
    sl_ns at;      /* what the first sample of `out` is called */
    sl_ns end;     /* of the last block */
    int held;      /* in `out` */
    int16_t out[ROOM * SL_AUDIO_CHANNELS];
};

size_t sl_sample_bytes(enum sl_sample_format format)
{
    return format == SL_SAMPLE_S16 ? 2 : format == SL_SAMPLE_S24_3 ? 3 : 4;
}

static float sample(const uint8_t *at, enum sl_sample_format format)
{
    int16_t s16;
    int32_t s32;
    float value;
    switch (format) {
    case SL_SAMPLE_S16:
        memcpy(&s16, at, sizeof(s16));
        return (float)s16 / 32768.0f;
    case SL_SAMPLE_S24_3:
        s32 = (int32_t)((uint32_t)at[0] << 8 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 24);
        return (float)s32 / 2147483648.0f;
    case SL_SAMPLE_S32:
        memcpy(&s32, at, sizeof(s32));
        return (float)s32 / 2147483648.0f;
    case SL_SAMPLE_FLOAT:
        break;
    }
    memcpy(&value, at, sizeof(value));
    return value;
}

static void to_stereo(struct sl_audio_resample *resample, const uint8_t *frames, int count)
{
    const size_t bytes = sl_sample_bytes(resample->format);
    const size_t right = resample->channels > 1 ? bytes : 0;
    for (int i = 0; i < count; i++, frames += bytes * (size_t)resample->channels) {
        resample->stereo[2 * i] = sample(frames, resample->format);
        resample->stereo[2 * i + 1] = sample(frames + right, resample->format);
    }
}

static int make_swr(struct sl_audio_resample *resample)
{
    AVChannelLayout stereo = AV_CHANNEL_LAYOUT_STEREO;
    int error = swr_alloc_set_opts2(&resample->swr, &stereo, AV_SAMPLE_FMT_S16, SL_AUDIO_RATE_HZ,
                                    &stereo, AV_SAMPLE_FMT_FLT, resample->rate_hz, 0, NULL);
    if (error)
        return error;
    /* Also where the rates are called the same; and between the phases of its filter, since the
     * speed is hardly ever a ratio of small numbers. */
    av_opt_set_int(resample->swr, "flags", SWR_FLAG_RESAMPLE, 0);
    av_opt_set_int(resample->swr, "linear_interp", 1, 0);
    return swr_init(resample->swr);
}

int sl_audio_resample_create(struct sl_audio_resample **ret, int rate_hz, int channels,
                             enum sl_sample_format format, sl_ns from)
{
    if (rate_hz < RATE_MIN_HZ || rate_hz > RATE_MAX_HZ || channels < 1 || channels > CHANNELS_MAX)
        return -EINVAL;
    struct sl_audio_resample *resample = calloc(1, sizeof(*resample));
    if (!resample)
        return -ENOMEM;
    resample->rate_hz = rate_hz;
    resample->channels = channels;
    resample->format = format;
    resample->end = from;
    sl_audio_clock_init(&resample->clock, rate_hz);
    resample->stereo =
        calloc((size_t)sl_audio_resample_chunk(resample), 2 * sizeof(*resample->stereo));
    const int error = resample->stereo ? make_swr(resample) : -ENOMEM;
    if (error) {
        sl_audio_resample_destroy(resample);
        return error;
    }
    *ret = resample;
    return 0;
}

void sl_audio_resample_destroy(struct sl_audio_resample *resample)
{
    if (!resample)
        return;
    swr_free(&resample->swr);
    free(resample->stereo);
    free(resample);
}

void sl_audio_resample_observe(struct sl_audio_resample *resample, int64_t waiting, sl_ns at)
{
    sl_audio_clock_observe(&resample->clock, resample->frames + waiting, at);
}

void sl_audio_resample_restart(struct sl_audio_resample *resample)
{
    sl_audio_clock_restart(&resample->clock);
}

int sl_audio_resample_chunk(const struct sl_audio_resample *resample)
{
    return resample->rate_hz / CHUNKS_PER_SECOND;
}

/* What is held is less than a block, and ends where sound is missing: it is left out. */
static int begin(struct sl_audio_resample *resample, sl_ns at)
{
    resample->held = 0;
    resample->at = at;
    resample->running = true;
    swr_close(resample->swr);
    return swr_init(resample->swr);
}

/* Decides how the frames that are put next go on. 1: they do. 0: they are left out. Or -errno. */
static int go_on(struct sl_audio_resample *resample)
{
    if (!sl_audio_clock_settled(&resample->clock)) {
        resample->running = false;
        return 0;
    }
    const sl_ns at = sl_audio_clock_at(&resample->clock, resample->frames);
    struct sl_audio_pace pace = {.jump = true};
    if (resample->running) {
        const sl_ns due = resample->at + resample->held * SL_SEC / SL_AUDIO_RATE_HZ;
        pace =
            sl_audio_clock_pace(&resample->clock, at - swr_get_delay(resample->swr, SL_SEC), due);
    }
    if (pace.jump) {
        resample->running = false;
        if (at < resample->end) /* it has been heard, as it seems */
            return 0;
        const int error = begin(resample, at);
        if (error)
            return error;
        pace = sl_audio_clock_pace(&resample->clock, at, at);
    }
    const int delta = (int)(-pace.ppm * 1e-6 * COMPENSATION_DISTANCE);
    const int error = swr_set_compensation(resample->swr, delta, COMPENSATION_DISTANCE);
    return error ? error : 1;
}

int sl_audio_resample_put(struct sl_audio_resample *resample, const void *frames, int count)
{
    const int go =
        count > 0 && count <= sl_audio_resample_chunk(resample) ? go_on(resample) : -EINVAL;
    if (go < 0)
        return go;
    resample->frames += count;
    if (!go)
        return 0;
    to_stereo(resample, frames, count);
    const uint8_t *in[] = {(const uint8_t *)resample->stereo};
    uint8_t *out[] = {(uint8_t *)(resample->out + (size_t)resample->held * SL_AUDIO_CHANNELS)};
    const int made = swr_convert(resample->swr, out, ROOM - resample->held, in, count);
    if (made < 0)
        return made;
    resample->held += made;
    return 0;
}

bool sl_audio_resample_take(struct sl_audio_resample *resample, struct sl_audio_block *block)
{
    if (!resample->running || resample->held < SL_AUDIO_FRAME_SAMPLES)
        return false;
    block->captured = resample->at;
    memcpy(block->samples, resample->out, sizeof(block->samples));
    resample->held -= SL_AUDIO_FRAME_SAMPLES;
    memmove(resample->out, resample->out + SL_AUDIO_BLOCK_SAMPLES,
            (size_t)resample->held * SL_AUDIO_CHANNELS * sizeof(*resample->out));
    resample->at += SL_AUDIO_BLOCK;
    resample->end = resample->at;
    return true;
}

sl_ns sl_audio_resample_end(const struct sl_audio_resample *resample)
{
    return resample->end;
}

double sl_audio_resample_ppm(const struct sl_audio_resample *resample)
{
    return sl_audio_clock_ppm(&resample->clock);
}
