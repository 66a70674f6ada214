/* SPDX-License-Identifier: MIT */
/* A tone by a sound card's clock, and what is made of it by ours; in virtual time. */
#include "sender/audio_resample.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

#define TONE_HZ 100 /* whole periods in a block, and a millisecond is a tenth of one */
#define LEVEL 0.5

struct card {
    int rate_hz, channels;
    enum sl_sample_format format;
    double ppm;
    sl_ns jitter;
    sl_ns from; /* no block before */

    int64_t frame; /* the next to be put */
    sl_ns lost;    /* sound that the count does not know of */
    struct sl_random random;

    int blocks, gaps;
    sl_ns next;      /* what the next block would be called, if none is missing */
    sl_ns late_max;  /* by how much blocks are called otherwise than they were heard */
    double loud_min; /* of the tone */
    double rest_max; /* of what is no tone, of both ears */
    sl_ns judged_from;
};

/* When a frame was heard; the tone is 0 at 0. */
static sl_ns heard(const struct card *card, int64_t frame)
{
    return SL_SEC + card->lost +
           (sl_ns)((double)frame / card->rate_hz / (1 + card->ppm * 1e-6) * 1e9);
}

static void write_sample(uint8_t *to, enum sl_sample_format format, double value)
{
    const int32_t s32 = (int32_t)(value * 2147483647);
    const int16_t s16 = (int16_t)lrint(value * 32767);
    const float real = (float)value;
    if (format == SL_SAMPLE_S16)
        memcpy(to, &s16, 2);
    else if (format == SL_SAMPLE_S24_3)
        memcpy(to, (const uint8_t *)&s32 + 1, 3);
    else if (format == SL_SAMPLE_S32)
        memcpy(to, &s32, 4);
    else
        memcpy(to, &real, 4);
}

/* The left ear hears the tone, the right one half of it; further channels must not be heard. */
static void make_frames(struct card *card, uint8_t *frames, int count)
{
    const size_t bytes = sl_sample_bytes(card->format);
    for (int i = 0; i < count; i++) {
        const double t = (double)heard(card, card->frame + i) * 1e-9;
        const double tone = LEVEL * sin(2 * M_PI * TONE_HZ * t);
        for (int c = 0; c < card->channels; c++, frames += bytes)
            write_sample(frames, card->format, c == 0 ? tone : c == 1 ? tone / 2 : 0.4);
    }
}

static double value(const struct sl_audio_block *block, int i, int ear)
{
    return (double)block->samples[2 * i + ear] / 32768;
}

/* What part of the block is the tone that was to be heard there, and how far it is shifted. */
static void judge(struct card *card, const struct sl_audio_block *block)
{
    double sine = 0, cosine = 0, rest = 0;
    for (int i = 0; i < SL_AUDIO_FRAME_SAMPLES; i++) {
        const double t = (double)block->captured * 1e-9 + (double)i / SL_AUDIO_RATE_HZ;
        sine += value(block, i, 0) * sin(2 * M_PI * TONE_HZ * t) * 2 / SL_AUDIO_FRAME_SAMPLES;
        cosine += value(block, i, 0) * cos(2 * M_PI * TONE_HZ * t) * 2 / SL_AUDIO_FRAME_SAMPLES;
    }
    for (int i = 0; i < SL_AUDIO_FRAME_SAMPLES; i++) {
        const double t = (double)block->captured * 1e-9 + (double)i / SL_AUDIO_RATE_HZ;
        const double tone =
            sine * sin(2 * M_PI * TONE_HZ * t) + cosine * cos(2 * M_PI * TONE_HZ * t);
        rest = fmax(rest, fabs(value(block, i, 0) - tone));
        rest = fmax(rest, fabs(value(block, i, 1) - tone / (card->channels > 1 ? 2 : 1)));
    }
    const sl_ns late = (sl_ns)(fabs(atan2(cosine, sine)) / (2 * M_PI * TONE_HZ) * 1e9);
    card->late_max = late > card->late_max ? late : card->late_max;
    card->loud_min = fmin(card->loud_min, hypot(sine, cosine));
    card->rest_max = fmax(card->rest_max, rest);
}

