/* SPDX-License-Identifier: MIT */
/* The synthetic microphone. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "sender/audio.h"

struct test {
    struct sl_audio base;
    const struct sl_halt *halt;
    sl_ns epoch;
    sl_ns due; /* of the next block; 0: not started */
};

/* A, C sharp and E, each swelling at its own pace, so that it is heard to go on. */
static double chord(double t)
{
    static const double hz[] = {220, 277.18, 329.63};
    double sum = 0;
    for (int i = 0; i < 3; i++)
        sum += sin(2 * M_PI * hz[i] * t) * (0.6 + 0.4 * sin(2 * M_PI * t * (0.11 + 0.07 * i)));
    return 0.05 * sum;
}

static double tick(sl_ns into_second)
{
    const double t = (double)into_second / (double)SL_SEC;
    return t < 0.04 ? 0.4 * sin(2 * M_PI * 1760 * t) * exp(-t * 120) : 0;
}

static void fill(const struct test *test, struct sl_audio_block *block)
{
    const sl_ns wall = block->captured + test->epoch;
    for (int i = 0; i < SL_AUDIO_FRAME_SAMPLES; i++) {
        const sl_ns at = wall + (sl_ns)i * SL_SEC / SL_AUDIO_RATE_HZ;
        /* An hour's remainder keeps the phase exact; the chord has a seam there that nobody hears
         * over the tick. */
        const double t = (double)(at % (3600 * SL_SEC)) / (double)SL_SEC;
        const double value = chord(t) + tick(at % SL_SEC);
        block->samples[2 * i] = block->samples[2 * i + 1] = (int16_t)(32767 * value);
    }
}

/* A real microphone has a block when its last sample is in; so has this one. */
static int test_next(struct sl_audio *audio, struct sl_audio_block *block)
{
    struct test *test = (struct test *)audio;
    const sl_ns now = sl_time_now();
    if (!test->due || now - test->due > SL_SEC)
        test->due = now;
    block->captured = test->due;
    fill(test, block);
    test->due += SL_AUDIO_BLOCK;
    return sl_halt_sleep(test->halt, test->due) ? -ECANCELED : 1;
}

static void test_close(struct sl_audio *audio)
{
    free(audio);
}

static int test_open(struct sl_audio **ret, const char *rest, const struct sl_audio_config *config,
                     char *why, size_t why_len)
{
    (void)rest;
    snprintf(why, why_len, "out of memory");
    struct test *test = calloc(1, sizeof(*test));
    if (!test)
        return -ENOMEM;
    *test =
        (struct test){.base.kind = &sl_audio_test, .halt = config->halt, .epoch = config->epoch};
    *ret = &test->base;
    return 0;
}

const struct sl_audio_kind sl_audio_test = {
    .prefix = "test",
    .open = test_open,
    .next = test_next,
    .close = test_close,
};
