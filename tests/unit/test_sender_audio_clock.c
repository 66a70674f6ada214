/* SPDX-License-Identifier: MIT */
/* A sound card's clock against the monotonic one, days of it in virtual time. */
#include "sender/audio_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

#define RATE 48000
#define BLOCK (20 * SL_MS)
#define BLOCK_SAMPLES 960.0
#ifdef NDEBUG
#define DAY (24 * 3600 * SL_SEC)
#else /* sanitizers are slow */
#define DAY (3600 * SL_SEC)
#endif

/*
 * A card that is `ppm` fast. Each `period` frames it tells its count, up to `jitter` late. What
 * comes in is given out by the pace that the clock says, in blocks of exactly 20 ms.
 */
struct card {
    double ppm;
    int period;
    sl_ns jitter;
    sl_ns lost_at, lost; /* the card loses so much sound then, and says nothing */

    int64_t frame; /* counted by the card */
    sl_ns losses;  /* sound that the count does not know of */
    sl_ns told;    /* the last observation: time does not run backwards */
    double taken;  /* frames that have been given out */
    sl_ns due;     /* of the next block; 0: none given out yet */
    struct {
        sl_ns max, now; /* of a block's moment against the truth */
    } error;
    int jumps;
    struct sl_random random;
};

/* When a frame was truly heard. */
static sl_ns truth(const struct card *card, double frame)
{
    return SL_SEC + card->losses + (sl_ns)(frame / RATE / (1 + card->ppm * 1e-6) * 1e9);
}

static void init(struct card *card, struct sl_audio_clock *clock)
{
    sl_random_init_seed(&card->random, 7);
    sl_audio_clock_init(clock, RATE);
}

static void give_out(struct card *card, const struct sl_audio_clock *clock, sl_ns measured_from)
{
    while (sl_audio_clock_settled(clock) && (double)card->frame - card->taken > 1000) {
        const sl_ns heard = sl_audio_clock_at(clock, (int64_t)card->taken);
        if (!card->due)
            card->due = heard;
        const struct sl_audio_pace pace = sl_audio_clock_pace(clock, heard, card->due);
        if (pace.jump) {
            card->due = heard;
            card->jumps++;
            continue;
        }
        card->error.now = llabs(truth(card, card->taken) - card->due);
        if (card->due > measured_from && card->error.now > card->error.max)
            card->error.max = card->error.now;
        card->taken += BLOCK_SAMPLES * (1 + pace.ppm * 1e-6);
        card->due += BLOCK;
    }
}

/* Lives until `end`; errors count from `measured_from` on. */
static void live(struct card *card, struct sl_audio_clock *clock, sl_ns end, sl_ns measured_from)
{
    while (truth(card, (double)card->frame) < end) {
        card->frame += card->period;
        if (card->lost && truth(card, (double)card->frame) >= card->lost_at) {
            card->losses += card->lost;
            card->lost = 0;
        }
        const sl_ns late = (sl_ns)(sl_random_unit(&card->random) * (double)card->jitter);
        const sl_ns at = truth(card, (double)card->frame) + late;
        card->told = at > card->told ? at : card->told;
        sl_audio_clock_observe(clock, card->frame, card->told);
        give_out(card, clock, measured_from);
    }
}

static void a_day_of_drift(void **state)
{
    (void)state;
    const double ppms[] = {-500, -37, 0, 500};
    for (size_t i = 0; i < SL_COUNT(ppms); i++) {
        struct card card = {.ppm = ppms[i], .period = 480, .jitter = 20 * SL_MS};
        struct sl_audio_clock clock;
        init(&card, &clock);
        live(&card, &clock, DAY, 2 * SL_SEC);
        assert_int_equal(card.jumps, 0);
        assert_true(card.error.max < 3 * SL_MS);
        assert_true(card.error.now < SL_MS);
        assert_float_equal(sl_audio_clock_ppm(&clock), ppms[i], 30);
    }
}

/* With the kernel's timestamps there is hardly any jitter, and hardly any error. */
static void good_timestamps_are_used(void **state)
{
    (void)state;
    struct card card = {.ppm = 120, .period = 240, .jitter = 100 * SL_US};
    struct sl_audio_clock clock;
    init(&card, &clock);
    live(&card, &clock, 600 * SL_SEC, 60 * SL_SEC);
    assert_int_equal(card.jumps, 0);
    assert_true(card.error.max < 50 * SL_US);
    assert_float_equal(sl_audio_clock_ppm(&clock), 120, 1);
}