static void take_all(struct card *card, struct sl_audio_resample *resample)
{
    static struct sl_audio_block block;
    while (sl_audio_resample_take(resample, &block)) {
        assert_true(!card->next || block.captured >= card->next);
        card->gaps += card->next && block.captured != card->next;
        card->next = block.captured + SL_AUDIO_BLOCK;
        assert_true(sl_audio_resample_end(resample) == card->next);
        card->blocks++;
        if (block.captured >= card->judged_from)
            judge(card, &block);
    }
}

static void live(struct card *card, struct sl_audio_resample *resample, sl_ns end)
{
    static uint8_t frames[384000 / 200 * 64 * 4];
    const int chunk = sl_audio_resample_chunk(resample);
    while (heard(card, card->frame) < end) {
        const sl_ns late = (sl_ns)(sl_random_unit(&card->random) * (double)card->jitter);
        make_frames(card, frames, chunk);
        sl_audio_resample_observe(resample, chunk, heard(card, card->frame + chunk) + late);
        assert_int_equal(sl_audio_resample_put(resample, frames, chunk), 0);
        card->frame += chunk;
        take_all(card, resample);
    }
}

static struct sl_audio_resample *make(struct card *card)
{
    struct sl_audio_resample *resample = NULL;
    sl_random_init_seed(&card->random, 3);
    card->loud_min = 1;
    assert_int_equal(sl_audio_resample_create(&resample, card->rate_hz, card->channels,
                                              card->format, card->from),
                     0);
    return resample;
}

static void every_rate_format_and_speed(void **state)
{
    (void)state;
    static const struct card cards[] = {
        {.rate_hz = 48000, .channels = 1, .format = SL_SAMPLE_S16, .ppm = 500},
        {.rate_hz = 48000, .channels = 2, .format = SL_SAMPLE_S32, .ppm = -500},
        {.rate_hz = 48000, .channels = 2, .format = SL_SAMPLE_S16, .ppm = 0},
        {.rate_hz = 44100, .channels = 2, .format = SL_SAMPLE_FLOAT, .ppm = -120},
        {.rate_hz = 16000, .channels = 4, .format = SL_SAMPLE_S24_3, .ppm = 500},
        {.rate_hz = 8000, .channels = 1, .format = SL_SAMPLE_S16, .ppm = -500},
        {.rate_hz = 96000, .channels = 2, .format = SL_SAMPLE_S24_3, .ppm = 40},
        {.rate_hz = 192000, .channels = 8, .format = SL_SAMPLE_S32, .ppm = -40},
    };
    for (size_t i = 0; i < SL_COUNT(cards); i++) {
        struct card card = cards[i];
        struct sl_audio_resample *resample = make(&card);
        live(&card, resample, 2 * SL_SEC);
        card.judged_from = card.next;
        live(&card, resample, 21 * SL_SEC);
        assert_int_equal(card.gaps, 0);
        assert_in_range(card.blocks, 19800 * SL_MS / SL_AUDIO_BLOCK, 20 * SL_SEC / SL_AUDIO_BLOCK);
        assert_true(card.late_max < 2 * SL_MS); /* while it learns the speed */
        assert_true(card.loud_min > 0.99 * LEVEL && card.rest_max < 0.01);
        card.judged_from = card.next;
        card.late_max = 0;
        card.rest_max = 0;
        live(&card, resample, 31 * SL_SEC);
        assert_true(card.late_max < 300 * SL_US);
        assert_true(card.rest_max < 1e-4); /* -74 dB of the tone */
        assert_float_equal(sl_audio_resample_ppm(resample), card.ppm, 8);
        sl_audio_resample_destroy(resample);
    }
}

