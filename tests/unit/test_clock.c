/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/random.h"
#include "jitter/clock.h"

#define HZ 90000

/* Runs `seconds` of 30 frames/s whose sender's clock is `ppm` fast, with up to `noise` of queueing
 * and a transit of 5 ms; returns how far the last frame's estimate is from the truth. */
static sl_ns run(struct sl_media_clock *clock, int seconds, double ppm, sl_ns noise,
                 uint32_t timestamp, uint64_t seed)
{
    struct sl_random random;
    sl_random_init_seed(&random, seed);
    const sl_ns start = 1000 * SL_SEC;
    sl_ns error = 0;
    for (int n = 0; n < seconds * 30; n++) {
        const sl_ns sent = start + (sl_ns)(n * (SL_SEC / 30.0) / (1 + ppm * 1e-6));
        const uint32_t stamp = timestamp + (uint32_t)n * (HZ / 30);
        const sl_ns queued = noise ? (sl_ns)(sl_random_unit(&random) * (double)noise) : 0;
        sl_media_clock_began(clock, stamp, sent + 5 * SL_MS + queued);
        sl_media_clock_observe(clock, stamp, sent + 5 * SL_MS + queued);
        error = sl_media_clock_fastest(clock, stamp) - (sent + 5 * SL_MS);
    }
    return error < 0 ? -error : error;
}

static void knows_nothing_at_first(void **state)
{
    (void)state;
    struct sl_media_clock clock;
    sl_media_clock_init(&clock, HZ);
    assert_true(sl_media_clock_fastest(&clock, 5) == SL_NEVER);
}

static void predicts_the_fastest_transit(void **state)
{
    (void)state;
    struct sl_media_clock clock;
    sl_media_clock_init(&clock, HZ);
    sl_media_clock_observe(&clock, 1000, 50 * SL_MS);
    sl_media_clock_observe(&clock, 1000 + 3000, 50 * SL_MS + SL_SEC / 30 + 9 * SL_MS);
    const sl_ns expected = 50 * SL_MS + 2 * (SL_SEC / 30);
    assert_in_range(sl_media_clock_fastest(&clock, 1000 + 6000) - expected + 100, 0, 200);
    assert_in_range(sl_media_clock_fastest(&clock, 1000) - 50 * SL_MS + 100, 0, 200);
}

static void follows_timestamps_across_their_wrap(void **state)
{
    (void)state;
    struct sl_media_clock clock;
    sl_media_clock_init(&clock, HZ);
    assert_in_range(run(&clock, 10, 0, 0, UINT32_MAX - 100000, 1), 0, SL_US);
}

static void takes_skew_out(void **state)
{
    (void)state;
    for (int ppm = -200; ppm <= 200; ppm += 100) {
        struct sl_media_clock clock;
        sl_media_clock_init(&clock, HZ);
        /* An hour: the timestamps alone drift by up to 0.7 s. */
        assert_in_range(run(&clock, 3600, ppm, 3 * SL_MS, 7, 3), 0, SL_MS);
        assert_in_range((int)(clock.skew * -1e6) - ppm + 30, 0, 60);
    }
}

static void a_slower_path_is_believed_within_half_a_minute(void **state)
{
    (void)state;
    struct sl_media_clock clock;
    sl_media_clock_init(&clock, HZ);
    for (int n = 0; n < 30 * 120; n++) {
        const sl_ns at = 100 * SL_SEC + n * (SL_SEC / 30) + (n >= 30 * 60 ? 80 * SL_MS : 0);
        sl_media_clock_observe(&clock, (uint32_t)n * 3000, at);
        const sl_ns behind = at - sl_media_clock_fastest(&clock, (uint32_t)n * 3000);
        if (n < 30 * 60 || n > 30 * 110)
            assert_in_range(behind + SL_MS, 0, 2 * SL_MS);
    }
}

static void starts_anew_when_timestamps_jump(void **state)
{
    (void)state;
    for (int way = 0; way < 2; way++) {
        struct sl_media_clock clock;
        sl_media_clock_init(&clock, HZ);
        assert_in_range(run(&clock, 60, 100, 0, 1000000000, 1), 0, SL_MS);
        const uint32_t jumped = way ? 900000000 : 1100000000; /* 18 minutes */
        assert_in_range(run(&clock, 60, 0, 0, jumped, 1), 0, SL_MS);
    }
}

static void measures_jitter(void **state)
{
    (void)state;
    struct sl_media_clock clock;
    sl_media_clock_init(&clock, HZ);
    for (int n = 0; n < 1000; n++)
        sl_media_clock_began(&clock, (uint32_t)n * 3000, n * (SL_SEC / 30) + n % 2 * 4 * SL_MS);
    assert_in_range((sl_ns)clock.jitter, 39 * SL_MS / 10, 41 * SL_MS / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_nothing_at_first),
        cmocka_unit_test(predicts_the_fastest_transit),
        cmocka_unit_test(follows_timestamps_across_their_wrap),
        cmocka_unit_test(takes_skew_out),
        cmocka_unit_test(a_slower_path_is_believed_within_half_a_minute),
        cmocka_unit_test(starts_anew_when_timestamps_jump),
        cmocka_unit_test(measures_jitter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