/* A crystal that warms up. */
static void speed_that_changes_is_followed(void **state)
{
    (void)state;
    struct sl_audio_clock clock;
    sl_audio_clock_init(&clock, RATE);
    sl_ns at = SL_SEC, worst = 0;
    double now = (double)at;
    for (int64_t frame = 0; frame < 1800LL * RATE; frame += 240) {
        sl_audio_clock_observe(&clock, frame, at);
        const sl_ns error = llabs(sl_audio_clock_at(&clock, frame) - at);
        worst = error > worst ? error : worst;
        const double ppm = 60.0 * (double)frame / (1800.0 * RATE);
        now += 240.0 / RATE * 1e9 / (1 + ppm * 1e-6);
        at = (sl_ns)now;
    }
    assert_true(worst < 50 * SL_US);
    assert_float_equal(sl_audio_clock_ppm(&clock), 60, 2);
}

static void a_loss_nobody_told_of_heals_by_a_jump(void **state)
{
    (void)state;
    struct card card = {.ppm = 300,
                        .period = 480,
                        .jitter = 10 * SL_MS,
                        .lost_at = 100 * SL_SEC,
                        .lost = 300 * SL_MS};
    struct sl_audio_clock clock;
    init(&card, &clock);
    live(&card, &clock, 100 * SL_SEC - 40 * SL_MS, 30 * SL_SEC);
    assert_true(card.error.max < 5 * SL_MS);
    card.error.max = 0;
    live(&card, &clock, 130 * SL_SEC, 102500 * SL_MS); /* 2.5 s later all is well */
    assert_int_equal(card.jumps, 1);
    assert_true(card.error.max < 5 * SL_MS);
    assert_float_equal(sl_audio_clock_ppm(&clock), 300, 30);
}

/* As after an overrun that the driver reports. */
static void a_restart_keeps_the_speed(void **state)
{
    (void)state;
    struct card card = {.ppm = -400, .period = 480, .jitter = 5 * SL_MS};
    struct sl_audio_clock clock;
    init(&card, &clock);
    live(&card, &clock, 60 * SL_SEC, 30 * SL_SEC);
    sl_audio_clock_restart(&clock);
    assert_false(sl_audio_clock_settled(&clock));
    assert_float_equal(sl_audio_clock_ppm(&clock), -400, 15);
    card.losses = 300 * SL_MS;
    card.due = 0;
    card.taken = (double)card.frame;
    live(&card, &clock, 60500 * SL_MS, 60 * SL_SEC); /* half a second is enough */
    assert_true(sl_audio_clock_settled(&clock));
    assert_true(card.error.max < 5 * SL_MS);
    assert_int_equal(card.jumps, 0);
}

static void more_frames_than_time_starts_anew(void **state)
{
    (void)state;
    struct sl_audio_clock clock;
    sl_audio_clock_init(&clock, RATE);
    for (int i = 0; i < 100; i++)
        sl_audio_clock_observe(&clock, i * 480, SL_SEC + i * 10 * SL_MS);
    assert_true(sl_audio_clock_settled(&clock));
    sl_audio_clock_observe(&clock, 200 * 480, 2 * SL_SEC);
    assert_false(sl_audio_clock_settled(&clock));
    assert_true(sl_audio_clock_at(&clock, 200 * 480) == 2 * SL_SEC);
    /* A source that has no clock at all, such as a file, must not run it out of its range. */
    for (int64_t i = 0; i < 10000; i++)
        sl_audio_clock_observe(&clock, (200 + i) * 480, 2 * SL_SEC + i * SL_MS);
    assert_in_range((int)(sl_audio_clock_ppm(&clock) + 6000), 0, 12000);
}

static void pace(void **state)
{
    (void)state;
    struct sl_audio_clock clock;
    sl_audio_clock_init(&clock, RATE);
    assert_true(sl_audio_clock_pace(&clock, SL_SEC, SL_SEC).ppm == 0);
    /* Heard later than it would be called: fewer frames for each sample, until it fits. */
    assert_float_equal(sl_audio_clock_pace(&clock, SL_SEC + SL_MS, SL_SEC).ppm, -1000, 1);
    assert_float_equal(sl_audio_clock_pace(&clock, SL_SEC - SL_MS, SL_SEC).ppm, 1000, 1);
    assert_float_equal(sl_audio_clock_pace(&clock, SL_SEC + 14 * SL_MS, SL_SEC).ppm, -3000, 1);
    assert_false(sl_audio_clock_pace(&clock, SL_SEC + 14 * SL_MS, SL_SEC).jump);
    assert_true(sl_audio_clock_pace(&clock, SL_SEC + 16 * SL_MS, SL_SEC).jump);
    assert_true(sl_audio_clock_pace(&clock, SL_SEC - 16 * SL_MS, SL_SEC).jump);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_of_drift),
        cmocka_unit_test(good_timestamps_are_used),
        cmocka_unit_test(speed_that_changes_is_followed),
        cmocka_unit_test(a_loss_nobody_told_of_heals_by_a_jump),
        cmocka_unit_test(a_restart_keeps_the_speed),
        cmocka_unit_test(more_frames_than_time_starts_anew),
        cmocka_unit_test(pace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