static void late_news_of_the_card(void **state)
{
    (void)state;
    struct card card = {.rate_hz = 48000, .channels = 1, .ppm = -300, .jitter = 20 * SL_MS};
    struct sl_audio_resample *resample = make(&card);
    card.judged_from = 3 * SL_SEC;
    live(&card, resample, 60 * SL_SEC);
    assert_int_equal(card.gaps, 0);
    assert_true(card.late_max < 4 * SL_MS);
    assert_true(card.rest_max < 1e-3); /* no more than a change of speed that nobody hears */
    sl_audio_resample_destroy(resample);
}

static void what_is_lost_is_a_gap(void **state)
{
    (void)state;
    struct card card = {.rate_hz = 48000, .channels = 1, .ppm = 200};
    struct sl_audio_resample *resample = make(&card);
    live(&card, resample, 30 * SL_SEC);
    assert_int_equal(card.gaps, 0);
    const sl_ns before = card.next;
    card.lost = 300 * SL_MS;
    sl_audio_resample_restart(resample);
    card.judged_from = 30 * SL_SEC;
    live(&card, resample, 31 * SL_SEC);
    assert_int_equal(card.gaps, 1);
    assert_true(card.next > before + 600 * SL_MS); /* it goes on soon, */
    assert_true(card.late_max < SL_MS);            /* and at the right moment at once */
    sl_audio_resample_destroy(resample);
}

static void moments_do_not_go_back(void **state)
{
    (void)state;
    struct card card = {.rate_hz = 48000, .channels = 1};
    struct sl_audio_resample *resample = make(&card);
    live(&card, resample, 3 * SL_SEC);
    /* It had been told late all the while, as it turns out. */
    card.lost = -200 * SL_MS;
    card.judged_from = card.next + SL_AUDIO_BLOCK;
    live(&card, resample, 6 * SL_SEC); /* take_all() looks at the moments */
    assert_in_range(card.gaps, 0, 1);
    assert_true(card.late_max < SL_MS);
    sl_audio_resample_destroy(resample);
    /* Nor behind those of the device before. */
    struct card next = {.rate_hz = 48000, .channels = 1, .from = 5 * SL_SEC};
    resample = make(&next);
    next.next = 5 * SL_SEC;
    live(&next, resample, 7 * SL_SEC);
    assert_in_range(next.blocks, 1900 * SL_MS / SL_AUDIO_BLOCK, 2 * SL_SEC / SL_AUDIO_BLOCK);
    sl_audio_resample_destroy(resample);
}

static void limits(void **state)
{
    (void)state;
    struct sl_audio_resample *resample = NULL;
    assert_int_equal(sl_audio_resample_create(&resample, 3999, 1, SL_SAMPLE_S16, 0), -EINVAL);
    assert_int_equal(sl_audio_resample_create(&resample, 384001, 1, SL_SAMPLE_S16, 0), -EINVAL);
    assert_int_equal(sl_audio_resample_create(&resample, 48000, 65, SL_SAMPLE_S16, 0), -EINVAL);
    assert_int_equal(sl_audio_resample_create(&resample, 48000, 0, SL_SAMPLE_S16, 0), -EINVAL);
    assert_null(resample);
    const int rates[] = {4000, 384000};
    for (size_t i = 0; i < SL_COUNT(rates); i++) {
        struct card card = {.rate_hz = rates[i], .channels = 64, .format = SL_SAMPLE_FLOAT};
        resample = make(&card);
        live(&card, resample, 1400 * SL_MS);
        assert_true(card.blocks > 200 * SL_MS / SL_AUDIO_BLOCK);
        uint8_t frame[64 * 4] = {0};
        assert_int_equal(
            sl_audio_resample_put(resample, frame, sl_audio_resample_chunk(resample) + 1), -EINVAL);
        assert_int_equal(sl_audio_resample_put(resample, frame, 0), -EINVAL);
        sl_audio_resample_destroy(resample);
    }
    sl_audio_resample_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rate_format_and_speed),
        cmocka_unit_test(late_news_of_the_card),
        cmocka_unit_test(what_is_lost_is_a_gap),
        cmocka_unit_test(moments_do_not_go_back),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
