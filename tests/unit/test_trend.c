/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "base/random.h"
#include "rate/loss.h"
#include "rate/trend.h"

#define FRAME (SL_SEC / 30)
#define OFFSET (-40000 * SL_SEC) /* the clocks do not agree */

struct path {
    struct sl_trend trend;
    struct sl_random random;
    sl_ns now, delay, jitter;
    sl_ns interval;
};

static void start(struct path *path, sl_ns jitter)
{
    *path = (struct path){
        .now = 1000 * SL_SEC, .delay = 20 * SL_MS, .jitter = jitter, .interval = FRAME};
    sl_random_init_seed(&path->random, 2);
    sl_trend_init(&path->trend);
}

static enum sl_trend_state step(struct path *path, sl_ns more)
{
    path->now += path->interval;
    path->delay += more;
    const sl_ns jitter = (sl_ns)(sl_random_unit(&path->random) * (double)path->jitter);
    return sl_trend_add(&path->trend, path->now, OFFSET + path->delay + jitter);
}

static int count(struct path *path, int frames, sl_ns more, enum sl_trend_state state)
{
    int n = 0;
    for (int i = 0; i < frames; i++)
        n += step(path, more) == state;
    return n;
}

static void jitter_and_skew_are_no_trend(void **state)
{
    (void)state;
    static const sl_ns jitters[] = {0, 5 * SL_MS, 20 * SL_MS};
    for (size_t i = 0; i < SL_COUNT(jitters); i++) {
        struct path path;
        start(&path, jitters[i]);
        /* Ten minutes, by a clock that runs 200 ppm off. */
        assert_int_equal(count(&path, 18000, FRAME / 5000, SL_TREND_STEADY), 18000);
        assert_true(sl_trend_queue(&path.trend) < 30 * SL_MS);
    }
}

static void a_link_too_narrow_is_found_within_three_frames(void **state)
{
    (void)state;
    struct path path;
    start(&path, 5 * SL_MS);
    count(&path, 300, 0, SL_TREND_STEADY);
    /* 2 Mb/s into 800 kb/s: each frame waits 50 ms longer. */
    assert_true(count(&path, 3, 50 * SL_MS, SL_TREND_RISING) >= 1);
    /* And one that falls is none any more, a sample later. */
    step(&path, -15 * SL_MS);
    assert_int_equal(count(&path, 10, -15 * SL_MS, SL_TREND_RISING), 0);
}

static void a_slow_stream_is_as_quick(void **state)
{
    (void)state;
    struct path path;
    start(&path, 5 * SL_MS);
    path.interval = SL_SEC / 5;
    count(&path, 100, 0, SL_TREND_STEADY);
    assert_true(count(&path, 3, 50 * SL_MS, SL_TREND_RISING) >= 1);
}

static void a_key_frame_is_no_rise(void **state)
{
    (void)state;
    struct path path;
    start(&path, 2 * SL_MS);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(count(&path, 58, 0, SL_TREND_STEADY), 58);
        assert_int_equal(step(&path, 120 * SL_MS), SL_TREND_STEADY);
        assert_int_equal(step(&path, -90 * SL_MS), SL_TREND_STEADY);
        assert_int_equal(step(&path, -30 * SL_MS), SL_TREND_STEADY);
    }
}

static void a_queue_that_stands_is_found_and_can_be_taken_for_the_path(void **state)
{
    (void)state;
    struct path path;
    start(&path, 2 * SL_MS);
    count(&path, 100, 0, SL_TREND_STEADY);
    step(&path, 60 * SL_MS);
    sl_trend_clear(&path.trend); /* so that the step itself is no rise */
    assert_int_equal(count(&path, 14, 0, SL_TREND_STEADY), 14);
    assert_true(count(&path, 5, 0, SL_TREND_STANDING) >= 3);
    assert_in_range(sl_trend_queue(&path.trend), 55 * SL_MS, 62 * SL_MS);
    sl_trend_rebase(&path.trend);
    assert_int_equal(count(&path, 300, 0, SL_TREND_STEADY), 300);
    assert_true(sl_trend_queue(&path.trend) < 5 * SL_MS);
}

static void a_longer_path_is_the_base_after_half_a_minute(void **state)
{
    (void)state;
    struct path path;
    start(&path, 0);
    count(&path, 100, 0, SL_TREND_STEADY);
    step(&path, 60 * SL_MS);
    count(&path, 31 * 30, 0, SL_TREND_STANDING);
    assert_int_equal(sl_trend_queue(&path.trend), 0);
}

/* ---- loss ---- */

static void loss_is_summed_over_spans_and_forgotten(void **state)
{
    (void)state;
    struct sl_loss_window window = {0};
    const sl_ns t = 1000 * SL_SEC;
    for (int i = 0; i < 30; i++)
        sl_loss_add(&window, (struct sl_loss_counts){10, 1, 1}, t + i * 100 * SL_MS);
    const sl_ns now = t + 2950 * SL_MS;
    struct sl_loss_counts sum = sl_loss_sum(&window, 2 * SL_SEC, now);
    assert_int_equal(sum.known, 200);
    assert_int_equal(sum.lost, 20);
    assert_int_equal(sl_loss_sum(&window, 500 * SL_MS, now).known, 50);
    assert_int_equal(sl_loss_sum(&window, SL_SEC, now + SL_SEC).known, 0);
    assert_int_equal(sl_loss_sum(&window, 2 * SL_SEC, now + SL_SEC).known, 100);
    /* A loss that was none. */
    sl_loss_add(&window, (struct sl_loss_counts){0, -30, 0}, now);
    sum = sl_loss_sum(&window, 2 * SL_SEC, now);
    assert_int_equal(sum.lost, 0);
    sl_loss_add(&window, (struct sl_loss_counts){5, 0, 0}, now + 60 * SL_SEC);
    assert_int_equal(sl_loss_sum(&window, 2 * SL_SEC, now + 60 * SL_SEC).known, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jitter_and_skew_are_no_trend),
        cmocka_unit_test(a_link_too_narrow_is_found_within_three_frames),
        cmocka_unit_test(a_slow_stream_is_as_quick),
        cmocka_unit_test(a_key_frame_is_no_rise),
        cmocka_unit_test(a_queue_that_stands_is_found_and_can_be_taken_for_the_path),
        cmocka_unit_test(a_longer_path_is_the_base_after_half_a_minute),
        cmocka_unit_test(loss_is_summed_over_spans_and_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
